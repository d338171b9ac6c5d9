"""Rich text: the tree that Slack makes of what people type, and apps may send."""

from __future__ import annotations

from monitor.testing.slack.http import Body
from monitor.testing.slack.page.marks import marked, plain
from monitor.testing.slack.page.parts import part, parts, word
from monitor.testing.slack.page.reader import Reader
from monitor.testing.slack.page.tree import Element, Node, el, led


def rich(block: Body, reader: Reader) -> list[Node]:
    """What is in a block of rich text, or in a part of one."""
    return [_part(each, reader) for each in parts(block, "elements")]


def _part(body: Body, reader: Reader) -> Node:
    kind = word(body, "type")
    if kind == "rich_text_list":
        items = [el("li", _part(each, reader)) for each in parts(body, "elements")]
        return el("ol" if body.get("style") == "ordered" else "ul", *items)
    tag = {"rich_text_preformatted": "pre.fence", "rich_text_quote": "blockquote"}.get(kind, "div.text")
    return el(tag, *(_leaf(each, reader) for each in parts(body, "elements")))


def _leaf(body: Body, reader: Reader) -> Node:
    kind, style = word(body, "type"), part(body, "style")
    node = _meant(kind, body, reader)
    for name, tag in (("code", "code"), ("bold", "b"), ("italic", "i"), ("strike", "s")):
        node = el(tag, node) if style.get(name) else node
    return node


def _meant(kind: str, body: Body, reader: Reader) -> Node:
    if kind == "link":
        return led(word(body, "url"), [word(body, "text") or word(body, "url")]) or word(body, "text")
    if kind == "emoji":
        return plain(f":{word(body, 'name')}:")
    control = {
        "user": f"<@{word(body, 'user_id')}>",
        "usergroup": f"<!subteam^{word(body, 'usergroup_id')}>",
        "channel": f"<#{word(body, 'channel_id')}>",
        "broadcast": f"<!{word(body, 'range')}>",
        "date": f"<!date^{word(body, 'timestamp')}^{word(body, 'format')}|{word(body, 'fallback')}>",
    }.get(kind)
    return _first(marked(control, reader)) if control else word(body, "text")


def _first(nodes: list[Node]) -> Element | str:
    return nodes[0] if nodes else ""
