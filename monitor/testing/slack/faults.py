"""What can go wrong between a call and its answer, and whether Slack did what was asked all the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final

from monitor.testing.slack.http import Reply, refused


class Effect(StrEnum):
    """Whether, and when, what was asked happens."""

    NONE = "none"
    FIRST = "first"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes
    ----------
    effect
        Whether what was asked is done before the delay, after it, or not at all.
    instead
        The reply in place of the true one.
    altered
        What becomes of the reply.
    cut
        Share of the reply that is sent before the connection is reset; 0: not even a status.
    delay
        How long the reply is held back, by the machine's clock.
    """

    name: str
    effect: Effect = Effect.NONE
    instead: Reply | None = None
    altered: Callable[[Reply], Reply] | None = None
    cut: float | None = None
    delay: timedelta = timedelta(0)


def throttled(retry_after: timedelta | None = timedelta(seconds=1)) -> Fault:
    """429, with the header or without; nothing is done."""
    headers = {} if retry_after is None else {"Retry-After": str(int(retry_after.total_seconds()))}
    return Fault("throttled", instead=refused("ratelimited", 429, headers))


def failing(status: int = 500, *, done: bool = False) -> Fault:
    """500, 502, 503 or 504 in plain text, as from a front end; with `done`, it was posted all the same."""
    body = Reply(status, b"upstream connect error or disconnect/reset before headers", {"Content-Type": "text/plain"})
    return Fault(f"failing {status}{' done' * done}", Effect.FIRST if done else Effect.NONE, instead=body)


def refusing(error: str) -> Fault:
    """200 with an error of the Web API: ``fatal_error``, ``invalid_auth``, ``channel_not_found`` and so on."""
    return Fault(f"refusing {error}", instead=refused(error))


def html(status: int = 200) -> Fault:
    """A page of some proxy on the way; nothing is done."""
    page = b"<!DOCTYPE html><html><head><title>Sign in to continue</title></head><body>Access denied</body></html>"
    return Fault(f"html {status}", instead=Reply(status, page, {"Content-Type": "text/html; charset=utf-8"}))


def cut_before() -> Fault:
    """The connection is reset and nothing is done."""
    return Fault("cut before", cut=0.0)


def cut_after(share: float = 0.0) -> Fault:
    """It is done, then the connection is reset after this share of the reply; 0: before a status is sent."""
    return Fault("cut after", Effect.FIRST, cut=share)


def slow(delay: timedelta, *, late: bool = False) -> Fault:
    """It is done and the answer held back; `late`: it is done only then, even if the caller gave up before."""
    return Fault("late" if late else "slow", Effect.LATE if late else Effect.FIRST, delay=delay)


def empty() -> Fault:
    """It is done; 200, and nothing else."""
    return Fault("empty", Effect.FIRST, altered=lambda reply: replace(reply, body=b""))


def cut_json() -> Fault:
    """It is done; a body that ends in the middle, in a reply that is whole."""
    return Fault(
        "cut json", Effect.FIRST, altered=lambda reply: replace(reply, body=reply.body[: len(reply.body) // 2])
    )


EVERY: Final = (
    throttled(),
    throttled(None),
    failing(500),
    failing(502),
    failing(503),
    failing(504),
    failing(500, done=True),
    failing(504, done=True),
    refusing("fatal_error"),
    refusing("internal_error"),
    html(),
    html(502),
    cut_before(),
    cut_after(),
    cut_after(0.5),
    empty(),
    cut_json(),
)
"""One of each kind that takes no time and passes, for tests that draw."""
