"""Who looks at the page: what they may press, what they call each other, what time it is for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from monitor.clock import EPOCH
from monitor.testing.slack.files import File
from monitor.testing.slack.http import Body
from monitor.testing.slack.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Reader:
    """A person in front of the page; `user` is empty if the channel has nobody in it.

    Attributes
    ----------
    thread
        The message whose thread is open beside the channel; empty: none is.
    live
        Whether what is shown can be pressed.
    """

    world: Workspace
    files: Mapping[str, File]
    user: str
    zone: tzinfo
    thread: str = ""
    live: bool = True

    @property
    def now(self) -> datetime:
        """The present where they are."""
        return self.world.clock.now.astimezone(self.zone)

    @property
    def still(self) -> Reader:
        """The same person before something that cannot be pressed."""
        return replace(self, live=False)

    def at(self, ts: str) -> datetime:
        """When a stamp was made, where they are."""
        return (EPOCH + timedelta(seconds=float(ts or 0))).astimezone(self.zone)

    def name(self, user: str) -> str:
        """What somebody is called."""
        found = self.world.users.get(user)
        return found.name if found else "unknown"

    def handle(self, group: str) -> str:
        """What a user group is called."""
        found = self.world.groups.get(group)
        return found.handle if found else "unknown-group"

    def picture(self, named: Body) -> tuple[str, File] | None:
        """Where the page has a picture that a block names by ``slack_file`` or by its address here."""
        address = urlsplit(str(named.get("url", ""))).path.removeprefix("/files-pri/").partition("/")[0]
        file = self.files.get(str(named.get("id", address)))
        return (place(file), file) if file else None


def place(file: File) -> str:
    """Where the page has a file."""
    return f"/page/files/{file.id}"


def zone(name: str) -> tzinfo:
    """A time zone by the name the browser gives it; UTC if that is none."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
