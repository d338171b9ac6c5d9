"""Reading rules: every file is checked, and every mistake reported at once, with file, line and the right spelling."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import LiteralScalarString

from monitor import kql, written
from monitor.errors import InputError, RuleError
from monitor.frames import DIMENSIONS
from monitor.rules.model import HEALTH, KUSTO_FACTS, SUBJECTS, Rule, bracketed
from monitor.rules.owning import checked
from monitor.written import line as _line
from monitor.written import nearest
from monitor.written import plain as _plain

USES = {"new": "spans", "measure": "activity", "slide": "days", "after": "after"}
"""Keys of a rule that only detectors with that need look at."""
BEFORE = 2
"""Lines of the query before the predicate it checks."""


def shipped() -> Path:
    """The folder of the rules that come with mintwatch: of the installed wheel, else of the checkout."""
    package = Path(str(files("monitor")))
    return package / "_rules" if (package / "_rules").is_dir() else package.resolve().parent / "rules"


def load(directory: Path, detectors: Mapping[str, Any]) -> tuple[Rule, ...]:
    """Every rule of a folder, sorted by id.

    Raises
    ------
    InputError
        If the folder is missing or holds no `*.yml`.
    RuleError
        With every mistake of every file, a line each.
    """
    if not directory.is_dir():
        raise InputError(f"{directory}: no such folder of rules")
    paths = sorted(directory.glob("*.yml"))
    if not paths:
        raise InputError(f"{directory}: expected at least one rule (*.yml), found none")
    read_all = [read(path, detectors) for path in paths]
    mistakes = [mistake for _, wrong in read_all for mistake in wrong]
    mistakes += [f"{path}:1: a rule's file ends in .yml, this one is not read" for path in directory.glob("*.yaml")]
    if mistakes:
        raise RuleError("\n".join(mistakes))
    return tuple(sorted((rule for rule, _ in read_all if rule), key=lambda rule: rule.id))


def read(path: Path, detectors: Mapping[str, Any]) -> tuple[Rule | None, list[str]]:
    """The rule of one file, and its mistakes as `file:line: what, expected`."""
    try:
        document = written.document(path)
    except InputError as error:
        return None, [str(error)]
    rule, wrong = _rule(document)
    judge, about_judge = _judge(document, detectors)
    wrong += [(_line(document, ("id",)), mistake) for mistake in _misnamed(document, path)]
    wrong += [*_unbound(document, "where"), *_unbound(document, "after"), *about_judge, *_aimless(document)]
    if wrong or rule is None:
        return None, [f"{path}:{line}: {mistake}" for line, mistake in sorted(wrong)]
    return rule.made(str(path), judge), []


def _rule(document: CommentedMap) -> tuple[Rule | None, list[tuple[int, str]]]:
    try:
        return Rule.model_validate(_plain(document)), []
    except ValidationError as error:
        return None, _mistakes(document, error, Rule)


def _misnamed(document: CommentedMap, path: Path) -> Iterator[str]:
    if "id" in document and document["id"] != path.stem:
        yield f"id {document['id']!r} is not the file's name {path.stem!r}"


def _judge(document: CommentedMap, detectors: Mapping[str, Any]) -> tuple[Any, list[tuple[int, str]]]:
    """The detector with the rule's parameters, and what is wrong about them or about keys it needs or ignores."""
    name, line = document.get("detector"), _line(document, ("detector",))
    if not isinstance(name, str):
        return None, []  # the model says so
    if name not in detectors:
        return None, [
            (line, f"no detector {name!r}{nearest(name, detectors)}; known are {', '.join(sorted(detectors))}")
        ]
    detector = detectors[name]
    wrong = [(line, f"detector {name!r} needs the key {key!r}") for key in detector.wants if not document.get(key)]
    wrong += [
        (_line(document, (key,)), f"detector {name!r} makes no use of the key {key!r}")
        for key, frame in USES.items()
        if key in document and frame not in detector.needs
    ]
    wrong += _unheard(document, name, over_scores="scores" in detector.needs)
    try:
        return detector.model_validate(_plain(document.get("params", {}))), wrong
    except ValidationError as error:
        return None, wrong + _mistakes(document, error, detector, ("params",))


def _unheard(document: CommentedMap, name: str, *, over_scores: bool) -> Iterator[tuple[int, str]]:
    """Why the detector would get nothing of the rule's stream to judge, or nothing of what the rule asks for."""
    stream, line = document.get("stream"), _line(document, ("stream",))
    if over_scores and stream != "scores":
        yield line, f"stream: detector {name!r} judges what other rules said, expected scores, got {stream!r}"
    elif stream == "scores" and not over_scores:
        yield line, f"stream: detector {name!r} judges facts and not what other rules said, got 'scores'"
    elif over_scores and "where" in document:
        yield _line(document, ("where",)), f"detector {name!r} makes no use of the key 'where'"


def _aimless(document: CommentedMap) -> Iterator[tuple[int, str]]:
    """What is wrong with the groups a rule cuts its facts into: above all, that a finding would be about nobody."""
    by, new = (document.get(key) or () for key in ("by", "new"))
    if not by or not isinstance(by, list) or not all(column in DIMENSIONS for column in by):
        return  # the model says so
    for place, column in enumerate(by):
        if column == "source" or column in by[:place]:
            reason = "cannot cut groups, every source is judged alike" if column == "source" else "is named twice"
            yield _line(document, ("by", place)), f"by.{place}: {column!r} {reason}"
    line, stream = _line(document, ("by",)), document.get("stream")
    subject = next((column for column in SUBJECTS if column in by), None)
    if subject is None:
        yield line, f"by: names no subject, expected one of {', '.join(SUBJECTS)} among {list(by)}"
    elif stream == "scores" and list(by) != [subject]:
        yield line, f"by: other rules' findings are about one subject, expected [{subject}], got {list(by)}"
    elif subject == "resource" and stream not in {"vault", HEALTH}:
        yield (
            line,
            f"by: 'resource' is a vault in the stream vault only, expected identity or ip beside it in {stream!r}",
        )
    for column in new if isinstance(new, list) else ():
        if column in by:
            yield _line(document, ("new",)), f"new: {column!r} is in 'by', too, and so never new"


def _unbound(document: CommentedMap, key: str) -> Iterator[tuple[int, str]]:
    """The first mistake of a predicate, at the line of the file and the place in the predicate where it stands."""
    text = document.get(key)
    if not isinstance(text, str) or not text.strip():
        return
    asked = f"facts\n| where true and (\n{bracketed(checked(text))}\n)\n| count"
    for problem in _engine().validate(asked, {"facts": KUSTO_FACTS})[:1]:
        line, lines = _line(document, (key,)), text.splitlines()
        if problem.line <= BEFORE:  # of the whole, such as a comparison of text with a number
            yield line, f"{key}: {problem.message}"
            continue
        row = min(problem.line - BEFORE, len(lines))
        added = asked.splitlines()[problem.line - 1][: problem.column].count("['kind']") * len("['']")
        column = problem.column - added if problem.line - BEFORE == row else len(lines[row - 1]) + 1
        line += row if isinstance(text, LiteralScalarString) else 0
        yield line, f"{key}: line {row}, column {column}: {problem.message}"


@cache
def _engine() -> kql.DuckEngine:
    return kql.DuckEngine(threads=1, keep=kql.cache_folder(os.environ))


def _mistakes(
    document: CommentedMap, error: ValidationError, model: Any, under: tuple[str, ...] = ()
) -> list[tuple[int, str]]:
    return [(_line(document, place), mistake) for place, mistake in written.mistakes(error, model, under)]
