"""Reading what an app sent, which the local Slack has checked when it came."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.testing.slack.http import Body, Json
from monitor.testing.slack.page.marks import marked, plain
from monitor.testing.slack.page.reader import Reader
from monitor.testing.slack.page.tree import Node


def part(body: Body, name: str) -> Body:
    """An object inside another; absent, it is empty."""
    found = body.get(name)
    return found if isinstance(found, dict) else {}


def parts(body: Body, name: str) -> list[Body]:
    """The objects of a list inside another."""
    found = body.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list | tuple) else []


def word(body: Body, name: str) -> str:
    """A text inside an object; absent, it is empty."""
    found: Json = body.get(name)
    return "" if found is None else str(found)


def read(text: Body, reader: Reader) -> list[Node]:
    """A text object: plain, or in mrkdwn."""
    if text.get("type") == "mrkdwn":
        return marked(word(text, "text"), reader, verbatim=text.get("verbatim") is True)
    return [label(text)]


def label(text: Body) -> str:
    """A text object that is plain."""
    return plain(word(text, "text"), emoji=text.get("emoji") is not False)


def options(element: Body) -> Sequence[tuple[str, list[Body]]]:
    """What a menu offers, by the names of its groups; what is in none has an empty one."""
    groups = [(label(part(group, "label")), parts(group, "options")) for group in parts(element, "option_groups")]
    return groups or [("", parts(element, "options"))]
