"""Block Kit as a person sees it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from monitor.testing.slack.http import Body
from monitor.testing.slack.page.controls import control
from monitor.testing.slack.page.marks import marked
from monitor.testing.slack.page.parts import label, part, parts, read, word
from monitor.testing.slack.page.reader import Reader
from monitor.testing.slack.page.rich import rich
from monitor.testing.slack.page.tree import Element, el

_HEADING: Final = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_STRONG: Final = re.compile(r"\*\*([^*\n]+)\*\*")
_NAMED_LINK: Final = re.compile(r"\[([^\]\n]+)\]\((https?://[^)\s<>|]+)\)")


def drawn(blocks: Iterable[Body], reader: Reader) -> list[Element]:
    """The blocks of a message or of a modal."""
    return [_BLOCKS[kind](block, reader) for block in blocks if (kind := word(block, "type")) in _BLOCKS]


def image(body: Body, reader: Reader, name: str) -> Element:
    """A picture of the workspace; one from elsewhere is not fetched: the page asks nobody else for anything."""
    alt = word(body, "alt_text")
    file = part(body, "slack_file")
    if file and (found := reader.picture(file)):
        return el(f"img.{name}", of={"src": found[0], "alt": alt, "title": alt})
    host = urlsplit(word(body, "image_url")).hostname or "elsewhere"
    return el(f"span.{name}.absent", alt or "picture", of={"title": f"a picture at {host}, not fetched"})


def _header(block: Body, _: Reader) -> Element:
    return el("h3.header", label(part(block, "text")))


def _section(block: Body, reader: Reader) -> Element:
    text, beside = part(block, "text"), part(block, "accessory")
    fields = [el("div.field", *read(field, reader)) for field in parts(block, "fields")]
    aside = image(beside, reader, "thumb") if beside.get("type") == "image" else None
    if beside and aside is None:
        aside = control(beside, reader)
    return el(
        "div.section",
        el(
            "div.said",
            el("div.text", *read(text, reader)) if text else None,
            el("div.fields", *fields) if fields else None,
        ),
        el("div.accessory", aside) if aside else None,
    )


def _context(block: Body, reader: Reader) -> Element:
    inner = [
        image(each, reader, "icon") if each.get("type") == "image" else el("span", *read(each, reader))
        for each in parts(block, "elements")
    ]
    return el("div.context", *inner)


def _actions(block: Body, reader: Reader) -> Element:
    return el("div.actions", *(control(each, reader) for each in parts(block, "elements")))


def _divider(_: Body, __: Reader) -> Element:
    return el("hr")


def _image(block: Body, reader: Reader) -> Element:
    title = label(part(block, "title"))
    return el("figure", el("figcaption", title) if title else None, image(block, reader, "picture"))


def _markdown(block: Body, reader: Reader) -> Element:
    """Markdown, as far as it differs from mrkdwn in what alerts write: headings, bold, links."""
    text = _NAMED_LINK.sub(r"<\2|\1>", word(block, "text"))
    text = _STRONG.sub(r"*\1*", _HEADING.sub(r"*\1*", text))
    return el("div.section", el("div.said", el("div.text", *marked(text, reader))))


def _rich_text(block: Body, reader: Reader) -> Element:
    return el("div.section", el("div.said", *rich(block, reader)))


def _input(block: Body, reader: Reader) -> Element:
    """A field of a modal, with room for what the app has against the answer."""
    optional, hint = block.get("optional") is True, part(block, "hint")
    return el(
        "div.field",
        el("div.label", label(part(block, "label")), el("small", " (optional)") if optional else None),
        control(part(block, "element"), reader, needed=not optional),
        el("small.hint", label(hint)) if hint else None,
        el("p.wrong", of={"data-wrong": word(block, "block_id"), "role": "alert"}),
    )


_BLOCKS: Final[Mapping[str, Callable[[Body, Reader], Element]]] = {
    "actions": _actions,
    "context": _context,
    "divider": _divider,
    "header": _header,
    "image": _image,
    "input": _input,
    "markdown": _markdown,
    "rich_text": _rich_text,
    "section": _section,
}
