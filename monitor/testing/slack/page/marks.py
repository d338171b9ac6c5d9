"""Slack's markup as a person sees it: code, quotes, bold, links, mentions, times, emoji."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import groupby
from typing import Final

from monitor.clock import EPOCH
from monitor.testing.slack.page.dates import spelled
from monitor.testing.slack.page.emoji import EMOJI
from monitor.testing.slack.page.reader import Reader
from monitor.testing.slack.page.tree import Node, el, led

ATOM: Final = "\ufffc"
"""Stands for what is no text any more while the text around it is read."""

_FENCE: Final = re.compile(r"```\n?(.+?)\n?```", re.DOTALL)
_ATOM: Final = re.compile(
    r"`(?P<code>[^`\n]+)`|<(?P<control>[^<>\n]+)>|(?<!\w)(?P<bare>https?://[^\s<>|`*]*[\w/#=&-])|:(?P<emoji>[\w+-]+):"
)
_STYLE: Final = re.compile(
    r"(?<![\w*])\*(?P<b>[^\s*](?:[^*\n]*[^\s*])?)\*(?![\w*])"
    r"|(?<![\w_])_(?P<i>[^\s_](?:[^_\n]*[^\s_])?)_(?![\w_])"
    r"|(?<![\w~])~(?P<s>[^\s~](?:[^~\n]*[^\s~])?)~(?![\w~])"
)
_QUOTE: Final = re.compile(r"^(?:>|&gt;) ?")
_CONTROL: Final = re.compile(r"<([^<>\n]+)>")
_ENTITIES: Final[Mapping[str, str]] = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}
_ENTITY: Final = re.compile("|".join(_ENTITIES))


def marked(text: str, reader: Reader, *, verbatim: bool = False) -> list[Node]:
    """A text in mrkdwn; `verbatim`: an address that is written plainly is no link."""
    parts = _FENCE.split(text.replace(ATOM, "\ufffd"))
    found: list[Node] = []
    for place, part in enumerate(parts):
        found += [el("pre.fence", _bare(part, reader))] if place % 2 else _quoted(part, reader, verbatim=verbatim)
    return found


def plain(text: str, *, emoji: bool = True) -> str:
    """A plain text: nothing in it means anything but emoji."""
    if not emoji:
        return text
    return re.sub(r":([\w+-]+):", lambda found: EMOJI.get(found[1], found[0]), text)


def unescaped(text: str) -> str:
    """A text with its three entities read."""
    return _ENTITY.sub(lambda found: _ENTITIES[found[0]], text)


def _quoted(text: str, reader: Reader, *, verbatim: bool) -> Iterator[Node]:
    """Lines, those that begin with ``>`` together in a quote."""
    lines = text.split("\n")
    for quote, run in groupby(lines, lambda line: bool(_QUOTE.match(line))):
        if not quote:
            inner = "\n".join(run)
            if inner.strip():
                yield from _lines(inner.strip("\n"), reader, verbatim=verbatim)
            continue
        inner = "\n".join(_QUOTE.sub("", line) for line in run)
        yield el("blockquote", *_lines(inner, reader, verbatim=verbatim))


def _lines(text: str, reader: Reader, *, verbatim: bool) -> Iterator[Node]:
    """Text without quotes; the page keeps its line breaks."""
    atoms: list[Node] = []

    def kept(found: re.Match[str]) -> str:
        node = _atom(found, reader, verbatim=verbatim)
        if node is None:
            return found[0]
        atoms.append(node)
        return ATOM

    left = _ATOM.sub(kept, text)
    yield from _styled(left, iter(atoms))


def _styled(text: str, atoms: Iterator[Node]) -> Iterator[Node]:
    place = 0
    for found in _STYLE.finditer(text):
        yield from _plain(text[place : found.start()], atoms)
        tag = str(found.lastgroup)
        yield el(tag, *_styled(found[tag], atoms))
        place = found.end()
    yield from _plain(text[place:], atoms)


def _plain(text: str, atoms: Iterator[Node]) -> Iterator[Node]:
    for place, part in enumerate(text.split(ATOM)):
        if place:
            yield next(atoms)
        if part:
            yield unescaped(part)


def _atom(found: re.Match[str], reader: Reader, *, verbatim: bool) -> Node | None:
    """What is no text; None: it is text after all."""
    kind = str(found.lastgroup)
    text = found[kind]
    if kind == "code":
        return el("code", _bare(text, reader))
    if kind == "control":
        return _control(text, reader)
    if kind == "emoji":
        return EMOJI.get(text)
    return None if verbatim else led(unescaped(text), [unescaped(text)])


def _bare(text: str, reader: Reader) -> str:
    """The text of code: controls in it are shown by what they say and do nothing."""
    parts = _CONTROL.split(text)
    return "".join((_said(part, reader) if place % 2 else unescaped(part)) for place, part in enumerate(parts))


def _said(control: str, reader: Reader) -> str:
    node = _control(control, reader)
    return f"<{unescaped(control)}>" if node is None else node if isinstance(node, str) else node.text


def _control(text: str, reader: Reader) -> Node | None:
    """What stands between ``<`` and ``>``; None: nothing Slack knows."""
    body, _, label = text.partition("|")
    label = unescaped(label)
    if body.startswith("@"):
        name = body[1:]
        return el("span.mention.me" if name == reader.user else "span.mention", f"@{reader.name(name)}")
    if body.startswith("#"):
        known = reader.world.channels.get(body[1:])
        return el("a.mention", f"#{known.name}", of={"href": f"/page/{known.id}"}) if known else f"#{label or body[1:]}"
    if body.startswith("!"):
        return _special(body[1:], label, reader)
    return led(unescaped(body), [label or unescaped(body).removeprefix("mailto:")])


def _special(body: str, label: str, reader: Reader) -> Node:
    name, *rest = body.split("^")
    if name in {"here", "channel", "everyone"}:
        return el("span.mention.me", f"@{name}")
    if name == "subteam":
        return el("span.mention.me", f"@{reader.handle(rest[0] if rest else '')}")
    if name == "date" and len(rest) >= 2:
        return _date(rest, label, reader)
    return label or f"<!{body}>"


def _date(rest: list[str], label: str, reader: Reader) -> Node:
    """A time; what cannot be read as one shows what stands in for it."""
    try:
        at = (EPOCH + timedelta(seconds=int(rest[0]))).astimezone(reader.zone)
    except (ValueError, OverflowError):
        return label
    shown = spelled(unescaped(rest[1]), at, reader.now)
    inner = led(unescaped(rest[2]), [shown]) if len(rest) > 2 else None
    return el("time", inner or shown, of={"datetime": at.isoformat(), "title": f"{at:%Y-%m-%d %H:%M:%S %Z}"})
