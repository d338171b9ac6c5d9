"""Rules: what to count and how to judge it, one YAML file each.

Metadata follows Sigma's conventions. Loading checks every file and reports every mistake at once, each with file and
line, what was expected, and the nearest right spelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError, field_validator
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.scalarstring import LiteralScalarString

from monitor import kql
from monitor.clock import BIN, DAY
from monitor.errors import InputError, RuleError
from monitor.frames import DIMENSIONS, FACTS
from monitor.model import Level

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
STREAMS = ("sign_in", "vault", "directory", "control", "risk")
KUSTO_FACTS = {
    field.name: "long" if field.name == "events" else "datetime" if str(field.type).startswith("time") else "string"
    for field in FACTS
}
"""FACTS in KQL's types, against which every rule predicate is bound."""


def duration(text: object) -> timedelta:
    """A length of time from `15m`, `28d`, `1h` or `30s`.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    if isinstance(text, timedelta):
        return text
    match = re.fullmatch(r"(\d+)([smhd])", str(text))
    if not match:
        raise ValueError(f"expected a duration such as 15m, 1h or 28d, got {text!r}")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


Duration: TypeAlias = Annotated[timedelta, BeforeValidator(duration)]


def _dimension(value: object) -> str:
    if value not in DIMENSIONS:
        raise ValueError(f"no such column of FACTS: {value!r}{_nearest(str(value), DIMENSIONS)}")
    return str(value)


Dimension: TypeAlias = Annotated[str, BeforeValidator(_dimension)]


def _nearest(word: str, words: Iterable[str]) -> str:
    close = get_close_matches(word, list(words), n=1)
    return f", did you mean {close[0]!r}?" if close else ""


_WORDS = re.compile(r"""(@"[^"]*"|@'[^']*'|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|//[^\n]*)|(?<![\w.])kind(?!\w)""")


def bracketed(predicate: str) -> str:
    """The predicate with the column `kind` in brackets: it is a keyword of KQL, which people need not know.

    >>> print(bracketed('kind == "kind" and outcome == "issued"'))
    ['kind'] == "kind" and outcome == "issued"
    """
    return _WORDS.sub(lambda word: word[1] or "['kind']", predicate)


class Judge(Protocol):
    """A detector class, as a rule sees it: pydantic parameters, and whether its counts only ever grow."""

    @classmethod
    def model_validate(cls, obj: Any) -> Any:
        """The detector with these parameters."""
        ...


class Measure(BaseModel):
    """What is counted: `events`, or how many different values of a column."""

    model_config = ConfigDict(frozen=True)
    name: Literal["events", "distinct"]
    column: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.column}".strip()


def _measure(value: object) -> Measure:
    if isinstance(value, Measure):
        return value
    words = str(value).split()
    if words == ["events"]:
        return Measure(name="events")
    if len(words) == 2 and words[0] == "distinct":
        return Measure(name="distinct", column=_dimension(words[1]))
    raise ValueError(f"expected 'events' or 'distinct <column>', got {value!r}")


class Rule(BaseModel):
    """Everything that can alert: what it is called, what it counts, how it is judged, what on-call does next."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    title: str = Field(min_length=3, max_length=80)
    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    status: Annotated[Literal["experimental", "stable"], Field()]
    level: Annotated[Level, BeforeValidator(Level)]
    description: str = ""
    tags: tuple[str, ...] = Field(default=(), strict=False)
    references: tuple[str, ...] = Field(default=(), strict=False)
    falsepositives: tuple[str, ...] = Field(default=(), strict=False)
    stream: Literal["sign_in", "vault", "directory", "control", "risk"]
    where: str = "true"
    after: str = ""
    measure: Annotated[Measure, BeforeValidator(_measure)] = Measure(name="events")
    new: tuple[Dimension, ...] = Field(default=(), strict=False)
    by: tuple[Dimension, ...] = Field(min_length=1, strict=False)
    bucket: Duration = timedelta(hours=1)
    slide: bool | None = None
    detector: str
    params: dict[str, Any] = Field(default_factory=dict)
    tell: float = Field(default=3.0, ge=1.0, le=30.0, strict=False)
    runbook: str = Field(min_length=20)
    _file: str = PrivateAttr(default="")
    _judge: Any = PrivateAttr(default=None)

    @field_validator("where", "after")
    @classmethod
    def _brackets(cls, value: str) -> str:
        return bracketed(value)

    @field_validator("bucket")
    @classmethod
    def _whole_bins(cls, value: timedelta) -> timedelta:
        if value % BIN or DAY % value:
            raise ValueError("expected a multiple of 5m that divides a day, such as 5m, 15m, 1h or 3h")
        return value

    @property
    def predicate(self) -> str:
        """The KQL over FACTS that picks the rule's facts."""
        return f'stream == "{self.stream}" and (\n{self.where.strip()}\n)'

    @property
    def family(self) -> str:
        """Measure family: rules of one stream and family look at the same tokens, which count once in an incident.

        A new country comes with a new network and a new address range, a new vault with new secrets: one family each.
        """
        if self.new:
            return f"new {', '.join(sorted({FAMILIES.get(column, column) for column in self.new}))}"
        return "wake" if self.detector == "first_seen" else str(self.measure)

    @property
    def sliding(self) -> bool:
        """Whether buckets start every 5 minutes (limit and distinct) or stand side by side."""
        return self.detector == "limit" if self.slide is None else self.slide

    @property
    def judge(self) -> Any:
        """The detector, made with `params` when the rule was loaded."""
        return self._judge

    @property
    def file(self) -> str:
        """Where the rule was read from."""
        return self._file

    @property
    def subject(self) -> tuple[str, str]:
        """(what a finding is about, the column that names it): identity, else ip, vault, credential, tenant."""
        for column, word in SUBJECTS.items():
            if column in self.by:
                return word, column
        return "tenant", ""

    @property
    def hash(self) -> str:
        """8 hex digits that change whenever what the rule counts does."""
        return sha256(f"{self.predicate}\n{self.by}\n{self.new}".encode()).hexdigest()[:8]


FAMILIES = {
    "ip": "place",
    "prefix": "place",
    "asn": "place",
    "country": "place",
    "object": "resource",
    "credential_id": "credential",
}
"""What a new value of a column is new of, where several columns move together."""

SUBJECTS = {
    "identity": "identity",
    "ip": "ip",
    "prefix": "ip",
    "resource": "vault",
    "credential_id": "credential",
    "tenant": "tenant",
}


def shipped() -> Path:
    """The folder of the rules that come with mintwatch: of the installed wheel, else of the checkout."""
    packaged = Path(str(files("monitor"))) / "_rules"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parent.parent / "rules"


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
    rules, mistakes = [], []
    for path in paths:
        rule, wrong = read(path, detectors)
        mistakes += wrong
        if rule:
            rules.append(rule)
    if mistakes:
        raise RuleError("\n".join(mistakes))
    return tuple(sorted(rules, key=lambda rule: rule.id))


def read(path: Path, detectors: Mapping[str, Any]) -> tuple[Rule | None, list[str]]:
    """The rule of one file, and its mistakes as `file:line: what, expected`."""
    try:
        document = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return None, [f"{path}:{line}: not YAML: {error.problem}"]
    except (OSError, UnicodeDecodeError) as error:
        return None, [f"{path}:1: cannot be read as UTF-8 text: {error}"]
    if not isinstance(document, CommentedMap):
        return None, [f"{path}:1: expected a mapping of keys such as title and detector"]
    return _check(path, document, detectors)


def _check(path: Path, document: CommentedMap, detectors: Mapping[str, Any]) -> tuple[Rule | None, list[str]]:
    try:
        rule = Rule.model_validate(_plain(document))
    except ValidationError as error:
        return None, _mistakes(path, document, error, Rule)
    mistakes = []
    if rule.id != path.stem:
        mistakes.append(f"{path}:{_line(document, ('id',))}: id {rule.id!r} is not the file's name {path.stem!r}")
    for key in ("where", "after"):
        if key in document:
            mistakes += _bind(path, document, key, str(document[key]))
    judge, wrong = _make(path, document, rule, detectors)
    rule._file, rule._judge = str(path), judge
    mistakes += wrong
    return (None, mistakes) if mistakes else (rule, [])


def _make(path: Path, document: CommentedMap, rule: Rule, detectors: Mapping[str, Any]) -> tuple[Any, list[str]]:
    where = f"{path}:{_line(document, ('detector',))}"
    if rule.detector not in detectors:
        known = ", ".join(sorted(detectors))
        return None, [f"{where}: no detector {rule.detector!r}{_nearest(rule.detector, detectors)}; known are {known}"]
    judge = detectors[rule.detector]
    try:
        made = judge.model_validate(rule.params)
    except ValidationError as error:
        return None, _mistakes(path, document, error, judge, ("params",))
    mistakes = [
        f"{where}: detector {rule.detector!r} needs the key {need!r}" for need in judge.wants if not getattr(rule, need)
    ]
    mistakes += [
        f"{path}:{_line(document, (key,))}: detector {rule.detector!r} makes no use of the key {key!r}"
        for key, frame in USES.items()
        if getattr(rule, key) and frame not in judge.needs
    ]
    return made, mistakes


USES = {"new": "spans", "after": "after"}
"""Keys of a rule that only detectors with that need look at."""


def _bind(path: Path, document: CommentedMap, key: str, text: str) -> list[str]:
    """The mistakes of one predicate, at the line of the file and the place in the predicate where they stand."""
    if not text.strip():
        return []
    lines = []
    asked = f"facts\n| where (\n{bracketed(text)}\n)\n| count"
    for problem in _engine().validate(asked, {"facts": KUSTO_FACTS}):
        row = min(max(problem.line - BEFORE, 1), len(text.splitlines()))
        added = asked.splitlines()[problem.line - 1][: problem.column].count("['kind']") * len("['']")
        start = _line(document, (key,))
        line = start + row if isinstance(document[key], LiteralScalarString) else start
        lines.append(f"{path}:{line}: {key}: line {row}, column {problem.column - added}: {problem.message}")
    return lines


BEFORE = 2
"""Lines of the query before the predicate it checks."""


@cache
def _engine() -> kql.DuckEngine:
    return kql.DuckEngine(threads=1)


def _mistakes(
    path: Path, document: CommentedMap, error: ValidationError, model: Any, under: tuple[str, ...] = ()
) -> list[str]:
    lines = []
    for one in error.errors():
        loc = (*under, *one["loc"])
        name = ".".join(map(str, loc))
        where = f"{path}:{_line(document, loc)}"
        if one["type"] == "extra_forbidden":
            lines.append(f"{where}: unknown key {name!r}{_nearest(str(loc[-1]), model.model_fields)}")
        elif one["type"] == "missing":
            lines.append(f"{where}: missing key {name!r}")
        else:
            message = one["msg"].removeprefix("Value error, ")
            lines.append(f"{where}: {name}: {message}")
    return lines


def _line(document: CommentedMap, loc: Sequence[Any]) -> int:
    """The line, counted from 1, of the deepest part of `loc` that the document holds."""
    line: int = 1
    node: Any = document
    for part in loc:
        try:
            line = (node.lc.key(part) if isinstance(node, CommentedMap) else node.lc.item(part))[0] + 1
            node = node[part]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
    return line


def _plain(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    return str(node) if isinstance(node, str) else node
