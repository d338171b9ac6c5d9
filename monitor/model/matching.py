"""Matchers as a person writes them, in Alertmanager's syntax, and whether a value fits one.

Patterns are RE2's, as Alertmanager's are: no look-around and no back-references, and in exchange a match takes time in
proportion to the text, whatever the pattern. Both come from people, and the text from logs.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import get_close_matches
from typing import Final, cast

import pyarrow as pa
import pyarrow.compute as pc

from monitor.model.people import Matcher, Operator

LONGEST: Final = 500
"""Characters of a matcher's value, at most."""

_WRITTEN: Final = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*(.*?)\s*", re.DOTALL)


def matcher(text: str, labels: Collection[str] = ()) -> Matcher:
    """The matcher that a text such as `identity=entra:...`, `rule=~"sp-.*"` or `team!=payments` means.

    The value may be in double quotes, between which a backslash precedes a quote and a backslash. A pattern must match
    as a whole.

    >>> matcher('rule=~"sp-.*"')
    Matcher(label='rule', op='=~', value='sp-.*')

    Parameters
    ----------
    labels
        Those there are; none means that any will do.

    Raises
    ------
    ValueError
        If it is no matcher, has a label that is not there, a pattern that RE2 does not compile, or a value that is too
        long.
    """
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise ValueError(f"expected a matcher such as identity=entra:... or rule=~sp-.*, got {_short(text)}")
    label, op, value = found.groups()
    if labels and label not in labels:
        close = get_close_matches(label, list(labels), n=1)
        near = f", did you mean {close[0]!r}?" if close else f"; there are {', '.join(sorted(labels))}"
        raise ValueError(f"no label {label!r}{near}")
    made = Matcher(label, cast(Operator, op), _unquoted(value))
    if len(made.value) > LONGEST:
        raise ValueError(f"{label}: expected at most {LONGEST} characters, got {len(made.value)}")
    if op in {"=~", "!~"}:
        _compiled(made.value)
    return made


def fits(one: Matcher, value: str) -> bool:
    """Whether a label's value is as the matcher asks; a label that is not there has the value ''."""
    return bool(fitting(one, [value]))


def fitting(one: Matcher, values: Collection[str]) -> set[str]:
    """Which values of a label are as the matcher asks; of thousands a pattern is asked at once."""
    if one.op in {"=", "!="}:
        return {value for value in values if (value == one.value) is (one.op == "=")}
    distinct = list(values)
    found = pc.match_substring_regex(pa.array(distinct, pa.string()), pattern=rf"\A(?s:{one.value})\z").to_pylist()
    return {value for value, whole in zip(distinct, found, strict=True) if whole is (one.op == "=~")}


def _compiled(pattern: str) -> None:
    """Nothing, if the pattern compiles by itself: `a)|(b` would only between brackets, and escape the anchors there."""
    try:
        pc.match_substring_regex(pa.scalar(""), pattern=pattern)
        pc.match_substring_regex(pa.scalar(""), pattern=rf"\A(?s:{pattern})\z")
    except pa.ArrowInvalid as error:
        why = str(error).removeprefix("Invalid regular expression: ")
        raise ValueError(f"expected a pattern of RE2, got {_short(pattern)}: {why[:100]}") from error


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    if len(value) < len('""') or not re.fullmatch(r'"(?:[^"\\]|\\.)*"', value, re.DOTALL):
        raise ValueError(f"expected a value that its quotes enclose, got {_short(value)}")
    return re.sub(r'\\(["\\])', r"\1", value[1:-1])


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
