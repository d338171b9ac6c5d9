"""What the page shows, as a tree; the browser makes every node of it by name and puts every text in as text.

There is no HTML in it to escape: a text stays a text whatever is written in it. Only addresses can do harm, and `led`
and `Reader.picture` are the only makers of those.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from monitor.testing.slack.http import Json

Node: TypeAlias = "Element | str"

SAFE: Final = frozenset({"http", "https", "mailto", "tel"})
"""Where a link may lead; `javascript:` and its like stay text."""

NOTHING: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Element:
    """One element of the page."""

    tag: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    children: tuple[Node, ...] = ()

    @property
    def wire(self) -> Json:
        """It for the browser: tag, attributes, children."""
        inner = [child if isinstance(child, str) else child.wire for child in self.children]
        return [self.tag, dict(self.attributes), *inner]

    @property
    def text(self) -> str:
        """What there is to read in it."""
        return "".join(child if isinstance(child, str) else child.text for child in self.children)


def el(name: str, *children: Node | None, of: Mapping[str, str] = NOTHING) -> Element:
    """An element with its classes, as ``div.message``, its children except None, and its attributes.

    >>> el("p.late", "<b>").wire
    ['p', {'class': 'late'}, '<b>']
    """
    tag, _, classes = name.partition(".")
    attributes = {"class": classes.replace(".", " "), **of} if classes else dict(of)
    return Element(tag, attributes, tuple(child for child in children if child is not None))


def led(address: str, children: Iterable[Node], name: str = "a") -> Element | None:
    """A link out of the page; None if the address is none a person should follow.

    >>> led("javascript:alert(1)", ["x"]) is None
    True
    """
    try:
        scheme = urlsplit(address).scheme
    except ValueError:
        return None
    if scheme not in SAFE:
        return None
    return el(name, *children, of={"href": address, "target": "_blank", "rel": "noopener noreferrer"})


def given(attributes: Mapping[str, str | bool | None]) -> dict[str, str]:
    """The attributes that say something: not None, not False; True stands alone."""
    return {
        name: "" if value is True else value
        for name, value in attributes.items()
        if value is not None and value is not False
    }
