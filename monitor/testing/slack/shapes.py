"""The grammar of Block Kit: what a value may be, and the words Slack has for what it may not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from monitor.testing.slack.http import Json

Check: TypeAlias = "Callable[[Json, str], Iterator[str]]"
"""A value and its JSON pointer -> what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Shape:
    """An object: fields it must have, fields it may have, and what no single field can say."""

    needed: Mapping[str, Check] = field(default_factory=dict)
    also: Mapping[str, Check] = field(default_factory=dict)
    whole: Callable[[Mapping[str, Json], str], Iterator[str]] = lambda _, __: iter(())

    def __call__(self, value: Json, at: str) -> Iterator[str]:
        """What is wrong with a value."""
        if not isinstance(value, dict):
            yield problem("must provide an object", at)
            return
        for name, check in self.needed.items():
            if name not in value:
                yield problem(f"missing required field: {name}", at)
            else:
                yield from check(value[name], f"{at}/{name}")
        for name, found in value.items():
            if name in self.also:
                yield from self.also[name](found, f"{at}/{name}")
            elif name not in self.needed and name != "type":
                yield problem(f"invalid additional property: {name}", at)
        yield from self.whole(value, at)


def problem(what: str, at: str) -> str:
    """One complaint, as Slack words it."""
    return f"{what} [json-pointer:{at}]"


def string(most: int, least: int = 0) -> Check:
    """Text of so many characters."""

    def check(value: Json, at: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield problem("must provide a string", at)
        elif len(value) > most:
            yield problem(f"must be less than {most + 1} characters", at)
        elif len(value) < least:
            yield problem(f"must be more than {least - 1} characters", at)

    return check


def one_of(*choices: str) -> Check:
    """One of these words."""

    def check(value: Json, at: str) -> Iterator[str]:
        if value not in choices:
            yield problem(f"value must be one of: {', '.join(choices)}", at)

    return check


def flag(value: Json, at: str) -> Iterator[str]:
    """True or false."""
    if not isinstance(value, bool):
        yield problem("must provide a boolean", at)


def number(value: Json, at: str) -> Iterator[str]:
    """A whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        yield problem("must provide a number", at)


def anything(value: Json, at: str) -> Iterator[str]:
    """Whatever; it is not looked at."""
    del value, at
    return iter(())


def items(check: Check, most: int, least: int = 1) -> Check:
    """A list of so many, each as `check` says."""

    def checked(value: Json, at: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield problem("must provide an array", at)
            return
        if len(value) > most:
            yield problem(f"no more than {most} items allowed", at)
        if len(value) < least:
            yield problem(f"no fewer than {least} items allowed", at)
        for place, item in enumerate(value):
            yield from check(item, f"{at}/{place}")

    return checked


def typed(kinds: Mapping[str, Check], what: str = "type") -> Check:
    """An object checked by the word in its `type`."""

    def check(value: Json, at: str) -> Iterator[str]:
        kind = value.get("type") if isinstance(value, dict) else None
        if not isinstance(kind, str):
            yield problem("missing required field: type", at)
        elif kind not in kinds:
            yield problem(f"unsupported {what}: {kind}", f"{at}/type")
        else:
            yield from kinds[kind](value, at)

    return check


def plain(most: int) -> Check:
    """A plain_text object of at most so many characters, and not empty."""
    return typed({"plain_text": Shape({"text": string(most, 1)}, {"emoji": flag})}, "text type")


def text(most: int) -> Check:
    """A text object of either kind."""
    marked = Shape({"text": string(most, 1)}, {"verbatim": flag})
    return typed({"plain_text": Shape({"text": string(most, 1)}, {"emoji": flag}), "mrkdwn": marked}, "text type")
