"""What is asked of the service and what it says, as values."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias
from urllib.parse import parse_qsl, urlsplit

Json: TypeAlias = "str | int | float | bool | Mapping[str, Json] | Sequence[Json] | None"

Service: TypeAlias = Literal["token", "query", "arm", "secret", "other"]

STANDARD: Final[Mapping[str, str]] = {
    "Access-Control-Expose-Headers": "Retry-After,Age,WWW-Authenticate,x-resource-identities,x-ms-status-location",
    "Content-Type": "application/json; charset=utf-8",
    "Strict-Transport-Security": "max-age=15724800",
}
"""Headers of every answer of the real service."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The target without its query string."""
        return urlsplit(self.target).path

    @property
    def arguments(self) -> dict[str, str]:
        """The query string, taken apart."""
        return dict(parse_qsl(urlsplit(self.target).query))


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `packed` lets it travel gzipped if the caller takes that."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: STANDARD)
    packed: bool = True


def reply(status: int, body: Json, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer in JSON, with the standard headers and those given."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Reply(status, text.encode(), {**STANDARD, **(headers or {})})


def refused(
    status: int, code: str, message: str, inner: Json = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """An error as Log Analytics and Azure Resource Manager word it."""
    error: dict[str, Json] = {"message": message, "code": code, "correlationId": str(uuid.uuid4())}
    if inner is not None:
        error["innererror"] = inner
    return reply(status, {"error": error}, headers)


NO_PATH: Final = ("PathNotFoundError", "The requested path does not exist")
