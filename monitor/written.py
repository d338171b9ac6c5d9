"""What a person wrote as YAML: the document with its lines, and every mistake of it at its own line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, get_args, get_origin

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError

from monitor.errors import InputError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Place: TypeAlias = "tuple[str | int, ...]"
"""Where a value stands in a document: keys and positions from its top."""


def document(path: Path) -> CommentedMap:
    """The mapping that a file holds, which knows the line of each of its keys.

    Raises
    ------
    InputError
        As `file:line: what`, if it cannot be read, is no YAML, or is no mapping.
    """
    try:
        read = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        at = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{path}:{at}: not YAML: {error.problem}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}:1: cannot be read as UTF-8 text: {error}") from error
    if not isinstance(read, CommentedMap):
        raise InputError(f"{path}:1: expected a mapping of keys to values")
    return read


def line(written: CommentedMap, place: Sequence[Any]) -> int:
    """The line, counted from 1, of the deepest part of `place` that the document holds."""
    at: int = 1
    node: Any = written
    for part in place:
        try:
            at = (node.lc.key(part) if isinstance(node, CommentedMap) else node.lc.item(part))[0] + 1
            node = node[part]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
    return at


def plain(node: Any) -> Any:
    """The same as Python's own mappings, lists and text, without lines and comments."""
    if isinstance(node, Mapping):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(value) for value in node]
    return str(node) if isinstance(node, str) else node


def nearest(word: str, words: Iterable[str]) -> str:
    """The end of a message about a misspelt word: the nearest right one, if there is one near."""
    close = get_close_matches(word, list(words), n=1)
    return f", did you mean {close[0]!r}?" if close else ""


def mistakes(error: ValidationError, model: type[BaseModel], under: Place = ()) -> Iterator[tuple[Place, str]]:
    """What is wrong with a document that should have been a `model`, with where; `under` is where the model stands."""
    found = error.errors()
    parents = {one["loc"][:depth] for one in found for depth in range(1, len(one["loc"]))}
    for one in found:
        if one["loc"] in parents:
            continue  # a list is too short because its items are wrong
        place = tuple(part for part in (*under, *one["loc"]) if part != "[key]")  # it is the key itself
        name = ".".join(map(str, place))
        if one["type"] == "extra_forbidden":
            known = list(_keys(model, one["loc"][:-1]))
            near = nearest(str(place[-1]), known) or (f"; there are {', '.join(known)}" if known else "")
            yield place, f"unknown key {name!r}{near}"
        elif one["type"] == "missing":
            yield place, f"missing key {name!r}"
        else:
            yield place, f"{name}: {_in_words(one)}"


_EXPECTED: Final = {
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number of at most {le}",
    "finite_number": "a number",
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
}
"""What is expected where pydantic has no word for what it got; none of these is ever a secret."""


def _in_words(found: ErrorDetails) -> str:
    """One mistake: what was expected, and what is there instead."""
    expected = _EXPECTED.get(found["type"])
    if expected is None:
        return found["msg"].removeprefix("Value error, ")
    bounds = {name: f"{value:g}" for name, value in found.get("ctx", {}).items() if isinstance(value, int | float)}
    return f"expected {expected.format(**bounds)}, got {found['input']!r:.60}"


def _keys(model: type[BaseModel], place: Sequence[str | int]) -> Iterable[str]:
    """The keys that may stand at `place` of a model: those of the model nested there."""
    entry = False
    for part in place:
        if entry:  # the name somebody gave an entry of a mapping, or its position in a list
            entry = False
            continue
        inside = model.model_fields.get(str(part))
        models = list(_models(inside.annotation)) if inside else [model]
        if not models:
            return ()
        entry = inside is not None and _holds_many(inside.annotation)
        model = models[0]
    return [field.alias or name for name, field in model.model_fields.items()]


def _holds_many(annotation: Any) -> bool:
    return get_origin(annotation) in {dict, list, tuple} or any(map(_holds_many, get_args(annotation)))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
