"""What a person closes is over for everybody, be it for a pager that cannot change what it showed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from monitor.kql import DuckEngine
from monitor.model import Act, Decision, Message, Part, Person, Reason, State, Verb
from monitor.store import Store
from monitor.worker import App
from monitor.worker.acting import enact
from monitor.worker.telling import tell
from tests.worker.alerts import HOUR, MINUTE, NOON, Scripted, alert

HOOK = frozenset({Part.NEWS, Part.DIGEST})


@pytest.fixture
def store() -> Iterator[Store]:
    with Store() as made:
        yield made


def press(store: Store, verb: Verb, key: str = "k") -> None:
    asked = Act(key, verb, Person("U1", "ann"), "cli", NOON + HOUR, "i1", NOON + 2 * HOUR, "a test")
    enact(store, asked, NOON + HOUR)


@pytest.mark.parametrize(("verb", "state"), [(Verb.RESOLVE, State.RESOLVED), (Verb.FALSE_POSITIVE, "false positive")])
def test_whoever_has_only_news_is_told_that_a_person_closed_it(
    store: Store, engine: DuckEngine, verb: Verb, state: str
) -> None:
    """Off: `_closings` of monitor/worker/acting.py."""
    hook, slack, late = Scripted("hook", parts=HOOK), Scripted(), Scripted("late", parts=HOOK)
    alert(store, [hook, slack], "i1")
    world = App((), (), store, engine, (hook, slack, late))
    tell(world, NOON)
    press(store, verb)
    press(store, verb, "again")
    tell(world, NOON + HOUR)
    assert [one.part for one in slack.given[3:]] == [Part.CARD, Part.LOG]
    assert (hook.told, late.given) == ([(Part.NEWS, "i1"), (Part.NEWS, "i1")], [])
    said = hook.given[1].message
    assert isinstance(said, Message)
    assert (said.reason, said.state) == (Reason.RESOLVED, state)
    last = store.told(["i1"])
    assert last["i1", "hook"].reason is Reason.RESOLVED
    assert last["i1", "hook"].because == "by ann"
    assert last["i1", "slack"].reason is Reason.OPENED


@pytest.mark.parametrize("verb", [Verb.ACKNOWLEDGE, Verb.SNOOZE])
def test_what_closes_nothing_is_no_news(store: Store, engine: DuckEngine, verb: Verb) -> None:
    hook = Scripted("hook", parts=HOOK)
    alert(store, [hook], "i1")
    world = App((), (), store, engine, (hook,))
    tell(world, NOON)
    press(store, verb)
    tell(world, NOON + HOUR)
    assert len(hook.given) == 1


def test_who_was_told_that_it_is_over_is_not_told_again(store: Store) -> None:
    """Off: `RESOLVED` in `_closings` of monitor/worker/acting.py."""
    hook = Scripted("hook", parts=HOOK)
    alert(store, [hook], "i1")
    store.conclude({}, [], [], [Decision("i1", "hook", NOON + MINUTE, Reason.RESOLVED)])
    press(store, Verb.RESOLVE)
    assert [one.reason for one in store.decisions("i1")] == [Reason.OPENED, Reason.RESOLVED]
