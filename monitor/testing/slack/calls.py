"""A call of the Web API: arguments read as Slack reads them, and the table of methods."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from monitor.testing.slack.http import Body, Json, RefusedError
from monitor.testing.slack.workspace import Kind, Workspace


@dataclass(frozen=True, slots=True)
class Call:
    """One call by a token that may make it."""

    world: Workspace
    arguments: Mapping[str, Json]
    base: str
    """Address of the server, for answers with addresses in them."""

    def text(self, name: str) -> str:
        """An argument that is text; absent, it is empty."""
        value = self.arguments.get(name)
        return value if isinstance(value, str) else "" if value is None else str(value)

    def needed(self, name: str, error: str = "invalid_arguments") -> str:
        """An argument that must be there."""
        if not (value := self.text(name)):
            raise RefusedError(error, {"response_metadata": {"messages": [f"[ERROR] missing required field: {name}"]}})
        return value

    def flag(self, name: str) -> bool:
        """An argument that is yes or no; forms say 1 or true."""
        return self.arguments.get(name) in {True, "1", "true", "True"}

    def number(self, name: str, otherwise: int, most: int) -> int:
        """A whole number above zero, at most `most`."""
        try:
            value = int(self.text(name) or otherwise)
        except ValueError as error:
            raise RefusedError("invalid_arguments") from error
        if value < 1:
            raise RefusedError("invalid_limit")
        return min(value, most)

    def has(self, name: str) -> bool:
        """Whether the argument was given at all."""
        return self.arguments.get(name) is not None

    def items(self, name: str, error: str) -> list[Body]:
        """A list of objects, as itself or as JSON in text; absent, it is empty."""
        value = self._read(name, error)
        if value is None or value == "":
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise RefusedError(error)
        return value

    def object(self, name: str, error: str) -> Body | None:
        """An object, as itself or as JSON in text; None if it is absent."""
        value = self._read(name, error)
        if value is None or isinstance(value, dict):
            return value
        raise RefusedError(error)

    def _read(self, name: str, error: str) -> Json:
        value = self.arguments.get(name)
        if not isinstance(value, str) or not value:
            return value
        try:
            read: Json = json.loads(value)
        except ValueError as found:
            raise RefusedError(error) from found
        return read


Handler: TypeAlias = "Callable[[Call], Body]"


@dataclass(frozen=True, slots=True)
class Method:
    """One method: what it does, the token it takes, the scope that needs."""

    answer: Handler
    scope: str | None = None
    kinds: frozenset[Kind] = frozenset({"bot"})
