"""One question and what came back for it, collected while the SDK works, so that it is known when the SDK fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from threading import Event
from typing import Any, Final

from azure.core.pipeline import PipelineResponse
from azure.core.rest import HttpResponse

from monitor.sources.loganalytics import faults
from monitor.sources.loganalytics.faults import Fault

LARGEST: Final = 128 * 2**20
"""Bytes of an answer, inflated: somewhat more than the service says it ever sends (about 104 MB)."""


class Exchange:
    """The ends of one call that the SDK hands things to.

    It is asked for the bytes of an answer (`stream=True`), which are counted and parsed here, once: left to itself it
    parses an answer twice and copies it twice, for ten times the work.
    """

    def __init__(self, stop: Event, largest: int, patience: timedelta, now: Callable[[], datetime]) -> None:
        self._stop = stop
        self._largest = largest
        self._patience = patience
        self._now = now
        self.response: HttpResponse | None = None
        self.body: object = None
        self.error: object = None
        self._found: Callable[[str], Fault] | None = None

    def met(self, response: PipelineResponse[object, HttpResponse]) -> None:
        """The SDK's `raw_response_hook`: an answer has begun, whatever its status."""
        self.response = response.http_response

    def read(
        self, response: PipelineResponse[object, HttpResponse], chunks: Iterator[bytes], _: Mapping[str, object]
    ) -> dict[str, object]:
        """The SDK's `cls`: reads the answer, and leaves the SDK what it needs to tell a whole one from a part."""
        text = bytearray()
        until = self._now() + self._patience
        try:
            for chunk in chunks:
                text += chunk
                if len(text) > self._largest:
                    self._found = partial(faults.too_large, size=self._largest)
                    return {}
                if self._stop.is_set():
                    self._found = faults.stopped
                    return {}
                if self._now() > until:
                    self._found = partial(faults.timed_out, waited=self._patience)
                    return {}
        finally:
            response.http_response.close()
        self._parse(text)
        self.error = self.body.get("error") if isinstance(self.body, dict) else None
        return {"error": {"code": "PartialError"}} if self.error else {}

    def _parse(self, text: bytearray) -> None:
        try:
            self.body = json.loads(text)
        except (ValueError, RecursionError):
            got = f"{len(text)} bytes that begin {bytes(text[:40])!r}" if text else "nothing"
            self._found = partial(faults.unreadable, why=f"expected JSON, got {got}")

    def fault(self, where: str) -> Fault | None:
        """Why there is no `body`; None if there is one."""
        return self._found(where) if self._found else None

    def refusal(self) -> Any:
        """The JSON of an answer that is an error; None if it is not JSON."""
        if self.response is None:
            return None
        try:
            return json.loads(self.response.read())
        except Exception:  # noqa: BLE001 - whatever reading a broken refusal raises, it says nothing
            return None
