"""What is asked of the Web API and what it says, as values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from urllib.parse import parse_qsl, urlsplit

Json: TypeAlias = "str | int | float | bool | Mapping[str, Json] | Sequence[Json] | None"
Body: TypeAlias = "Mapping[str, Json]"

STANDARD: Final[Mapping[str, str]] = {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"}
"""Headers of every answer in JSON."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came; header names in lower case."""

    verb: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The target without its query string."""
        return urlsplit(self.target).path

    @property
    def method(self) -> str:
        """The method of the Web API it calls, as ``chat.postMessage``; of anything else, its path."""
        return self.path.removeprefix("/api/")

    @property
    def bearer(self) -> str | None:
        """The token in its header."""
        kind, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if kind.lower() == "bearer" else None

    @property
    def arguments(self) -> dict[str, Json]:
        """Query string and body taken together; text where it is a form, anything where it is JSON.

        Raises
        ------
        RefusedError
            If it says it is JSON and is not, or is no object. An empty body is none, whatever it says it is.
        """
        given: dict[str, Json] = dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "application/x-www-form-urlencoded":
            given.update(parse_qsl(self.body.decode(), keep_blank_values=True))
        elif kind == "application/json" and self.body.strip():
            given.update(_object(self.body))
        return given


def _object(body: bytes) -> Body:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise RefusedError("invalid_json") from error
    if not isinstance(found, dict):
        raise RefusedError("json_not_object")
    return found


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: STANDARD)

    @property
    def json(self) -> Json:
        """The body, read."""
        found: Json = json.loads(self.body)
        return found


class RefusedError(Exception):
    """A call that is answered ``{"ok": false, "error": ...}``, with what goes beside it."""

    def __init__(self, error: str, extra: Body | None = None) -> None:
        super().__init__(error)
        self.body: Body = {"ok": False, "error": error, **(extra or {})}


def reply(status: int, body: Json, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer in JSON, with the standard headers and those given."""
    return Reply(status, written(body).encode(), {**STANDARD, **(headers or {})})


def written(body: Json) -> str:
    """JSON with nothing between its parts."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def refused(error: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """An error as the Web API words it: almost always with status 200."""
    return reply(status, {"ok": False, "error": error}, headers)
