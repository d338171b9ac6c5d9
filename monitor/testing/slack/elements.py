"""Block Kit's elements: what a person presses, picks and types into, each with its limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from monitor.testing.slack.http import Json
from monitor.testing.slack.shapes import Check, Shape, flag, items, number, one_of, plain, problem, string, text

_IDS: Final[Mapping[str, Check]] = {"action_id": string(255, 1)}
_CONFIRM: Final = Shape(
    {"title": plain(100), "text": text(300), "confirm": plain(30), "deny": plain(30)},
    {"style": one_of("primary", "danger")},
)
_COMMON: Final[Mapping[str, Check]] = {**_IDS, "confirm": _CONFIRM, "focus_on_load": flag}
_PROMPTED: Final[Mapping[str, Check]] = {**_COMMON, "placeholder": plain(150)}
_OPTION: Final = Shape({"text": plain(75), "value": string(150, 1)}, {"description": plain(75)})
_CHOICE: Final = Shape({"text": text(75), "value": string(150, 1)}, {"description": text(75)})
_OVERFLOW: Final = Shape(
    {"text": plain(75), "value": string(150, 1)}, {"description": plain(75), "url": string(3000, 1)}
)
_OPTIONS: Final = items(_OPTION, 100)
_GROUPS: Final = items(Shape({"label": plain(75), "options": _OPTIONS}), 100)


def _offered(value: Mapping[str, Json]) -> list[Json]:
    options = value.get("options")
    found = list(options) if isinstance(options, list) else []
    groups = value.get("option_groups")
    for group in groups if isinstance(groups, list) else []:
        inner = group.get("options") if isinstance(group, dict) else None
        found += inner if isinstance(inner, list) else []
    return found


def _chosen(value: Mapping[str, Json], at: str) -> Iterator[str]:
    """Options, grouped or not but not both; what is chosen at first is one of them, to the letter."""
    if ("options" in value) == ("option_groups" in value):
        yield problem("must provide exactly one of options, option_groups", at)
    several = value.get("initial_options")
    first = [value["initial_option"]] if "initial_option" in value else several if isinstance(several, list) else []
    if any(option not in _offered(value) for option in first):
        yield problem("failed to match any of the options with the initial option", at)


_SELECT: Final[Mapping[str, Check]] = {**_PROMPTED, "options": _OPTIONS, "option_groups": _GROUPS}
_INITIAL: Final[Mapping[str, Check]] = {"initial_option": _OPTION}
_SEVERAL: Final[Mapping[str, Check]] = {"initial_options": items(_OPTION, 100), "max_selected_items": number}
_PICKED: Final[Mapping[str, Check]] = {"initial_options": items(_CHOICE, 10)}

BUTTON: Final = Shape(
    {"text": plain(75)},
    {
        **_IDS,
        "url": string(3000, 1),
        "value": string(2000),
        "style": one_of("primary", "danger"),
        "confirm": _CONFIRM,
        "accessibility_label": string(75),
    },
)


def _pictured(value: Mapping[str, Json], at: str) -> Iterator[str]:
    if ("image_url" in value) == ("slack_file" in value):
        yield problem("must provide exactly one of image_url, slack_file", at)


SLACK_FILE: Final = Shape(also={"id": string(255, 1), "url": string(3000, 1)})
IMAGE: Final = Shape(
    {"alt_text": string(2000)}, {"image_url": string(3000, 1), "slack_file": SLACK_FILE}, whole=_pictured
)

INTERACTIVE: Final[Mapping[str, Check]] = {
    "button": BUTTON,
    "channels_select": Shape(also={**_PROMPTED, "initial_channel": string(255)}),
    "checkboxes": Shape({"options": items(_CHOICE, 10)}, {**_COMMON, **_PICKED}, _chosen),
    "conversations_select": Shape(also={**_PROMPTED, "initial_conversation": string(255)}),
    "datepicker": Shape(also={**_PROMPTED, "initial_date": string(10, 10)}),
    "datetimepicker": Shape(also={**_COMMON, "initial_date_time": number}),
    "multi_static_select": Shape(also={**_SELECT, **_SEVERAL}, whole=_chosen),
    "multi_users_select": Shape(also={**_PROMPTED, "initial_users": items(string(255), 100, 0)}),
    "overflow": Shape({"options": items(_OVERFLOW, 5)}, {**_IDS, "confirm": _CONFIRM}),
    "radio_buttons": Shape({"options": items(_CHOICE, 10)}, {**_COMMON, "initial_option": _CHOICE}, _chosen),
    "static_select": Shape(also={**_SELECT, **_INITIAL}, whole=_chosen),
    "timepicker": Shape(also={**_PROMPTED, "initial_time": string(5, 5)}),
    "users_select": Shape(also={**_PROMPTED, "initial_user": string(255)}),
}
"""What may stand in actions or beside a section."""

_TYPED: Final = Shape(
    also={
        **_IDS,
        "initial_value": string(3000),
        "multiline": flag,
        "min_length": number,
        "max_length": number,
        "placeholder": plain(150),
        "focus_on_load": flag,
    }
)
_WRITTEN: Final = Shape(also={**_IDS, "initial_value": string(3000), "placeholder": plain(150), "focus_on_load": flag})
_NUMBER: Final = Shape(
    {"is_decimal_allowed": flag},
    {
        **_IDS,
        "initial_value": string(255),
        "min_value": string(255),
        "max_value": string(255),
        "placeholder": plain(150),
        "focus_on_load": flag,
    },
)

INPUTS: Final[Mapping[str, Check]] = {
    **{name: check for name, check in INTERACTIVE.items() if name not in {"button", "overflow"}},
    "email_text_input": _WRITTEN,
    "number_input": _NUMBER,
    "plain_text_input": _TYPED,
    "url_text_input": _WRITTEN,
}
"""What an input block may hold."""
