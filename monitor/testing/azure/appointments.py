"""When what goes wrong goes wrong: faults, each waiting for its request."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from monitor.testing.azure.faults import Fault
from monitor.testing.azure.http import Request, Service

NOTHING: Final = Fault("nothing")
"""What happens to a request nobody made an appointment for."""


@dataclass(slots=True)
class _Appointment:
    fault: Fault
    when: Callable[[Request], bool]
    service: Service
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
        when: Callable[[Request], bool] = lambda _: True,
        service: Service = "query",
        skip: int = 0,
        times: int | None = 1,
    ) -> None:
        """Let `fault` happen to the next `times` requests (None: all) that satisfy `when`, after sparing `skip`.

        Of several that wait for one request the first added happens; the others keep waiting.
        """
        with self._lock:
            self._waiting.append(_Appointment(fault, when, service, skip, times))

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        with self._lock:
            self._waiting.clear()

    def waiting(self) -> int:
        """How many appointments are not used up."""
        return len(self._waiting)

    def due(self, service: Service, request: Request) -> Fault | None:
        """What happens to this request."""
        with self._lock:
            for appointment in self._waiting:
                if appointment.service != service or not appointment.when(request):
                    continue
                if appointment.skip:
                    appointment.skip -= 1
                    continue
                return self._take(appointment)
        return None

    def _take(self, appointment: _Appointment) -> Fault:
        name = appointment.fault.name
        self.happened[name] = self.happened.get(name, 0) + 1
        if appointment.times is not None:
            appointment.times -= 1
            if appointment.times == 0:
                self._waiting.remove(appointment)
        return appointment.fault
