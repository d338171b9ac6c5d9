"""A message as a person sees it: who, when, what, and what hangs on it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from monitor.testing.slack.files import PICTURES, File, kind
from monitor.testing.slack.http import Body
from monitor.testing.slack.messages import Message, Whisper
from monitor.testing.slack.page.dates import spelled
from monitor.testing.slack.page.kit import drawn
from monitor.testing.slack.page.marks import marked
from monitor.testing.slack.page.parts import part, parts, word
from monitor.testing.slack.page.reader import Reader, place
from monitor.testing.slack.page.tree import Element, Node, el, given, led

_COLOURS: Final = 6
_COLOUR: Final = re.compile(r"#?([0-9a-fA-F]{6})")
_NAMED: Final = {"good": "#2eb67d", "warning": "#ecb22e", "danger": "#e01e5a"}


def letter(message: Message, reader: Reader, *, mark: Node | None = None, more: Sequence[Node] = ()) -> Element:
    """One message; `mark` stands above it, `more` below."""
    edited = el("span.edited", " (edited)", of={"title": _full(message.edited, reader)}) if message.edited else None
    return el(
        "article.message",
        mark,
        _avatar(message.user, reader),
        el(
            "div.content",
            _byline(message.user, message.ts, reader, app=message.bot_id is not None),
            _body(message, edited, reader),
            *(_shown(file) for name in message.files if (file := reader.files.get(name))),
            *more,
        ),
        of={"id": f"m{message.ts}", "data-ts": message.ts},
    )


def whispered(whisper: Whisper, reader: Reader) -> Element:
    """What only the reader sees."""
    text = drawn(whisper.blocks, reader.still) or [el("div.text", *marked(whisper.text, reader))]
    return el(
        "article.message.whisper",
        el("p.mark", "👁 Only visible to you"),
        _avatar(reader.world.app.bot.id, reader),
        el("div.content", _byline(reader.world.app.bot.id, whisper.ts, reader, app=True), el("div.blocks", *text)),
        of={"id": f"w{whisper.ts}"},
    )


def clock(ts: str, reader: Reader, pattern: str) -> Element:
    """When a stamp was made, with the whole truth under the pointer."""
    at = reader.at(ts)
    return el("time", spelled(pattern, at, reader.now), of={"datetime": at.isoformat(), "title": _full(ts, reader)})


def _full(ts: str, reader: Reader) -> str:
    return f"{reader.at(ts):%A, %Y-%m-%d %H:%M:%S %Z}"


def _avatar(user: str, reader: Reader) -> Element:
    bot = user == reader.world.app.bot.id
    colour = "app" if bot else f"c{sum(user.encode()) % _COLOURS}"
    return el(f"div.avatar.{colour}", reader.name(user)[:1].upper(), of={"aria-hidden": "true"})


def _byline(user: str, ts: str, reader: Reader, *, app: bool) -> Element:
    badge = el("span.badge", "APP") if app else None
    return el("header.byline", el("b.name", reader.name(user)), badge, clock(ts, reader, "{time}"))


def _body(message: Message, edited: Element | None, reader: Reader) -> Element:
    """Blocks if there are any: then the text is only what a telephone shows."""
    said: list[Node] = [*drawn(message.blocks, reader)]
    if not said and message.text:
        said = [el("div.text", *marked(message.text, reader), edited)]
    elif edited:
        said.append(edited)
    return el("form.blocks", *said, *(_attached(each, reader) for each in message.attachments))


def _attached(body: Body, reader: Reader) -> Element:
    """An attachment, the older way to send more than text: a bar of a colour, and what it holds."""
    found = _COLOUR.fullmatch(word(body, "color"))
    colour = f"#{found[1]}" if found else _NAMED.get(word(body, "color"))
    title = word(body, "title")
    link = led(word(body, "title_link"), [title]) if title else None
    texts = [el("div.text", *marked(word(body, name), reader)) for name in ("pretext", "text") if body.get(name)]
    fields = [
        el("div.field", el("b", word(field, "title")), "\n", *marked(word(field, "value"), reader))
        for field in parts(body, "fields")
    ]
    inner = drawn(parts(body, "blocks"), reader)
    return el(
        "div.attachment",
        el("b", link or title) if title else None,
        *texts,
        el("div.fields", *fields) if fields else None,
        *inner,
        el("small", *marked(word(body, "footer"), reader)) if part(body, "footer") or body.get("footer") else None,
        of=given({"data-colour": colour}),
    )


def _shown(file: File) -> Element:
    """A file: pictures as such, others by name."""
    name = file.title or file.name
    if kind(file) not in PICTURES:
        link = el("a.file", el("b", name), el("small", f"{kind(file)}, {file.size:,} bytes"), of={"href": place(file)})
        return el("figure", link)
    alt = file.alt_text or name
    picture = el("img.picture", of={"src": place(file), "alt": alt, "title": alt})
    return el("figure", el("figcaption", name), el("a", picture, of={"href": place(file), "target": "_blank"}))
