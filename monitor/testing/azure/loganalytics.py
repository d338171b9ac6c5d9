"""The query API of Log Analytics: from a POST with a bearer to rows or a refusal."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from monitor.testing.azure import wire
from monitor.testing.azure.answering import Answerer, RefusedError, span
from monitor.testing.azure.authority import Authority
from monitor.testing.azure.bearer import Caller, caller
from monitor.testing.azure.faults import insufficient
from monitor.testing.azure.http import NO_PATH, Json, Reply, Request, refused
from monitor.testing.azure.limits import Limits, Meter
from monitor.testing.azure.wire import Answer
from monitor.testing.azure.workspace import Question, Workspace
from monitor.testing.clocks import Clock

PATH: Final = re.compile(r"/v1/workspaces/([^/]+)/query$")

LONGEST: Final = timedelta(minutes=3)
"""How long a query may run unless the caller asks for more."""


class LogAnalytics:
    """The workspaces behind one endpoint."""

    def __init__(
        self, authority: Authority, audience: str, clock: Clock, schemas: Mapping[str, Mapping[str, str]]
    ) -> None:
        self.workspaces: dict[str, Workspace] = {}
        self.limits = Limits()
        self.meter = Meter()
        self._authority = authority
        self._audience = audience
        self._clock = clock
        self._answerer = Answerer(schemas)
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Reply:
        """Rows, or why not."""
        asking = caller(self._authority, request, {self._audience})
        if isinstance(asking, Reply):
            return asking
        with self.meter.admitted(asking.object_id, self.limits) as wait:
            if wait is not None:
                after = {"Retry-After": str(int(wait.total_seconds()))}
                return refused(429, "ThrottledError", "Too many requests", headers=after)
            return self._answered(request, asking)

    def close(self) -> None:
        """Let go of the engine."""
        self._answerer.close()

    def _answered(self, request: Request, asking: Caller) -> Reply:
        found = PATH.match(request.path)
        workspace = self.workspaces.get(found[1].lower()) if found else None
        if workspace is None:
            return (
                refused(404, *NO_PATH)
                if not found
                else refused(404, "ResourceNotFoundError", "The requested resource was not found")
            )
        if not workspace.readable(asking.client_id):
            return insufficient()
        try:
            question = _question(request)
            workspace.heard(question)
            now = self._clock.now
            window = span(question.timespan, now)
        except (ValueError, KeyError) as error:
            return refused(400, "BadArgumentError", f"The request had some invalid properties: {error}")
        try:
            answer = self._answerer.answer(workspace, asking.client_id, question.kql, window, now)
        except RefusedError as error:
            return error.reply
        return self._written(request, answer)

    def _written(self, request: Request, answer: Answer) -> Reply:
        limits, preferred = self.limits, request.headers.get("prefer", "")
        if limits.rows is not None and answer.rows.num_rows > limits.rows:
            answer = replace(answer, rows=answer.rows.slice(0, limits.rows), error=wire.partial(wire.TOO_LARGE))
        extra: dict[str, Json] = {}
        if "include-statistics=true" in preferred:
            extra["statistics"] = {"query": {"executionTime": 0.0}}
        if "include-render=true" in preferred:
            extra["render"] = {"visualization": None, "title": None, "yMin": "NaN", "yMax": "NaN"}
        body = wire.body(answer, limits.bytes, extra)
        reply = Reply(200, body)
        return replace(reply, headers={**reply.headers, "Preference-Applied": preferred}) if preferred else reply


def _question(request: Request) -> Question:
    if request.method == "GET":
        arguments = request.arguments
        return Question(arguments["query"], arguments.get("timespan"))
    said = json.loads(request.body)
    if said.get("workspaces"):
        raise ValueError("the local service asks one workspace at a time")
    return Question(said["query"], said.get("timespan"))


def patience(request: Request) -> timedelta:
    """How long the caller lets the service try."""
    found = re.search(r"\bwait=(\d+)", request.headers.get("prefer", ""))
    return timedelta(seconds=int(found[1])) if found else LONGEST
