"""A workspace that is asked one question at a time: the whole answer, or an error of ours."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Event
from time import perf_counter
from types import TracebackType
from typing import Final, Self, TypeAlias

import pyarrow as pa
from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, ServiceResponseTimeoutError
from azure.monitor.query import LogsQueryClient, LogsQueryPartialResult
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_result,
    sleep_using_event,
    stop_after_attempt,
    stop_when_event_set,
    wait_exponential_jitter,
)

from monitor import clock
from monitor.errors import MintwatchError, StoppedError, TransientError
from monitor.model import Window
from monitor.sources.loganalytics import faults
from monitor.sources.loganalytics.answers import UnreadableError, tabled
from monitor.sources.loganalytics.exchange import LARGEST, Exchange
from monitor.sources.loganalytics.faults import Fault, Outcome
from monitor.sources.loganalytics.gate import PATIENCE, Gate, NotAskedError
from monitor.sources.loganalytics.tally import Asked, Tally

log = logging.getLogger("mintwatch.sources.loganalytics")

ATTEMPTS: Final = 4
WORKING: Final = timedelta(minutes=3)
"""How long the service may work on a question before it says it is too large (its own default; at most 10 minutes)."""
CONNECTING: Final = timedelta(seconds=10)
GRACE: Final = timedelta(seconds=30)
"""How much longer than the service works an answer may take to begin; and, once begun, to end."""

_FOREIGN: Final = (AzureError, OSError, ValueError, TypeError, LookupError, AttributeError)
"""What the SDK raises: its own errors, and on answers that are not what it expects whatever its code runs into."""

_backoff: Final = wait_exponential_jitter(initial=1, max=8)

_Answer: TypeAlias = "pa.Table | Fault"


class Workspace:
    """A Log Analytics workspace.

    Parameters
    ----------
    id
        The workspace's GUID ("Workspace ID"; not its ARM id).
    credential
        Shared by all that log in as the same; so is `gate`.
    endpoint, audience
        Of the workspace's cloud. They move together.
    stop
        Once set, nobody here waits any more and nothing more is asked.
    connection_verify
        A PEM file of authorities to trust instead of the usual ones.
    working, grace
        How long the service may work on one question, and how much longer its answer may take.
    largest
        Bytes of an answer beyond which it is not read.
    """

    def __init__(
        self,
        id: str,  # noqa: A002 - it is the id
        credential: TokenCredential,
        *,
        endpoint: str,
        audience: str,
        gate: Gate,
        stop: Event,
        connection_verify: str | bool = True,
        working: timedelta = WORKING,
        grace: timedelta = GRACE,
        largest: int = LARGEST,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self.id = id
        self.tally = Tally()
        self._gate = gate
        self._stop = stop
        self._working = working
        self._patience = working + grace
        self._largest = largest
        self._now = now
        self._client = LogsQueryClient(
            credential,
            endpoint=endpoint,
            audience=audience,
            retry_total=0,
            permit_redirects=False,
            connection_timeout=CONNECTING.total_seconds(),
            read_timeout=self._patience.total_seconds(),
            connection_data_block_size=2**16,
            connection_verify=connection_verify,
        )

    def ask(self, kql: str, span: Window, *, source: str = "", purpose: str = "ask") -> pa.Table:
        """The whole answer to `kql` over rows with TimeGenerated in `span`; types as `answers.tabled` has them.

        What may work next time is asked again a few times, and after what wait the service says, if that is short.
        `source` and `purpose` say in tally and log what the question was for.

        Raises
        ------
        TooLargeError
            If the answer is too large, incomplete for that reason, or took too long.
        AbsentTableError, UnresolvedError
            If a table, or a column, is not there; the error has its name.
        TransientError, PermanentError
            Whatever else there is instead of a whole answer.
        """
        answer = self.tried(kql, span, source=source, purpose=purpose)
        if isinstance(answer, Fault):
            raise answer.error
        return answer

    def tried(self, kql: str, span: Window, *, source: str = "", purpose: str = "ask") -> pa.Table | Fault:
        """The same, with what it ended in instead of an error raised."""
        attempts = Retrying(
            sleep=sleep_using_event(self._stop),
            stop=stop_after_attempt(ATTEMPTS) | stop_when_event_set(self._stop),
            wait=_pause,
            retry=retry_if_result(lambda answer: isinstance(answer, Fault) and answer.again),
            retry_error_callback=_last,
        )
        answer: _Answer = attempts(self._attempt, kql, span, source, purpose)
        if isinstance(answer, Fault) and answer.again and self._stop.is_set():
            return replace(answer, error=StoppedError(f"{answer.error}; not asked again: stopping"))
        return answer

    def _attempt(self, kql: str, span: Window, source: str, purpose: str) -> _Answer:
        """One question sent, counted, and logged unless it was answered."""
        where = " ".join(filter(None, (f"workspace {self.id}:", source, purpose)))
        begun = perf_counter()
        answer = self._sent(kql, span, where)
        fault = answer if isinstance(answer, Fault) else None
        took = timedelta(seconds=perf_counter() - begun)
        self.tally.add(Asked(source, purpose, fault.outcome if fault else Outcome.OK), took)
        if fault is None:
            return answer
        log.warning("fault", extra={"part": source or self.id, "purpose": purpose, "outcome": str(fault.outcome)})
        return self._held(fault)

    def _sent(self, kql: str, span: Window, where: str) -> _Answer:
        exchange = Exchange(self._stop, self._largest, self._patience, self._now)
        try:
            with self._gate.passing():
                result = self._client.query_workspace(
                    self.id,
                    kql,
                    timespan=(span.start, span.end),
                    server_timeout=int(self._working.total_seconds()),
                    stream=True,
                    cls=exchange.read,
                    raw_response_hook=exchange.met,
                )
        except NotAskedError as error:
            return Fault(error.outcome, error)
        except MintwatchError as error:  # the credential's
            return Fault(Outcome.LOGIN, error, again=isinstance(error, TransientError))
        except _FOREIGN as error:
            return self._failed(exchange, error, where)
        if isinstance(result, LogsQueryPartialResult):
            return faults.partial(where, exchange.error)
        return exchange.fault(where) or _read(exchange, where)

    def _failed(self, exchange: Exchange, error: Exception, where: str) -> Fault:
        """What it means that the SDK raised `error`."""
        status = exchange.response.status_code if exchange.response else 200
        if exchange.response and status != 200:
            return faults.answered(where, status, exchange.response.headers, exchange.refusal(), self._now())
        if isinstance(error, ServiceResponseTimeoutError):
            return faults.timed_out(where, self._patience)
        return faults.unreachable(where, error)

    def _held(self, fault: Fault) -> Fault:
        """The same, after telling the gate if the service asks for a pause; given up if that is a long one."""
        if fault.after is None:
            return fault
        until = self._gate.hold(fault.after)
        if fault.after <= PATIENCE:
            return fault
        return replace(fault, again=False, error=TransientError(f"{fault.error}; not asked before {clock.iso(until)}"))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _read(exchange: Exchange, where: str) -> _Answer:
    try:
        return tabled(exchange.body)
    except UnreadableError as error:
        return faults.unreadable(where, str(error))


def _pause(state: RetryCallState) -> float:
    """Seconds until the next attempt; none where the gate is held for longer anyway."""
    fault = _last(state)
    held = isinstance(fault, Fault) and fault.after is not None and fault.after >= timedelta(seconds=1)
    return 0.0 if held else _backoff(state)


def _last(state: RetryCallState) -> _Answer:
    answer: _Answer = state.outcome.result() if state.outcome else None
    return answer
