"""What can be typed: commands, options, exit codes, environment."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import typer

from docs.generate.words import heading, table
from monitor import cli
from monitor.cli.acting import UNANSWERED
from monitor.cli.stopping import BUSY

ROOT: Final = Path(__file__).parents[2]


_RARE: Final = {
    "whoever has the state did not answer: nothing was done, and nothing will be": UNANSWERED,
    "stopped with work in flight, which is made up for": BUSY,
    "interrupted": cli.INTERRUPTED,
    "terminated": cli.TERMINATED,
}


def commands() -> str:
    """Every command and option, and the exit codes."""
    group: Any = typer.main.get_command(cli.app)
    codes = {"fine": cli.FINE, "something could not be finished": cli.UNFINISHED, "the input is wrong": cli.WRONG}
    parts = [
        *heading("Commands", "What `mintwatch` can be asked. Every command also takes `--help`."),
        *options(group),
        *command("mintwatch", group),
        "## Exit codes\n",
        *table(("code", "means"), [(code, means) for means, code in (codes | _RARE).items()]),
        "## Environment\n",
        "[Settings](settings.md) can be given in variables whose names start with `MINTWATCH__`. Credentials take from",
        "`AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_FEDERATED_TOKEN_FILE` what their settings leave out.",
        *_read_from(environment()),
        "Colours and progress bars appear on a terminal only; `NO_COLOR` turns colours off there.",
        "Notebooks read `MINTWATCH_LOGS`, a folder of exported tables, and `MINTWATCH_SETTINGS`, a file of settings.",
    ]
    return "\n".join(parts) + "\n"


def _read_from(variables: list[str]) -> list[str]:
    return [f"Also read: {', '.join(f'`{one}`' for one in variables)}."] if variables else []


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
    yield from table(("option", "meaning", "default"), rows) if rows else ()


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
