"""The postman: takes what waits in the outbox to its notifiers, in one lane each, marked before and after."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from hashlib import blake2b
from threading import Event, Thread
from typing import Final

from monitor import clock
from monitor.clock import DAY, iso
from monitor.during import during
from monitor.errors import LaterError, MintwatchError, TransientError, UnsureError
from monitor.model import Delivery, Part, Queued
from monitor.ports import Notifier
from monitor.store import outbox
from monitor.worker.app import App
from monitor.worker.composing import Composer
from monitor.worker.guard import guarded, told

log = logging.getLogger("mintwatch.worker")

SHORTEST: Final = timedelta(seconds=1)
LONGEST: Final = timedelta(minutes=5)
"""The waits between tries of one message: from the one to the other, doubling."""
REFUSED: Final = outbox.LONGEST
"""The wait after a refusal: until a person changes something, the answer will be the same."""
ROW: Final = 5
"""After as many failures in a row it is the notifier that fails and no single message: then all of it rests."""
REST: Final = timedelta(minutes=1)
"""The longest rest: within it after the notifier works again, the first message gets through."""
IDLE: Final = timedelta(minutes=1)
"""How long nothing is looked at if nobody wants anything."""
OWED: Final = 3 * DAY
"""For how long it is tried to send a message, at the least."""
OFTEN: Final = 100
"""So many tries it takes as well, which are hours at the least: a clock that was set forward gives nothing up."""
ALONE: Final = frozenset({Part.CARD, Part.DIGEST, Part.DAILY})
"""What hangs from no card."""
BREATH: Final = timedelta(seconds=5)
"""The wait if the outbox itself cannot be read or written."""


def pause(one: Queued) -> timedelta:
    """How long to wait after a failed try: a second, doubling up to five minutes.

    Of that between a half and all of it, by the message and the try alone ("equal jitter", M. Brooker, "Exponential
    backoff and jitter", AWS Architecture Blog, 2015): messages that failed together do not come back together.
    """
    wait = min(SHORTEST * 2.0 ** min(one.tries, 20), LONGEST)
    drawn = int.from_bytes(blake2b(f"{one.key} {one.tries}".encode(), digest_size=4).digest()) / 2**32
    return wait * (0.5 + 0.5 * drawn)


class Lane:
    """The way to one notifier: the most urgent message first, one at a time.

    Parameters
    ----------
    now
        The present, asked before and after each try.
    outcome
        Told how each try ended: `sent`, `later`, `failed`, `unsure`, `refused`, or `lost`: it is not tried again.

    Attributes
    ----------
    given_up
        What was tried and is not tried again, because it has waited for days; a line each.
    """

    def __init__(
        self,
        composer: Composer,
        notifier: Notifier,
        now: Callable[[], datetime],
        outcome: Callable[[str, str], object] = lambda *_: None,
    ) -> None:
        self.notifier = notifier
        self._composer, self._store, self._now = composer, composer.app.store, now
        self._outcome = outcome
        self._failures = 0
        self.given_up: list[str] = []

    def step(self) -> bool:
        """One try of what is most urgent now; False if nothing is."""
        due = self._store.due(self._now(), self.notifier.name, 1)
        for one in due:
            with during({"delivery": one.key, "incident": one.wanted.incident, "notifier": self.notifier.name}):
                self._deliver(one)
        return bool(due)

    def next_due(self) -> datetime | None:
        """When there is something to do again; None: not before somebody wants something."""
        return self._store.next_due(self.notifier.name)

    def _deliver(self, one: Queued) -> None:
        """One try, or of what may have been sent already, a look for it and then a try."""
        if one.unsure and one.wanted.part is Part.CHART:
            self._lose(one, "it may have been sent, and nobody can look for a picture")
            return
        delivery = guarded(
            self.notifier.name,
            lambda: self._composer.delivery(one, self.notifier, self._now()),
            lambda error: self._unfit(one, error),
        )
        if delivery is None:
            return
        if Part.CARD in self.notifier.parts and one.wanted.part not in ALONE and not delivery.thread:
            self._lose(one, "the message it belongs to was given up")
            return
        if one.unsure and not one.ref:
            found = self._found(one, delivery)
            if found is None:
                return
            if found:
                self._sent(one, found)
                return
        self._send(one, delivery)

    def _found(self, one: Queued, delivery: Delivery) -> str | None:
        """The reference of what an earlier try left, '' if it left nothing, None if nobody can say now."""

        def failed(error: Exception) -> None:
            self._put_off(one, error, unsure=True)

        return guarded(self.notifier.name, lambda: self.notifier.find(delivery), failed)

    def _send(self, one: Queued, delivery: Delivery) -> None:
        self._store.sending(one)

        def failed(error: Exception) -> None:
            self._put_off(one, error, unsure=isinstance(error, UnsureError) or not isinstance(error, MintwatchError))

        ref = guarded(self.notifier.name, lambda: self.notifier.send(delivery), failed)
        if ref is not None:
            self._sent(one, ref)

    def _sent(self, one: Queued, ref: str) -> None:
        self._failures = 0
        self._store.sent(one, ref, self._now())
        self._outcome(self.notifier.name, "sent")
        log.info("sent", extra=self._said(one) | {"edit": bool(one.ref), "tries": one.tries + 1})

    def _put_off(self, one: Queued, error: Exception, *, unsure: bool) -> None:
        """Keep that it failed, and wait: with this message, with all of them if that is what is asked for."""
        now, name = self._now(), self.notifier.name
        permanent = isinstance(error, MintwatchError) and not isinstance(error, TransientError)
        self._outcome(name, _word(error, unsure=unsure))
        if unsure and one.wanted.part is Part.CHART and self._lose(one, told(error)):
            return
        wait = REFUSED if permanent else pause(one)
        if isinstance(error, LaterError):
            wait = max(error.after, SHORTEST)
            self._store.rest(name, now, now + wait)
        else:
            self._failures += 1
            if self._failures >= ROW:
                self._store.rest(name, now, now + min(SHORTEST * 2.0 ** min(self._failures - ROW, 20), REST))
        self._wait(one, min(wait, REFUSED), told(error), unsure=unsure and not one.ref, permanent=permanent)

    def _wait(self, one: Queued, wait: timedelta, error: str, *, unsure: bool, permanent: bool) -> None:
        """Try it again after that; if it has been tried often, for days, and nobody wanted it anew, not at all."""
        now = self._now()
        if now - one.wanted_at > OWED and one.tries + 1 >= OFTEN:
            said = f"not sent within {OWED.days} days of {iso(one.wanted_at)}: {error}"
            if self._lose(one, said, unsure=unsure):
                self.given_up.append(f"{self.notifier.name}: {one.wanted.incident}: given up, {said}")
                return
        self._store.postpone(one, now + wait, error, unsure=unsure, permanent=permanent)

    def _unfit(self, one: Queued, error: Exception) -> None:
        """What cannot be composed is refused by ourselves, as it were; a picture is done without."""
        if one.wanted.part is Part.CHART:
            self._lose(one, told(error))
        else:
            self._outcome(self.notifier.name, "refused")
            self._wait(one, REFUSED, told(error), unsure=one.unsure and not one.ref, permanent=True)

    def _lose(self, one: Queued, error: str, *, unsure: bool = False) -> bool:
        """Whether it was given up, which nobody does who wants it anew."""
        lost = self._store.lose(one, error, unsure=unsure)
        if lost:
            self._outcome(self.notifier.name, "lost")
            log.warning("given up", extra=self._said(one) | {"error": error})
        return lost

    def _said(self, one: Queued) -> dict[str, object]:
        wanted = one.wanted
        return {"part": self.notifier.name, "incident": wanted.incident, "what": wanted.part.value}


def _word(error: Exception, *, unsure: bool) -> str:
    """How a try ended that failed."""
    if isinstance(error, LaterError):
        return "later"
    if unsure:
        return "unsure"
    return "failed" if isinstance(error, TransientError) or not isinstance(error, MintwatchError) else "refused"


class Postman:
    """A thread for each notifier, from `start` to `stop`: woken when something is wanted, else when something is due.

    Parameters
    ----------
    stop
        Once it is set and `stop` is called, nothing more is tried. What is on its way may take until its time-out.
    outcome
        Told, by the notifier's name, how each try ended; see `Lane`.
    stepped
        Told how long a try took.
    """

    def __init__(
        self,
        app: App,
        stop: Event,
        now: Callable[[], datetime] = clock.now,
        outcome: Callable[[str, str], object] = lambda *_: None,
        stepped: Callable[[timedelta], object] = lambda _: None,
    ) -> None:
        self._app, self._stop, self._now, self._stepped = app, stop, now, stepped
        composer = Composer(app)
        self._lanes = [Lane(composer, one, now, outcome) for one in app.notifiers]
        self._woken = [Event() for _ in self._lanes]
        self._closing = ExitStack()
        self._threads: Sequence[Thread] = ()

    def start(self) -> None:
        """Begin, with what was refused before, too: somebody may have mended what was wrong."""
        for lane, woken in zip(self._lanes, self._woken, strict=True):
            self._app.store.reconsider(lane.notifier.name, self._now())
            self._closing.enter_context(self._app.store.listening(woken.set))
        self._threads = [
            Thread(target=self._carry, args=pair, name=f"postman {pair[0].notifier.name}", daemon=True)
            for pair in zip(self._lanes, self._woken, strict=True)
        ]
        for one in self._threads:
            one.start()

    def gone(self) -> list[str]:
        """Names of the threads that ended though nobody stopped them."""
        return [] if self._stop.is_set() else [one.name for one in self._threads if not one.is_alive()]

    def stop(self, patience: timedelta) -> bool:
        """Whether every lane ended within that time; the threads of those that did not are still there."""
        self._stop.set()
        for woken in self._woken:
            woken.set()
        end = clock.ticks() + patience
        for one in self._threads:
            one.join(max(0.0, (end - clock.ticks()).total_seconds()))
        self._closing.close()
        return not any(one.is_alive() for one in self._threads)

    def _carry(self, lane: Lane, woken: Event) -> None:
        name = lane.notifier.name
        while not self._stop.is_set():
            woken.clear()
            wait = guarded(name, lambda: self._tried(lane), lambda _: BREATH)
            if wait > timedelta(0) and not self._stop.is_set():
                woken.wait(wait.total_seconds())

    def _tried(self, lane: Lane) -> timedelta:
        """How long there is nothing to do after one step; nothing wanted meanwhile waits for that."""
        begun = clock.ticks()
        if lane.step():
            self._stepped(clock.ticks() - begun)
            return timedelta(0)
        due = lane.next_due()
        return IDLE if due is None else min(max(due - self._now(), SHORTEST / 10), IDLE)
