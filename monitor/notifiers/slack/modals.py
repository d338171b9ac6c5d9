"""Modals: what is asked of whoever silences, expects something, or calls it a false positive; and what they answered.

A modal carries no more than ids of a channel and a message: what it is about is looked up again when it is sent.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from monitor.hostile import clean, clip
from monitor.model import UNNAMED, Matcher, matcher, names_something
from monitor.notifiers.slack.escaping import code, plain
from monitor.notifiers.slack.kit import Block, Json, context, label, marked, said, small
from monitor.notifiers.slack.naming import EXPECTED, FALSE_POSITIVE, SILENCE
from monitor.notifiers.slack.payloads import Form

SCOPE, OWN, LENGTH, UNTIL, REASON, WHAT = "scope", "own", "length", "until", "reason", "what"
"""Names of the fields."""
OWN_MATCHERS: Final = "own"
SCOPES: Final[Mapping[str, str]] = {
    "both": "This subject, by these rules",
    "subject": "This subject, by any rule",
    "rules": "Any subject, by these rules",
    OWN_MATCHERS: "The matchers written below",
}
LENGTHS: Final[Mapping[str, tuple[str, timedelta]]] = {
    "1h": ("1 hour", timedelta(hours=1)),
    "4h": ("4 hours", timedelta(hours=4)),
    "1d": ("1 day", timedelta(days=1)),
    "3d": ("3 days", timedelta(days=3)),
    "7d": ("1 week", timedelta(days=7)),
    "30d": ("30 days", timedelta(days=30)),
}
LONGEST: Final = timedelta(days=30)
"""The longest silence that can be asked for here."""
USUAL_LENGTH: Final = "1d"
WHATS: Final[Mapping[str, str]] = {
    "planned": "planned change",
    "test": "test",
    "noise": "known noise",
    "rule": "rule is wrong",
    "other": "something else",
}
COUNTING: Final = "Counting what it would have muted…"
LONGEST_REASON: Final = 500
MOST_MATCHERS: Final = 10


@dataclass(frozen=True, slots=True)
class Draft:
    """What a modal begins with: the incident in a line and the matchers of each scope; '' and () if it is of none."""

    headline: str = ""
    scopes: tuple[tuple[str, tuple[Matcher, ...]], ...] = ()
    own: str = ""


@dataclass(frozen=True, slots=True)
class Filled:
    """What somebody answered. `matchers` are their own; () if `scope` says which of the incident's are meant."""

    reason: str = ""
    until: datetime | None = None
    scope: str = ""
    matchers: tuple[Matcher, ...] = ()


def silence(about: Mapping[str, str], draft: Draft, preview: str = COUNTING) -> Block:
    """The modal of a silence; `preview` is a line on what it would have muted."""
    lengths = [_option(value, words) for value, (words, _) in LENGTHS.items()]
    usual = _option(USUAL_LENGTH, LENGTHS[USUAL_LENGTH][0])
    ends = [
        _field(LENGTH, "For how long", {"type": "static_select", "options": [*lengths], "initial_option": usual}),
        _field(UNTIL, "Or until", {"type": "datetimepicker"}, optional=True),
    ]
    return _modal(SILENCE, "Silence", about, [*_scoped(draft), *ends, _reason(), _preview(preview)])


def expected(about: Mapping[str, str], draft: Draft, until: datetime, preview: str = COUNTING) -> Block:
    """The modal of something that is expected; `until` is what is offered."""
    picker: Block = {"type": "datetimepicker", "initial_date_time": int(until.timestamp())}  # type: ignore[dict-item]
    blocks = [*_scoped(draft), _field(UNTIL, "Expected until", picker), _reason(), _preview(preview)]
    return _modal(EXPECTED, "Expected until", about, blocks)


def false_positive(about: Mapping[str, str], draft: Draft) -> Block:
    """The modal of a false positive."""
    options: list[Json] = [_option(value, words.capitalize()) for value, words in WHATS.items()]
    what = _field(WHAT, "What was it?", {"type": "static_select", "options": options}, optional=True)
    note = "It is closed. More of the same within a day is kept and not told; anything new or worse is told again."
    return _modal(FALSE_POSITIVE, "False positive", about, [*_head(draft), _reason(), what, context(note)])


def filled(form: Form, now: datetime, labels: Collection[str]) -> tuple[Filled, dict[str, str]]:
    """What somebody answered, and what is wrong with it, by field; {} if nothing is."""
    wrong: dict[str, str] = {}
    reason = clean(form.fields.get(REASON, ""))
    if not reason:
        wrong[REASON] = "Expected a reason: whoever comes next wants to know why."
    if len(reason) > LONGEST_REASON:
        wrong[REASON] = f"Expected at most {LONGEST_REASON} characters."
    if form.name == FALSE_POSITIVE:
        what = WHATS.get(form.fields.get(WHAT, ""), "")
        return Filled(f"{what}: {reason}" if what else reason), wrong
    scope, until = form.fields.get(SCOPE) or OWN_MATCHERS, _until(form, now)
    if until is None or until <= now:
        wrong[UNTIL] = "Expected a time to come."
    elif until - now > LONGEST:
        wrong[UNTIL] = f"Expected at most {LONGEST.days} days."
    matchers: tuple[Matcher, ...] = ()
    if scope == OWN_MATCHERS:
        matchers, mistake = own(form.fields.get(OWN, ""), labels)
        wrong |= {OWN: mistake} if mistake else {}
    elif scope not in SCOPES:
        wrong[SCOPE] = "Expected one of what is offered."
    return Filled(reason, until, scope, matchers), wrong


def own(text: str, labels: Collection[str]) -> tuple[tuple[Matcher, ...], str]:
    """Matchers as somebody wrote them, one on a line, or what is wrong with them."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return (), "Expected at least one matcher, such as identity=entra:… or rule=~sp-.*"
    if len(lines) > MOST_MATCHERS:
        return (), f"Expected at most {MOST_MATCHERS} matchers."
    try:
        found = tuple(matcher(line, labels) for line in lines)
    except ValueError as error:
        return (), clip(clean(str(error)), 150)
    if not names_something(found):
        return (), f"{UNNAMED[:1].upper()}{UNNAMED[1:]}"
    return found, ""


def _until(form: Form, now: datetime) -> datetime | None:
    """When it ends: at the time that was picked, else after the length that was."""
    picked = form.fields.get(UNTIL, "")
    if picked:
        try:
            return datetime.fromtimestamp(int(picked), UTC)
        except (ValueError, OverflowError, OSError):
            return None
    chosen = LENGTHS.get(form.fields.get(LENGTH, ""))
    return now + chosen[1] if chosen else None


def _scoped(draft: Draft) -> list[Json]:
    """What it is about: one of the incident's scopes, or matchers of one's own."""
    typed: Block = {"type": "plain_text_input", "multiline": True, "max_length": 3000}  # type: ignore[dict-item]
    if draft.own:
        typed["initial_value"] = draft.own
    hint = "One on a line, all have to fit: label=value, label!=value, label=~pattern, label!~pattern"
    if not draft.scopes:
        return [*_head(draft), _field(OWN, "Matchers", typed, hint=hint, dispatch=False)]
    options: list[Json] = [_option(value, words) for value, words in SCOPES.items()]
    chosen: Block = {"type": "static_select", "options": options, "initial_option": options[0]}
    return [
        *_head(draft),
        marked("\n".join(_line(SCOPES[scope], matchers) for scope, matchers in draft.scopes)),
        _field(SCOPE, "Which findings", chosen, dispatch=True),
        _field(OWN, "Matchers of your own", typed, optional=True, hint=hint),
    ]


def _line(words: str, matchers: Sequence[Matcher]) -> str:
    return f"{words}: {code(', '.join(map(str, matchers)), 600)}"


def _head(draft: Draft) -> list[Json]:
    return [said(draft.headline, 300)] if draft.headline else []


def _preview(text: str) -> Block:
    return small([text], 600) | {"block_id": "preview"}


def _reason() -> Block:
    typed: Block = {"type": "plain_text_input", "max_length": LONGEST_REASON}  # type: ignore[dict-item]
    return _field(REASON, "Why", typed, hint="It is signed with your name and kept.")


def _field(
    name: str, words: str, element: Block, *, optional: bool = False, dispatch: bool = False, hint: str = ""
) -> Block:
    made: Block = {"type": "input", "block_id": name, "label": label(words), "element": element | {"action_id": name}}
    made |= {"optional": True} if optional else {}
    made |= {"dispatch_action": True} if dispatch else {}
    return made | ({"hint": label(hint)} if hint else {})


def _option(value: str, words: str) -> Block:
    return {"text": label(plain(words, 75)), "value": value}


def _modal(name: str, title: str, about: Mapping[str, str], blocks: list[Json]) -> Block:
    return {
        "type": "modal",
        "callback_id": name,
        "private_metadata": json.dumps(dict(about)),
        "title": label(title),
        "submit": label("Save"),
        "close": label("Cancel"),
        "blocks": blocks,
    }
