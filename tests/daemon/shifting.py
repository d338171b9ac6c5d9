"""The machine's clock as APScheduler reads it, which can be set."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo


class Shifted:
    """Stands in for `datetime` in APScheduler: its now is so much later than it is."""

    by = timedelta(0)

    @classmethod
    def now(cls, zone: tzinfo) -> datetime:
        return datetime.now(zone) + cls.by  # noqa: TID251 - it stands for the machine's clock
