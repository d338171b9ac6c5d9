"""What can go wrong with a question, told apart: what it is called, whose turn it is, and when to ask again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

from monitor.errors import AbsentError, MintwatchError, PermanentError, StoppedError, TooLargeError, TransientError
from monitor.hostile import clean, clip


class Outcome(StrEnum):
    """How a question ended; each is counted."""

    OK = "ok"
    ABSENT = "absent"
    REFUSED = "refused"
    FORBIDDEN = "forbidden"
    UNKNOWN = "unknown_workspace"
    LOGIN = "login"
    THROTTLED = "throttled"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    TOO_LARGE = "too_large"
    PARTIAL = "partial"
    UNREADABLE = "unreadable"
    HELD = "held"
    STOPPED = "stopped"

    @property
    def sent(self) -> bool:
        """Whether the service was asked at all."""
        return self not in {Outcome.LOGIN, Outcome.HELD, Outcome.STOPPED}

    @property
    def let_in(self) -> bool:
        """Whether that is an answer which only who was let in gets; others may come of a gateway, or of no token."""
        return self in {Outcome.OK, Outcome.ABSENT, Outcome.REFUSED, Outcome.TOO_LARGE, Outcome.PARTIAL}


@dataclass(frozen=True, slots=True)
class Fault:
    """One unanswered question: the error it ends in, unless asking `again` is worth it, in which case `after` what."""

    outcome: Outcome
    error: MintwatchError
    again: bool = False
    after: timedelta | None = None


class UnresolvedError(PermanentError):
    """A column, or whatever else the workspace does not know: `unresolved` is its name."""

    def __init__(self, message: str, unresolved: str) -> None:
        super().__init__(message)
        self.unresolved = unresolved


class AbsentTableError(UnresolvedError, AbsentError):
    """A table the workspace does not know, or not for us."""


class RefusedError(PermanentError):
    """A question the service does not understand."""


class TimedOutError(TooLargeError):
    """A question the service did not finish: too much was asked, or the service is slow."""


_TOO_LARGE: Final = frozenset(
    {
        # HRESULTs as signed decimals (Kusto "query limits"): E_QUERY_RESULT_SET_TOO_LARGE 0x80DA0003,
        # E_RUNAWAY_QUERY 0x80DA0001, E_LOW_MEMORY_CONDITION 0x80DA0007
        "-2133196797",
        "-2133196799",
        "-2133196793",
        "QueryExecutionResultSizeLimitExceeded",
        "QueryExecutionResponseSizeLimitExceeded",
        "ResponsePayloadTooLarge",
        "ResponseSizeError",
    }
)
_TOO_LARGE_TEXT: Final = re.compile(r"E_QUERY_RESULT_SET_TOO_LARGE|E_RUNAWAY_QUERY|E_LOW_MEMORY_CONDITION|80DA000[137]")
_UNRESOLVED: Final = re.compile(r"Failed to resolve (table\b)?.*? named '([^']+)'")
_DEEPEST: Final = 16
_SHOWN: Final = 300


def answered(where: str, status: int, headers: Mapping[str, str], body: object, now: datetime) -> Fault:
    """What an answer of that HTTP status other than 200 means. `body` is its JSON, None if it had none."""
    told = list(_told(body.get("error"))) if isinstance(body, dict) else []
    codes = {code for code, _ in told}
    what = f"{where}: {_said(status, told)}"
    if _too_large(told) or status == 413:
        return Fault(Outcome.TOO_LARGE, TooLargeError(what))
    if status in (401, 403):
        return Fault(Outcome.FORBIDDEN, PermanentError(f"{what}; {_advice(codes)}"))
    if status == 404:
        return Fault(Outcome.UNKNOWN, PermanentError(f"{what}; expected the workspace's id, a GUID, of this cloud"))
    if status == 429:
        return Fault(Outcome.THROTTLED, TransientError(what), again=True, after=_after(headers, now))
    if status in (408, 504) and told:
        return Fault(Outcome.TIMED_OUT, TimedOutError(what))
    if status in (408, 409, 425) or status >= 500:
        return Fault(Outcome.FAILED, TransientError(what), again=True, after=_after(headers, now))
    if status < 400:
        return unreadable(where, f"HTTP {status} is no answer to a question")
    if "SEM0100" in codes and (found := next(filter(None, (_UNRESOLVED.search(text) for _, text in told)), None)):
        kind = AbsentTableError if found[1] else UnresolvedError
        return Fault(Outcome.ABSENT, kind(what, found[2]))
    return Fault(Outcome.REFUSED, RefusedError(what))


def partial(where: str, error: object) -> Fault:
    """What the error beside a part of the rows means: a smaller question is worth asking, or the same once more."""
    told = list(_told(error))
    what = f"{where}: partial answer, {_said(200, told)}"
    if _too_large(told):
        return Fault(Outcome.TOO_LARGE, TooLargeError(what))
    return Fault(Outcome.PARTIAL, TransientError(what), again=True)


def unreadable(where: str, why: str) -> Fault:
    """An answer nobody can read, as a proxy gives, or a service in trouble."""
    return Fault(Outcome.UNREADABLE, TransientError(f"{where}: unreadable answer: {why}"), again=True)


def too_large(where: str, size: int) -> Fault:
    """An answer larger than the service says it gives, not read to its end."""
    return Fault(Outcome.TOO_LARGE, TooLargeError(f"{where}: expected at most {size} bytes"))


def stopped(where: str) -> Fault:
    """An answer that was not read to its end because the program is about to end."""
    return Fault(Outcome.STOPPED, StoppedError(f"{where}: answer not read: stopping"))


def unreachable(where: str, error: Exception) -> Fault:
    """No answer, or the connection broke off in the middle of it."""
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        advice = "no trusted authority vouches for it; behind a proxy of your own expected its authority as ca_bundle"
        return Fault(Outcome.UNREACHABLE, PermanentError(f"{where}: {advice}"))
    return Fault(Outcome.UNREACHABLE, TransientError(f"{where}: no whole answer: {_brief(error)}"), again=True)


def timed_out(where: str, waited: timedelta) -> Fault:
    """Nothing was heard for longer than the service may work on a question: the network's fault, not the question's."""
    return Fault(Outcome.TIMED_OUT, TransientError(f"{where}: no answer for {waited.total_seconds():.0f} s"))


def _told(error: object, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Code and message of an error and of all the errors inside it, the outermost first."""
    if not isinstance(error, dict) or depth > _DEEPEST:
        return
    yield str(error.get("code") or ""), str(error.get("message") or "")
    yield from _told(error.get("innererror"), depth + 1)
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        yield from _told(detail, depth + 1)


def _said(status: int, told: list[tuple[str, str]]) -> str:
    """The innermost of what the service said; its words may quote the question, and are cut."""
    if not told:
        return f"HTTP {status} without an error of the service"
    code, text = told[-1]
    return clip(clean(f"HTTP {status} {told[0][0]}: {code}: {text}"), _SHOWN)


def _too_large(told: list[tuple[str, str]]) -> bool:
    return any(code in _TOO_LARGE or _TOO_LARGE_TEXT.search(text) for code, text in told)


def _advice(codes: set[str]) -> str:
    if "InvalidAuthenticationTokenAudience" in codes:
        return "the token is for another cloud or endpoint: endpoint and audience move together"
    if not codes:
        return "the answer is not the service's: a proxy or firewall may be in between"
    return "expected a role that may query the workspace; a new assignment may take 60 minutes to work"


def _after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """How long the service asks us to wait; None if it does not say, or not so that one could read it."""
    text = (headers.get("Retry-After") or "").strip()
    if re.fullmatch(r"\d{1,9}", text):
        return timedelta(seconds=int(text))
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return max((at if at.tzinfo else at.replace(tzinfo=UTC)) - now, timedelta(0))


def _brief(error: Exception) -> str:
    """The kind of a foreign error; its text can hold addresses and headers."""
    cause = error.__cause__ or error.__context__
    return type(error).__name__ + (f" ({type(cause).__name__})" if cause else "")
