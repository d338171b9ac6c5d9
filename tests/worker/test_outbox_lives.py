"""Each alert is told exactly once, whatever Slack does and whenever the daemon dies: over real sockets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Final

import pytest

from monitor.model import Delivery, Part, Queued, Reason, Wanted
from monitor.ports import Notifier
from monitor.store import Store
from monitor.testing.slack import UNPACED, Channel, Fault, LocalSlack, faults
from tests.worker.alerts import HOUR, MINUTE, NOON, Scripted, alert, want
from tests.worker.postal import Dying, Fate, Killed, Mortal, Post, address, carry, wrong

CONTEXT: Final = get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.worker.postal"])
WORSE: Final = (Reason.WORSENED, Reason.REMINDER)
TOLD: Final = [Scripted()]


@pytest.fixture(scope="module")
def slack() -> Iterator[LocalSlack]:
    with LocalSlack(limits=UNPACED) as made:
        yield made


@pytest.fixture
def channel(slack: LocalSlack, request: pytest.FixtureRequest) -> Iterator[Channel]:
    yield slack.channel(request.node.name[:60])
    slack.faults.clear()


def parts(alerts: int, news: int) -> Counter[Part]:
    return Counter({Part.CARD: alerts, Part.EVIDENCE: alerts, Part.LOG: alerts, Part.NEWS: news})


def worsened(store: Store, names: list[str], at: datetime) -> None:
    for minute, reason in enumerate(WORSE):
        for name in names:
            alert(store, TOLD, name, at + minute * MINUTE, reason)


# --- killed at any step ----------------------------------------------------------------------------------------------


def died(
    state: Path,
    slack: LocalSlack,
    kind: type[Mortal],
    fatal: int | None,
    fault: Fault | None,
    wrapped: Callable[[Notifier], Notifier] = lambda one: one,
) -> tuple[bool, str]:
    """Whether a life came to its step number `fatal`, and what was wrong at its end.

    One alert is opened and becomes worse while its card is changed; the fault meets the first message, and the second
    try of whatever that leads to.
    """
    channel = slack.channel(f"{fatal}")
    slack.faults.clear()
    if fault is not None:
        slack.faults.add(fault, method="chat.postMessage", times=1)
        slack.faults.add(fault, method="chat.postMessage", skip=2, times=1)
    kind.fate = Fate(fatal)
    killed = False
    for moment, reason in enumerate((Reason.OPENED, Reason.WORSENED)):
        with kind(state) as store:
            alert(store, TOLD, "i1", NOON + moment * HOUR, reason)
            try:
                Post(store, address(slack, channel), NOON, lambda one: Dying(wrapped(one), kind.fate)).until()
            except Killed:
                killed = True
                kind.fate = Fate()
    with kind(state) as store:
        Post(store, address(slack, channel), NOON, wrapped).until()
        return killed, wrong(store, channel, parts(1, 1))


def lives(
    tmp_path: Path, slack: LocalSlack, fault: Fault | None, kind: type[Mortal] = Mortal, most: int = 1000
) -> Iterator[str]:
    """What was wrong with each life, one for every step at which it could end."""
    for fatal in range(most):
        killed, said = died(tmp_path / str(fatal), slack, kind, fatal, fault)
        yield said
        if not killed:
            return
    assert most < 1000, "a life without an end"


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault", [None, faults.cut_after(), faults.cut_before()], ids=["none", "cut after", "cut before"]
)
def test_a_daemon_that_dies_at_any_step_tells_everything_once(
    slack: LocalSlack, fault: Fault | None, tmp_path: Path
) -> None:
    said = list(lives(tmp_path, slack, fault))
    assert len(said) > 30
    assert not any(said), [(place, one) for place, one in enumerate(said) if one]


# Each defence, switched off, must make some of the same lives end otherwise.


class Unmarked(Mortal):
    """Says nothing before it sends."""

    def sending(self, one: Queued) -> None:
        super().sending(one)
        with self._control.transaction() as control:
            control.execute("update outbox set state = 'new' where seq = ?", (one.seq,))


class Unproven(Mortal):
    """Forgets that a try whose end nobody knows may have been a sending."""

    def postpone(
        self,
        one: Queued,
        until: datetime,
        error: str,
        *,
        unsure: bool = False,  # noqa: ARG002
        permanent: bool = False,
    ) -> None:
        super().postpone(one, until, error, permanent=permanent)


class Overtaking(Mortal):
    """Lets later messages go before earlier ones of the same incident."""

    def due(self, at: datetime, notifier: str | None = None, most: int = -1) -> list[Queued]:
        return [one for one in self.waiting(notifier) if one.not_before <= at][::-1][:most]

    def next_due(self, notifier: str | None = None) -> datetime | None:
        return min((one.not_before for one in self.waiting(notifier)), default=None)


@pytest.mark.parametrize(
    ("kind", "fault", "whole"),
    [
        (Mortal, faults.cut_after(), True),
        (Unmarked, None, False),
        (Unproven, faults.cut_after(), False),
    ],
)
def test_without_a_defence_messages_are_told_twice_or_out_of_place(
    slack: LocalSlack, tmp_path: Path, kind: type[Mortal], fault: Fault | None, whole: bool
) -> None:
    assert any(lives(tmp_path, slack, fault, kind, 8)) is not whole


@pytest.mark.parametrize(("kind", "whole"), [(Mortal, True), (Overtaking, False)])
def test_without_their_order_news_overtake_each_other(
    slack: LocalSlack, channel: Channel, tmp_path: Path, kind: type[Mortal], whole: bool
) -> None:
    kind.fate = Fate()
    with kind(tmp_path) as store:
        alert(store, TOLD, "i1")
        post = Post(store, address(slack, channel))
        post.until()
        worsened(store, ["i1"], post.now)
        post.now += HOUR
        post.until()
        assert ("out of order" not in wrong(store, channel, parts(1, 2))) is whole


class Blind:
    """A notifier that cannot look up what arrived."""

    def __init__(self, inner: Notifier) -> None:
        self.name, self.parts, self.send = inner.name, inner.parts, inner.send

    def find(self, delivery: Delivery) -> str:  # noqa: ARG002
        return ""


def test_without_a_look_a_message_is_told_twice(slack: LocalSlack, tmp_path: Path) -> None:
    _, said = died(tmp_path, slack, Mortal, None, faults.cut_after(), Blind)
    assert "more than once" in said


# --- killed at any moment --------------------------------------------------------------------------------------------


def survived(slack: LocalSlack, channel: Channel, state: Path, alerts: int, kills: int, seed: int) -> str:
    """What was wrong after a life of that many alerts and kills, in foul weather; half of them became worse midway."""
    dice = Random(seed)
    slack.faults.weather(0.5, seed)
    names = [f"i{n:03}" for n in range(alerts)]
    with Store(state) as store:
        for name in names:
            alert(store, TOLD, name)
    for kill in range(kills + 1):
        if kill == kills // 2:
            with Store(state) as store:
                worsened(store, names[: alerts // 2], NOON + HOUR)
        process = CONTEXT.Process(target=carry, args=(state, address(slack, channel)))
        process.start()
        if kill < kills:
            written = _written(channel) + dice.randint(1, 5 * alerts // kills)
            slack.until(lambda: _written(channel) >= written)  # noqa: B023
            process.join(dice.uniform(0, 0.03))
            process.kill()
        process.join()
        assert process.exitcode == (-9 if kill < kills else 0)
    with Store(state) as store:
        return wrong(store, channel, parts(alerts, 2 * (alerts // 2)))


def _written(channel: Channel) -> int:
    """How often anything was posted or changed."""
    return sum(one.versions for one in list(channel.held.values()))


@pytest.mark.slow
def test_200_alerts_are_told_once_through_foul_weather_and_20_kills(
    slack: LocalSlack, channel: Channel, tmp_path: Path
) -> None:
    assert survived(slack, channel, tmp_path, 200, 20, seed=1) == ""


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10))
def test_2000_alerts_are_told_once_through_foul_weather_and_200_kills(
    slack: LocalSlack, channel: Channel, tmp_path: Path, seed: int
) -> None:
    assert survived(slack, channel, tmp_path, 200, 20, seed=100 + seed) == ""


# --- an hour without Slack -------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("fault", [faults.cut_before(), faults.cut_after()], ids=["cut before", "cut after"])
def test_an_hour_without_slack_loses_nothing_and_repeats_nothing(
    slack: LocalSlack, channel: Channel, tmp_path: Path, fault: Fault
) -> None:
    names = [f"i{n:03}" for n in range(200)]
    slack.faults.add(fault, times=None)
    with Store(tmp_path) as store:
        for name in names[:100]:
            alert(store, TOLD, name)
        post = Post(store, address(slack, channel))
        post.until(NOON + HOUR / 2)
        for name in names[100:]:
            alert(store, TOLD, name, post.now)
        worsened(store, names[:20], post.now)
        for _ in range(50):
            want(store, [Wanted("slack", name, Part.LOG) for name in names], post.now)
        post.until(NOON + HOUR)
        slack.faults.clear()
        post.until()
        assert wrong(store, channel, parts(200, 40)) == ""
        assert post.now - NOON < HOUR + 11 * MINUTE
        assert max(one.versions for one in channel.all) <= 3
