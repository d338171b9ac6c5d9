"""When what goes wrong goes wrong: faults, each waiting for its call."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from monitor.testing.slack.faults import EVERY, Effect, Fault
from monitor.testing.slack.http import Request

NOTHING: Final = Fault("nothing", Effect.FIRST)
"""What happens to a call nobody made an appointment for."""


@dataclass(slots=True)
class _Appointment:
    draw: Callable[[], Fault | None]
    when: Callable[[Request], bool]
    method: str | None
    skip: int
    times: int | None


@dataclass(slots=True)
class Faults:
    """Faults yet to come; `happened` counts those that did, by name."""

    happened: dict[str, int] = field(default_factory=dict)
    _waiting: list[_Appointment] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(
        self,
        fault: Fault,
        *,
        method: str | None = None,
        when: Callable[[Request], bool] = lambda _: True,
        skip: int = 0,
        times: int | None = 1,
    ) -> None:
        """Let `fault` happen to the next `times` calls (None: all) of `method` for which `when` holds, sparing `skip`.

        Without a method, to any request: an upload and the opening of a socket (``/link/``) too. Of several that wait
        for one call the first added happens; the others keep waiting.
        """
        with self._lock:
            self._waiting.append(_Appointment(lambda: fault, when, method, skip, times))

    def weather(self, share: float, seed: int, *, kinds: Sequence[Fault] = EVERY, method: str | None = None) -> None:
        """From now on let this share of calls meet one of `kinds`, drawn by `seed`."""
        chance = random.Random(seed)  # noqa: S311  # weather, not secrets
        with self._lock:
            self._waiting.append(
                _Appointment(
                    lambda: chance.choice(kinds) if chance.random() < share else None, lambda _: True, method, 0, None
                )
            )

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        with self._lock:
            self._waiting.clear()

    def waiting(self) -> int:
        """How many appointments are not used up."""
        return len(self._waiting)

    def due(self, request: Request) -> Fault:
        """What happens to this call."""
        with self._lock:
            for appointment in self._waiting:
                if appointment.method not in {None, request.method} or not appointment.when(request):
                    continue
                if appointment.skip:
                    appointment.skip -= 1
                elif fault := appointment.draw():
                    return self._taken(appointment, fault)
        return NOTHING

    def _taken(self, appointment: _Appointment, fault: Fault) -> Fault:
        self.happened[fault.name] = self.happened.get(fault.name, 0) + 1
        if appointment.times is not None:
            appointment.times -= 1
            if appointment.times == 0:
                self._waiting.remove(appointment)
        return fault
