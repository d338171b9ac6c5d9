"""The heartbeat: a call to somebody outside after each complete cycle, who says so when the calls stop."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPException
from threading import Event, Lock, Thread
from typing import Final
from urllib.parse import urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from tenacity import (
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_attempt,
    stop_when_event_set,
    wait_exponential_jitter,
)

from monitor.errors import InputError, MintwatchError, PermanentError, TransientError
from monitor.worker.guard import guarded

log = logging.getLogger("mintwatch.daemon")

TIMEOUT: Final = timedelta(seconds=5)
ATTEMPTS: Final = 3
LONGEST: Final = 500
"""Characters of a reason."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """How a judgement left things: whether all was done that is to be done, and what is in trouble, a phrase each."""

    complete: bool
    troubles: tuple[str, ...] = ()


class Heartbeat:
    """A thread that calls when there is something to say; only the newest matters, and nobody waits for it.

    Without an `address` nobody is called. It is asked for at every call, and neither logged nor put into an error.

    Parameters
    ----------
    told
        Called after each call, with whether it was taken.
    """

    def __init__(
        self,
        told: Callable[[bool], object] = lambda _: None,
        *,
        timeout: timedelta = TIMEOUT,
        pause: float = 1.0,
    ) -> None:
        self.address: Callable[[], str] | None = None
        self._told, self._timeout = told, timeout
        self._wait = wait_exponential_jitter(multiplier=pause, max=4 * pause, jitter=pause)
        self._next: Cycle | None = None
        self._lock, self._news, self._left = Lock(), Event(), Event()
        self._thread = Thread(target=self._work, name="heartbeat", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether it is there."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin; once."""
        self._thread.start()

    def close(self) -> None:
        """Call nobody any more; a call that is on its way is left to itself."""
        self._left.set()
        self._news.set()
        self._thread.join(0.5)

    def say(self, cycle: Cycle) -> None:
        """A cycle is over: all is well, or something is in trouble; if it was neither, there is nothing to say."""
        if cycle.complete or cycle.troubles:
            with self._lock:
                self._next = cycle
            self._news.set()

    def _work(self) -> None:
        while self._news.wait() and not self._left.is_set():
            self._news.clear()
            with self._lock:
                cycle, self._next = self._next, None
            if cycle is not None and self.address is not None:
                self._call(self.address, cycle)

    def _call(self, address: Callable[[], str], cycle: Cycle) -> None:
        attempts = Retrying(
            sleep=sleep_using_event(self._left),
            stop=stop_after_attempt(ATTEMPTS) | stop_when_event_set(self._left),
            wait=self._wait,
            retry=retry_if_exception_type(TransientError),
            reraise=True,
        )

        def called() -> bool:
            attempts(lambda: call(address(), cycle.troubles, self._timeout))
            return True

        taken = guarded("heartbeat", called, lambda _: False)
        if not self._left.is_set() or taken:
            self._told(taken)


def call(address: str, troubles: tuple[str, ...], timeout: timedelta) -> None:
    """Call once, by way of a proxy if the environment names one; if something is in trouble, below `/fail`.

    No message of an error holds any of the address: whoever has it can call.

    Raises
    ------
    InputError
        If it is neither https nor on this machine.
    TransientError, PermanentError
        If it was not taken. A redirect is not followed.
    """
    url = below(address.strip(), "fail") if troubles else address.strip()
    checked(url)
    said = "; ".join(troubles)[:LONGEST].encode() if troubles else None
    headers = {"User-Agent": "mintwatch", "Content-Type": "text/plain; charset=utf-8"}
    request = Request(url, said, headers, method="POST" if troubles else "GET")  # noqa: S310 - checked
    try:
        with build_opener(_NoRedirects()).open(request, timeout=timeout.total_seconds()) as answer:
            status = answer.status
    except (OSError, HTTPException, ValueError) as error:
        status = getattr(error, "code", 0)
        if not status:
            # not `from error`: it may quote the address
            raise TransientError(f"the heartbeat's address was not reached: {type(error).__name__}") from None
    if not 200 <= status < 300:
        kind = TransientError if status >= 500 or status in (408, 429) else PermanentError
        raise kind(f"the heartbeat's address answered HTTP {status}")


def checked(address: str) -> None:
    """Raise `InputError`, without a word of it, unless it is https or on this machine."""
    try:
        parts = urlsplit(address)
        fine = bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and _here(parts.hostname)))
        fine = fine and address.isascii() and address.isprintable() and " " not in address and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        raise InputError("heartbeat.url: expected https://... (or http:// on this machine), got something else")


def below(address: str, name: str) -> str:
    """The address with one more part in its path; what follows the path stays behind it.

    >>> below("https://hc-ping.com/5d1c?rid=1", "fail")
    'https://hc-ping.com/5d1c/fail?rid=1'
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        raise InputError("heartbeat.url: expected https://..., got something else") from None
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{name}"))


def revealed(address: Callable[[], str]) -> None:
    """Raise `InputError` if the address can be had now and is none; what cannot be had now may be later."""
    try:
        found = address()
    except InputError:
        raise
    except MintwatchError:
        return
    checked(found.strip())


def _here(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


class _NoRedirects(HTTPRedirectHandler):
    """An answer that points elsewhere is an answer: whoever is there is not who was to be called."""

    def redirect_request(self, *_: object) -> None:
        """Nowhere."""
