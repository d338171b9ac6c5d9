"""The reference pages, made from the code: `python docs/generate.py` writes them, `--check` says which are stale."""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import typer

from monitor import cli, errors, frames, plugins, rules
from monitor.frames import ACTIVITY, DIMENSIONS, FACTS, SCORES, SPANS
from monitor.model import Finding, Level, Reason
from monitor.rules import Rule
from monitor.sources.files import KEYS
from monitor.sources.fold import BOUND, MARGIN, QUERIES
from monitor.tables import TABLES
from monitor.worker.lines import line

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent
MADE: Final = "<!-- Made from the code by docs/generate.py; `make docs` writes it anew. -->"
DURATION: Final = r"^\d+[smhd]$"
LIST: Final = {"new", "by"}


# --- commands --------------------------------------------------------------------------------------------------------


def commands() -> str:
    """Every command and option, and the exit codes."""
    group: Any = typer.main.get_command(cli.app)
    codes = {"fine": cli.FINE, "something could not be finished": cli.UNFINISHED, "the input is wrong": cli.WRONG}
    parts = [
        *heading("Commands", "What `mintwatch` can be asked. Every command also takes `--help`."),
        *options(group),
        *command("mintwatch", group),
        "## Exit codes\n",
        *table(
            ("code", "means"), [(code, means) for means, code in (codes | {"interrupted": cli.INTERRUPTED}).items()]
        ),
        "## Environment\n",
        "mintwatch reads no environment variable of its own"
        if not environment()
        else f"Read from the environment: {', '.join(environment())}",
        "",
    ]
    return "\n".join(parts).rstrip() + _COLOURS


_COLOURS: Final = """. Colours and progress bars appear on a terminal only;
`NO_COLOR` turns colours off there. The notebook reads `MINTWATCH_LOGS`, a folder of exported tables.
"""


def command(path: str, node: Any) -> Iterator[str]:
    """The section of each command below a group."""
    for name, one in sorted(getattr(node, "commands", {}).items()):
        whole = f"{path} {name}"
        if hasattr(one, "commands"):
            yield from command(whole, one)
            continue
        arguments = "".join(f" {each.metavar}" for each in one.params if not each.opts[0].startswith("-"))
        yield f"## {whole}{arguments}\n"
        yield f"{inspect.cleandoc(one.help or '')}\n"
        yield from options(one)


def options(node: Any) -> Iterator[str]:
    """A table of the options of one command."""
    rows = [(f"`{_spelled(one)}`", one.help or "", _default(one)) for one in node.params if one.name != "help"]
    yield from table(("option", "meaning", "default"), rows)


def _spelled(one: Any) -> str:
    kind = one.type_descriptor.annotation
    choices = getattr(kind, "__args__", ())
    words = "|".join(map(str, choices)) if choices and all(isinstance(each, str) for each in choices) else ""
    value = "" if kind is bool else f" {one.metavar or words or kind.__name__.upper()}"
    return (one.opts[0] + value) if one.opts[0].startswith("-") else str(one.metavar)


def _default(one: Any) -> str:
    default = getattr(one, "default", None)
    return "required" if one.required else "" if default in (None, False) else f"`{default}`"


def environment() -> list[str]:
    """Names of environment variables that the package reads."""
    text = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "monitor").rglob("*.py")))
    return sorted(set(re.findall(r"""(?:environ\[|environ\.get\(|getenv\()["'](\w+)["']""", text)))


# --- rules -----------------------------------------------------------------------------------------------------------


def schema() -> str:
    """JSON Schema of a rule file, for editors: durations, measures and columns as a person writes them."""
    made = Rule.model_json_schema()
    keys = made["properties"]
    meanings = meaning("rule", keys)
    detectors = plugins.detectors()
    for name, one in keys.items():
        one["description"] = meanings[name].replace("`", "")
        _as_written(one)
    keys["level"] = {"enum": [each.value for each in Level], "description": keys["level"]["description"]}
    distinct = "|".join(DIMENSIONS)
    keys["measure"] = {"type": "string", "pattern": f"^(events|distinct ({distinct}))$", "default": "events"}
    keys["measure"]["description"] = meanings["measure"].replace("`", "")
    for name in LIST:
        keys[name]["items"] = {"enum": list(DIMENSIONS)}
    keys["slide"] = {"type": "boolean", "description": keys["slide"]["description"]}
    keys["detector"]["enum"] = sorted(detectors)
    made["allOf"] = [_params(name, detectors[name]) for name in sorted(detectors)]
    made.pop("$defs", None)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A rule of mintwatch"}
    return json.dumps(made | head, indent=2, ensure_ascii=False) + "\n"


def _params(name: str, detector: Any) -> dict[str, object]:
    params = detector.model_json_schema()
    params = {key: params[key] for key in ("properties", "required", "additionalProperties") if key in params}
    for one in params["properties"].values():
        _as_written(one)
    then: dict[str, object] = {"properties": {"params": params}}
    if params.get("required"):
        then["required"] = ["params"]
    return {"if": {"properties": {"detector": {"const": name}}}, "then": then}


def _as_written(one: dict[str, Any]) -> None:
    one.pop("title", None)
    if one.get("format") == "duration":
        one.pop("format")
        one |= {"pattern": DURATION, "default": spoken(one.get("default", ""))}


def rule_keys() -> str:
    """Every key a rule may have."""
    keys = Rule.model_fields
    meanings = meaning("rule", keys)
    required = {name for name, field in keys.items() if field.is_required()}
    written = json.loads(schema())["properties"]
    rows = [
        (f"`{name}`", meanings[name], "required" if name in required else f"`{json.dumps(written[name]['default'])}`")
        if name in required or written[name].get("default") not in (None, "", [])
        else (f"`{name}`", meanings[name], "")
        for name in keys
    ]
    parts = [
        *heading(
            "Rule keys", "A rule is one YAML file, `<id>.yml`. How to write one: [Write a rule](../howto/rule.md)."
        ),
        *table(("key", "meaning", "default"), rows),
        "Durations are written `30s`, `15m`, `1h`, `28d`. Columns are those of [FACTS](frames.md). A key that the",
        "detector makes no use of is a mistake, and so is an unknown one; both are reported with file, line and the",
        "nearest right spelling.\n",
        "[rule.schema.json](rule.schema.json) says the same as JSON Schema. Editors with the YAML language server",
        "read it from a first line such as `# yaml-language-server: $schema=../docs/reference/rule.schema.json`.",
    ]
    return "\n".join(parts) + "\n"


def shipped() -> str:
    """The rules that come with mintwatch, and their runbooks."""
    loaded = rules.load(rules.shipped(), plugins.detectors())
    rows = [
        (f"[{one.id}](#{one.id})", one.title, one.level.value, one.status, one.detector, ", ".join(one.by))
        for one in loaded
    ]
    stable = sum(one.status == "stable" for one in loaded)
    parts = [
        *heading(
            "Shipped rules", f"{len(loaded)} rules, {stable} of them stable; the others are judged and kept, not told."
        ),
        *table(("rule", "title", "level", "status", "detector", "by"), rows),
        *(text for one in loaded for text in _shipped(one)),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _shipped(one: Rule) -> Iterator[str]:
    params = one.judge.model_dump(exclude_unset=True)
    counted = f"new {', '.join(one.new)}" if one.new else str(one.measure)
    yield f"## {one.id}\n"
    yield f"{one.title}. {one.description.strip()}\n"
    said = ", ".join(f"{name} {written(value)}" for name, value in params.items())
    rows = [
        ("stream", one.stream),
        ("counts", f"{counted} by {', '.join(one.by)} in {length(one.bucket)}"),
        ("judged by", f"[{one.detector}](detectors.md#{one.detector})" + (f", {said}" if said else "")),
        ("tags", ", ".join(one.tags)),
        ("also looks like this", "; ".join(one.falsepositives)),
    ]
    yield from table(("", ""), [row for row in rows if row[1]])
    yield f"```kusto\n{unbracketed(one.where)}\n```\n"
    if one.after:
        yield f"After:\n\n```kusto\n{unbracketed(one.after)}\n```\n"
    yield f"{one.runbook.strip()}\n"


def unbracketed(predicate: str) -> str:
    """As it was written: loading a rule puts `kind`, a word of KQL, in brackets."""
    return predicate.strip().replace("['kind']", "kind")


def detectors() -> str:
    """Every detector with its parameters and formulas."""
    parts = heading(
        "Detectors", "What judges the counts of a rule. How to write one: [Write a detector](../howto/detector.md)."
    )
    for name, detector in plugins.detectors().items():
        said, parameters = sections(inspect.getdoc(detector) or "")
        parts += [f"## {name}\n", said, f"Asks for: {', '.join(sorted(detector.needs))}.\n"]
        fields = detector.model_fields
        if wrong := sorted(set(fields) ^ set(parameters)):
            raise SystemExit(f"detector {name}: its docstring and its fields disagree about {', '.join(wrong)}")
        rows = [
            (f"`{key}`", parameters[key], "required" if field.is_required() else f"`{written(field.default)}`")
            for key, field in fields.items()
        ]
        parts += table(("parameter", "meaning", "default"), rows)
    return "\n".join(parts).rstrip() + "\n"


def sections(docstring: str) -> tuple[str, dict[str, str]]:
    """A numpydoc docstring as text and examples, and its parameters."""
    pieces = re.split(r"\n(\w+)\n-+\n", f"\n{docstring}")
    found = dict(zip(pieces[1::2], pieces[2::2], strict=True))
    parameters = {
        name.strip(): " ".join(text.split())
        for name, text in re.findall(r"^(\w+)\n((?:[ ]+.*\n?)+)", found.get("Parameters", ""), re.MULTILINE)
    }
    said = pieces[0].strip() + "\n"
    for part in found.get("Examples", "").strip().split("\n\n"):
        said += f"\n```pycon\n{part}\n```\n" if part.startswith(">>>") else f"\n{part}\n" if part else ""
    return said, parameters


# --- data ------------------------------------------------------------------------------------------------------------


def frame_pages() -> str:
    """The frames that pass between stages."""
    types = {field.name: str(field.type) for field in FACTS}
    meanings = meaning("facts", types)
    notes = attributes(frames)
    parts = [
        *heading("Frames", inspect.cleandoc(frames.__doc__ or "").split("\n\n", 1)[1]),
        "## FACTS\n",
        notes["FACTS"] + "\n",
        *table(("column", "type", "meaning"), [(f"`{name}`", kind, meanings[name]) for name, kind in types.items()]),
    ]
    schemas: Mapping[str, Mapping[str, str]] = {"ACTIVITY": ACTIVITY, "SPANS": SPANS, "SCORES": SCORES}
    for name, columns in schemas.items():
        parts += [f"## {name}\n", notes[name] + "\n"]
        parts += table(("column", "type"), [(f"`{column}`", kind) for column, kind in columns.items()])
    return "\n".join(parts).rstrip() + "\n"


def attributes(module: Any) -> dict[str, str]:
    """The docstrings of a module's variables, which Python keeps nowhere but in the source."""
    body = ast.parse(inspect.getsource(module)).body
    notes = {}
    for before, after in pairwise(body):
        target = before.targets[0] if isinstance(before, ast.Assign) else getattr(before, "target", None)
        if isinstance(target, ast.Name) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            notes[target.id] = inspect.cleandoc(str(after.value.value))
    return notes


def findings() -> str:
    """The lines that `mintwatch backtest` writes."""
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    one = Finding(
        "", "", Level.LOW, "", "", False, "", (), "", moment, moment, moment, moment, 0.0, 0.0, 0.0, 0.0, 0.0, ""
    )
    keys = line(one, "", Reason.OPENED, {})
    meanings, reasons = meaning("finding", keys), meaning("reason", [one.value for one in Reason])
    parts = [
        *heading(
            "Findings",
            "`mintwatch backtest` writes one JSON object a line per finding, told or not, in order of `time`.",
        ),
        *table(("key", "meaning"), [(f"`{key}`", meanings[key]) for key in keys]),
        "A line never changes once it could be told: cutting the input in time leaves the lines before the cut as they",
        "were. When a later row makes the same judgement more surprising by at least 0.5, that is another line with a",
        "`time` of its own ([why](../decisions/0006-findings-never-change.md)).\n",
        "## Reasons\n",
        *table(("reason", "means"), [(f"`{one}`", reasons[one]) for one in reasons]),
    ]
    return "\n".join(parts).rstrip() + "\n"


def sources() -> str:
    """Which tables are read, by what, and without which columns nothing can be counted."""
    rows = [(f"`{one.name}`", one.stream, ", ".join(one.tables), length(one.settle)) for one in QUERIES.values()]
    keyed = [(name, ", ".join(f"`{key}`" for key in KEYS[name])) for name in TABLES if name in KEYS]
    others = ", ".join(name for name in TABLES if name not in KEYS)
    parts = [
        *heading("Sources", "One source per kind of log, each with one query in `monitor/queries/`."),
        *table(("source", "stream", "tables", "settle"), rows),
        "Settle is how long after its end a bucket counts as whole: before, it is no history, and its silence proves",
        "nothing. Judged it is at once.",
        f"Copies of a row up to {length(MARGIN)} apart are recognised. Rows that arrive more than {length(BOUND)} late",
        "are counted and reported, and not folded.\n",
        "## Key columns\n",
        "Without one of these the input is refused. Other absent columns are named and read as empty.\n",
        *table(("table", "key columns"), keyed),
        f"Known by name, read by no source yet: {others}.",
    ]
    return "\n".join(parts) + "\n"


def failures() -> str:
    """The errors mintwatch raises on purpose, and what the command line makes of them."""
    found = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, errors.MintwatchError)]
    rows = [
        (f"`{one.__name__}`", inspect.cleandoc(one.__doc__ or "").replace("\n", " "), _code(one))
        for one in sorted(found, key=lambda one: (len(one.__mro__), one.__name__))
    ]
    parts = [
        *heading("Errors", "Messages say where, what, and what was expected; several mistakes are reported at once."),
        *table(("error", "means", "exit code"), rows),
        "A source, a rule or a notifier that fails is reported and stops nobody else;",
        f"the command then exits with {cli.UNFINISHED}.",
    ]
    return "\n".join(parts) + "\n"


def _code(error: type[Exception]) -> int:
    return cli.WRONG if issubclass(error, errors.InputError) else cli.UNFINISHED


# --- words -----------------------------------------------------------------------------------------------------------


def heading(title: str, said: str) -> list[str]:
    return [f"# {title}\n", f"{MADE}\n", f"{said}\n"]


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A Markdown table, and an empty line."""
    shown = [f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}", *shown, ""]


def meaning(of: str, names: Iterable[str]) -> dict[str, str]:
    """What each name means, from meanings.toml, which must know these and no others."""
    known = tomllib.loads((HERE / "meanings.toml").read_text("utf-8"))[of]
    wanted = list(names)
    wrong = sorted(set(wanted) ^ set(known))
    if wrong:
        raise SystemExit(f"docs/meanings.toml: [{of}] and the code disagree about {', '.join(wrong)}")
    return {name: known[name] for name in wanted}


def written(value: object) -> str:
    return length(value) if isinstance(value, timedelta) else str(value)


def spoken(iso: str) -> str:
    """`28d` for P28D, `1h` for PT1H: as rules write a duration."""
    match = re.fullmatch(r"PT?(\d+)([DHMS])", iso)
    return f"{match[1]}{match[2].lower()}" if match else iso


def length(span: timedelta) -> str:
    """As a rule would write it."""
    for unit, width in (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1))):
        if span >= width and not span % width:
            return f"{span // width}{unit}"
    return f"{span // timedelta(seconds=1)}s"


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "commands.md": commands,
    "detectors.md": detectors,
    "errors.md": failures,
    "findings.md": findings,
    "frames.md": frame_pages,
    "rule-keys.md": rule_keys,
    "rule.schema.json": schema,
    "shipped-rules.md": shipped,
    "sources.md": sources,
}


def stale(folder: Path) -> list[str]:
    """The pages that are not as the code would have them."""
    return [
        name
        for name, make in PAGES.items()
        if not (folder / name).is_file() or (folder / name).read_text("utf-8") != make()
    ]


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or with `--check` name those that are stale."""
    folder = HERE / "reference"
    old = stale(folder)
    if "--check" in arguments:
        for name in old:
            print(f"docs/reference/{name} is stale; make docs writes it anew", file=sys.stderr)
        return int(bool(old))
    folder.mkdir(exist_ok=True)
    for name in old:
        (folder / name).write_text(PAGES[name](), "utf-8")
        print(f"docs/reference/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
