"""Run: the daemon's schedule. A job per source that collects, one that judges, and a postman, until it is stopped."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from threading import Event, Thread
from typing import Final

from monitor import clock
from monitor.clock import BIN, ticks
from monitor.daemon.disk import refusing
from monitor.daemon.rounds import Rounds
from monitor.daemon.scheduling import Schedule
from monitor.daemon.vitals import Running, Vitals
from monitor.sources.loganalytics.tally import Tally
from monitor.worker.acting import Serving
from monitor.worker.app import App
from monitor.worker.listening import Socket
from monitor.worker.postman import Postman

log = logging.getLogger("mintwatch.daemon")

DEADLINE: Final = timedelta(seconds=8)
"""How long work in flight may take to end once the daemon is told to stop.

What has not ended by then is left where it stands: windows are replaced whole, so that loses nothing.
"""
HANDOVER: Final = timedelta(minutes=5)
"""How long work in flight may take to end when something else takes its place: a question may be out for minutes.

Whatever still worked beside its successor could send a message, or judge a row, a second time.
"""
BEAT: Final = timedelta(seconds=1)
GLANCE: Final = timedelta(seconds=15)
"""How often it is looked how many messages wait."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What an app is in touch with, as far as it can be looked at: questions asked, Slack's socket, the heartbeat."""

    tallies: Collection[Tally] = ()
    socket: Socket | None = None
    heartbeat: Callable[[], str] | None = None


def run(
    app: App,
    every: Mapping[str, timedelta],
    stop: Event,
    *,
    vitals: Vitals | None = None,
    outside: Outside | None = None,
    now: Callable[[], datetime] = clock.now,
    halt: Event | None = None,
) -> bool:
    """Collect each source as often as `every` says, judge and tell, until `stop` is set.

    The schedule is in memory and in UTC. What is to be done follows from the watermarks in the state, so a time that
    was missed is not made up for; work that is still going on when its time comes again is passed over, and said.

    Parameters
    ----------
    vitals
        What shows how it is, entered already; it may be handed from one run to the next. Left out, nobody is shown.
    now
        The time by which sources are asked and rules judge; the schedule goes by the real clock.
    halt
        Set when the process is to end. If `stop` is set alone, another run follows, and what is in flight is waited for
        up to HANDOVER; if it has not ended then, `vitals` say that the process had better be started anew.

    Returns
    -------
    bool
        Whether everything in flight had ended within DEADLINE. If not, its threads are still there, and the caller
        leaves without waiting for them.
    """
    with nullcontext(vitals) if vitals else Vitals(stop, app.store.directory) as shown:
        return _run(app, every, stop, shown, outside or Outside(), now, halt or stop)


def _run(
    app: App,
    every: Mapping[str, timedelta],
    stop: Event,
    vitals: Vitals,
    outside: Outside,
    now: Callable[[], datetime],
    halt: Event,
) -> bool:
    metrics = vitals.metrics
    metrics.configured(
        [one.name for one in app.sources],
        [one.id for one in app.rules],
        [one.name for one in app.notifiers],
        listens=outside.socket is not None,
    )
    for tally in outside.tallies:
        tally.tell(metrics.asked)
    vitals.heartbeat.address = outside.heartbeat
    vitals.disk.refusing = partial(refusing, app.store)
    rounds = Rounds(app, every, vitals, now)
    rounds.look()
    schedule = _schedule(rounds, every, vitals)
    postman = Postman(app, stop, now, metrics.message, metrics.notified)
    serving = Serving(app)
    schedule.start()
    postman.start()
    log.info("started", extra={"part": "run", "sources": len(app.sources), "rules": len(app.rules)})
    with serving:
        vitals.follow(
            Running(
                [one.name for one in app.sources],
                lambda: all(tally.let_in for tally in outside.tallies),
                lambda: _gone(postman, serving, outside.socket, stop),
                lambda by: rounds.jumped(by, schedule),
                outside.socket,
            )
        )
        stop.wait()
    log.info("stopping", extra={"part": "run"})
    return _stopped(schedule, postman, vitals, halt)


def _stopped(schedule: Schedule, postman: Postman, vitals: Vitals, halt: Event) -> bool:
    """Whether everything ended in time, which is more where something else follows."""
    vitals.due = schedule.due("judge")
    closing = Thread(target=schedule.close, name="shutdown", daemon=True)
    closing.start()
    begun, halted, finished = ticks(), None, False
    while not finished:
        halted = ticks() if halted is None and halt.is_set() else halted
        if ticks() >= (begun + HANDOVER if halted is None else halted + DEADLINE):
            break
        carried = postman.stop(BEAT)
        closing.join(BEAT.total_seconds())
        finished = carried and not closing.is_alive()
        vitals.beat.strike()  # the scheduler that did so is closing
    if not finished and halted is None:
        vitals.died("what worked by the settings before does not end")
    vitals.follow(None)
    log.info("stopped", extra={"part": "run", "finished": finished})
    return finished


def _gone(postman: Postman, serving: Serving, socket: Socket | None, stop: Event) -> list[str]:
    """Threads that nobody starts anew and that are not there, unless that is because they were told to go."""
    lost = {"requests": not serving.alive, "slack-socket": socket is not None and not socket.alive}
    found = [*postman.gone(), *(name for name, gone in lost.items() if gone)]
    return [] if stop.is_set() else found


def _schedule(rounds: Rounds, every: Mapping[str, timedelta], vitals: Vitals) -> Schedule:
    """A job per source, their first rounds apart by a second, and one that judges, first half a bin later."""
    made = Schedule(len(every) + 4, rounds.missed)
    start = clock.now()
    for place, source in enumerate(rounds.app.sources):
        made.add(source.name, rounds.collecting(source), every[source.name], start + place * timedelta(seconds=1))
    made.add("judge", rounds.judge, BIN, min(vitals.due or start + BIN / 2, start + BIN / 2))
    made.add("glance", rounds.glance, GLANCE, start + GLANCE)
    made.add("beat", vitals.beat.strike, BEAT, start)
    return made
