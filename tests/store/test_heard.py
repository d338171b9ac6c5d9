"""What was told is read back from decisions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from monitor.model import Decision, Level, Reason
from monitor.store import Store
from monitor.triage import informed

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SAID = [
    Decision(incident, notifier, NOON + hour * timedelta(hours=1), reason, because, surprise, Level.HIGH, hour)
    for incident, notifier, hour, reason, because, surprise in (
        ("i1", "slack", 0, Reason.OPENED, "", 4.0),
        ("i1", "pager", 0, Reason.OFF_HOURS, "", 4.0),
        ("i2", "slack", 0, Reason.STORM, "s1", 3.0),
        ("i1", "slack", 1, Reason.WORSENED, "", 8.0),
        ("i1", "slack", 2, Reason.UNCHANGED, "", 9.0),
        ("i1", "pager", 3, Reason.ESCALATED, "S1", 9.0),
        ("i3", "slack", 3, Reason.WEAK, "", 1.0),
    )
]


def test_what_was_told_and_what_a_digest_said_come_back_in_order() -> None:
    with Store() as store:
        store.conclude({}, [], [], SAID)
        assert store.said(["i1", "i2", "i3"]) == [one for one in SAID if one.told or one.reason is Reason.STORM]
        assert store.said(["i3"]) == store.said([]) == []
        assert informed(store.said(["i1", "i2", "i3"])) == informed(SAID)


def test_the_last_that_was_told_is_kept_apart_for_every_notifier() -> None:
    with Store() as store:
        store.conclude({}, [], [], SAID)
        assert store.told(["i1", "i2"]) == {("i1", "slack"): SAID[3], ("i1", "pager"): SAID[5]}


def test_openings_are_those_aloud_and_those_in_a_digest() -> None:
    with Store() as store:
        store.conclude({}, [], [], SAID)
        assert store.openings(NOON) == [SAID[0], SAID[2]]
        assert store.openings(NOON + timedelta(minutes=1)) == []
