"""What a person presses, picks and types into."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from monitor.testing.slack.http import Body
from monitor.testing.slack.page.parts import label, options, part, parts, read, word
from monitor.testing.slack.page.reader import Reader
from monitor.testing.slack.page.tree import Element, el, given, led


def control(element: Body, reader: Reader, *, needed: bool = False) -> Element:
    """A control of Block Kit; in a modal that cannot be sent without it, it is `needed`."""
    kind = word(element, "type")
    draw = _DRAWN.get(kind.removeprefix("multi_"))
    if draw is None:
        return el("span.unknown", f"[{kind}]")
    return draw(element, reader, needed)


def _button(element: Body, reader: Reader, _: bool) -> Element:
    style = word(element, "style") or "plain"
    text = label(part(element, "text"))
    link = led(word(element, "url"), [text]) if element.get("url") else None
    of = {**(link.attributes if link else {"type": "button"}), **_named(element, reader)}
    if spoken := word(element, "accessibility_label"):
        of["aria-label"] = spoken
    return el(f"{'a' if link else 'button'}.button.{style}", text, of=of)


def _overflow(element: Body, reader: Reader, _: bool) -> Element:
    """A menu behind three dots."""
    named = _named(element, reader)
    offered = [
        el(
            "button.option",
            label(part(option, "text")),
            _description(option, reader),
            of={"type": "button", **named, "data-value": word(option, "value")},
        )
        for option in parts(element, "options")
    ]
    head = el("summary.button.plain.dots", "⋯", of={"aria-label": "More", "title": "More"})
    return el("details.overflow", head, el("div.menu", *offered))


def _select(element: Body, reader: Reader, needed: bool) -> Element:
    """A menu; in a message, choosing from it is the act."""
    several = word(element, "type").startswith("multi_")
    first = {word(option, "value") for option in parts(element, "initial_options")}
    if element.get("initial_option"):
        first.add(word(part(element, "initial_option"), "value"))
    offered: list[Element] = []
    for name, group in options(element):
        inner = [_option(word(option, "value"), label(part(option, "text")), first) for option in group]
        offered += [el("optgroup", *inner, of={"label": name})] if name else inner
    return _menu(element, reader, offered, needed=needed, several=several)


def _people(element: Body, reader: Reader, needed: bool) -> Element:
    several = word(element, "type").startswith("multi_")
    found = element.get("initial_users")
    first = {str(each) for each in found} if isinstance(found, list) else {word(element, "initial_user")}
    offered = [_option(user.id, user.name, first) for user in reader.world.users.values() if not user.bot]
    return _menu(element, reader, offered, needed=needed, several=several)


def _places(element: Body, reader: Reader, needed: bool) -> Element:
    first = {word(element, "initial_channel") or word(element, "initial_conversation")}
    offered = [_option(channel.id, f"#{channel.name}", first) for channel in reader.world.channels.values()]
    return _menu(element, reader, offered, needed=needed, several=False)


def _menu(element: Body, reader: Reader, offered: list[Element], *, needed: bool, several: bool) -> Element:
    prompt = label(part(element, "placeholder")) or "Choose an option"
    head = None if several else el("option", prompt, of={"value": ""})
    more = {"multiple": several, "required": needed, "data-several": several}
    return el("select.input", head, *offered, of={**_named(element, reader), **given(more)})


def _option(value: str, text: str, first: set[str]) -> Element:
    return el("option", text, of={"value": value, **given({"selected": value in first})})


def _choices(element: Body, reader: Reader, needed: bool) -> Element:
    """Radio buttons, or boxes to tick."""
    boxes = word(element, "type") == "checkboxes"
    first = [word(option, "value") for option in parts(element, "initial_options")]
    first.append(word(part(element, "initial_option"), "value"))
    drawn: list[Element] = []
    for option in parts(element, "options"):
        value = word(option, "value")
        on = {"checked": value in first, "required": needed and not boxes, "data-several": boxes}
        of = {"type": "checkbox" if boxes else "radio", "value": value, **_named(element, reader), **given(on)}
        text = el("span", *read(part(option, "text"), reader.still), _description(option, reader))
        drawn.append(el("label.choice", el("input", of=of), text))
    return el("div.choices", *drawn)


def _description(option: Body, reader: Reader) -> Element | None:
    found = part(option, "description")
    return el("small", *read(found, reader.still)) if found else None


def _typed(element: Body, reader: Reader, needed: bool) -> Element:
    kind = _TYPES[word(element, "type")]
    more = {
        "placeholder": label(part(element, "placeholder")) or None,
        "minlength": word(element, "min_length") or None,
        "maxlength": word(element, "max_length") or None,
        "min": word(element, "min_value") or None,
        "max": word(element, "max_value") or None,
        "step": "any" if element.get("is_decimal_allowed") else None,
        "required": needed,
    }
    of = {**_named(element, reader), **given(more)}
    first = word(element, "initial_value") or word(element, f"initial_{kind}")
    if element.get("multiline"):
        return el("textarea.input", first, of={**of, "rows": "4"})
    return el("input.input", of={**of, "type": kind, "value": first, "autocomplete": "off"})


def _moment(element: Body, reader: Reader, needed: bool) -> Element:
    """A day with its time, in the reader's zone."""
    first = element.get("initial_date_time")
    at = f"{datetime.fromtimestamp(first, reader.zone):%Y-%m-%dT%H:%M}" if isinstance(first, int) else ""
    of = {"type": "datetime-local", "value": at, **_named(element, reader), **given({"required": needed})}
    return el("input.input", of=of)


def _named(element: Body, reader: Reader) -> dict[str, str]:
    """What the page tells the local Slack when it is used, and what it asks before."""
    asked = part(element, "confirm")
    words = {name: label(part(asked, name)) for name in ("title", "text", "confirm", "deny")} if asked else None
    more = {
        "data-act": word(element, "action_id"),
        "data-confirm": json.dumps(words, ensure_ascii=False) if words else None,
        "autofocus": element.get("focus_on_load") is True,
        "disabled": not reader.live,
    }
    return {"name": word(element, "action_id"), **given(more)}


_TYPES: Final[Mapping[str, str]] = {
    "datepicker": "date",
    "email_text_input": "email",
    "number_input": "number",
    "plain_text_input": "text",
    "timepicker": "time",
    "url_text_input": "url",
}
_DRAWN: Final[Mapping[str, Callable[[Body, Reader, bool], Element]]] = {
    **dict.fromkeys(_TYPES, _typed),
    "button": _button,
    "channels_select": _places,
    "checkboxes": _choices,
    "conversations_select": _places,
    "datetimepicker": _moment,
    "overflow": _overflow,
    "radio_buttons": _choices,
    "static_select": _select,
    "users_select": _people,
}
