"""The documentation is true: its examples run, its links lead somewhere, and what it names is there."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import typer
from ruamel.yaml import YAML

from docs.generate import pages
from monitor import cli, rules
from monitor.testing.simulate import simulate

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>run|file)(?: (?P<path>\S+))? -->\n)?```(?P<kind>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Block:
    """A fenced block: what its mark asks (`run`, `file` or nothing), where it is to be written, and what it says."""

    mark: str
    path: str
    kind: str
    text: str


def blocks(page: Path) -> list[Block]:
    found = BLOCK.finditer(page.read_text("utf-8"))
    return [Block(one["mark"] or "", one["path"] or "", one["kind"], one["text"]) for one in found]


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return BLOCK.sub("", page.read_text("utf-8"))


# --- examples --------------------------------------------------------------------------------------------------------

EXAMPLES = [page for page in PAGES if any(block.mark for block in blocks(page))]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny tenant's exported logs, for every example that starts from `logs`."""
    folder = tmp_path_factory.mktemp("world") / "logs"
    simulate(folder, days=15, identities=30, seed=5)
    return folder


def commands(block: Block) -> Iterator[str]:
    """The lines a person would type."""
    return (line[2:] for line in block.text.splitlines() if line.startswith("$ "))


@pytest.mark.slow
@pytest.mark.parametrize("page", EXAMPLES, ids=name)
def test_examples_run(page: Path, logs: Path, tmp_path: Path) -> None:
    shutil.copytree(logs, tmp_path / "logs")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "RULES": str(rules.shipped())}
    for block in blocks(page):
        if block.mark == "file":
            (tmp_path / block.path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / block.path).write_text(block.text, "utf-8")
        lines = (
            [[sys.executable, "-c", block.text]]
            if block.kind == "python"
            else [["bash", "-c", "\n".join(["set -e", *commands(block)])]]
        )
        for line in lines if block.mark == "run" else []:
            done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{block.text}\n{done.stdout}\n{done.stderr}"


# --- links and names -------------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """What a heading is called in a link, as code hosts make it up."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).strip().replace(" ", "-") for one in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for groups in LINK.findall(prose(page)):
        link = next(part for part in groups if part)
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        found = (page.parent / target).resolve() if target else page
        assert found.exists(), f"{name(page)}: {link} leads nowhere"
        if anchor and found.suffix == ".md":
            assert anchor in anchors(found), f"{name(page)}: {link}: no such heading"


def typed() -> Iterator[tuple[str, str]]:
    """(page, command line) of everything that looks typed: in console and sh blocks, and in code spans."""
    for page in PAGES:
        if page.name == "CHANGELOG.md":
            continue
        for block in blocks(page):
            for line in block.text.splitlines() if block.kind in {"console", "sh", ""} else ():
                yield name(page), line.removeprefix("$ ").strip()
        for span in re.findall(r"`([^`\n]+)`", prose(page)):
            yield name(page), span


def test_commands_and_options_that_are_named_exist() -> None:
    seen = 0
    for page, line in typed():
        words = shlex.split(line, comments=True) if line.startswith("mintwatch ") else []
        node: Any = typer.main.get_command(cli.app)
        for word in words[1:]:
            if word.startswith("-"):
                known = {"--help", *(option for one in node.params for option in one.opts)}
                assert word.split("=")[0] in known, f"{page}: {line}: no option {word}"
            elif hasattr(node, "commands") and word != "<command>":
                assert word in node.commands, f"{page}: {line}: no command {word}"
                node = node.commands[word]
        seen += bool(words)
    assert seen > 10


def test_make_targets_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {(page, line.split()[1]) for page, line in typed() if re.match(r"make [a-z-]+\b", line)}
    assert named
    assert [(page, target) for page, target in named if target not in targets] == []


def test_paths_that_are_named_exist() -> None:
    roots = ("monitor/", "rules/", "docs/", "tests/", "bench/", "notebooks/", "requirements/")
    for page, line in typed():
        if line.startswith(roots) and not re.search(r"[<>*{ ]", line) and "CHANGELOG" not in page:
            made = {block.path for block in blocks(ROOT / page) if block.mark == "file"}
            known = (ROOT / line).exists() or line in made or line == "monitor/_rules"
            assert known, f"{page}: {line} is not there"


def test_decisions_are_numbered_and_dated() -> None:
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert len({one.name[:4] for one in records}) == len(records)
    for one in records:
        text = one.read_text("utf-8")
        assert text.startswith(f"# {int(one.name[:4])}. ")
        status = " ".join(text.splitlines()[1:4])
        assert re.search(r"20\d\d-\d\d-\d\d", status), one.name
        assert re.search(r"accepted|superseded", status), one.name
        assert all(f"## {part}\n" in text for part in ("Context", "Decision", "Consequences")), one.name


# --- reference -------------------------------------------------------------------------------------------------------


def test_the_reference_is_as_the_code_would_have_it() -> None:
    assert pages.stale(pages.REFERENCE) == []
    assert {path.name for path in pages.REFERENCE.iterdir()} == set(pages.PAGES)


def test_a_page_that_was_edited_by_hand_is_stale(tmp_path: Path) -> None:
    for path in pages.REFERENCE.iterdir():
        shutil.copy(path, tmp_path)
    (tmp_path / "commands.md").write_text("by hand", "utf-8")
    assert pages.stale(tmp_path) == ["commands.md"]


SCHEMA = YAML(typ="safe").load((ROOT / "docs" / "reference" / "rule.schema.json").read_text("utf-8"))


@pytest.mark.parametrize("path", sorted(rules.shipped().glob("*.yml")), ids=lambda path: path.stem)
def test_the_editors_schema_accepts_every_shipped_rule(path: Path) -> None:
    jsonschema.validate(YAML(typ="safe").load(path.read_text("utf-8")), SCHEMA)


@pytest.mark.parametrize(
    "wrong",
    [
        {"bucket": "an hour"},
        {"by": ["identiti"]},
        {"detector": "spoke"},
        {"params": {"limit": 3, "lookbck": "3d"}},
        {"params": {"lookback": "3d"}},
        {"treshold": 3},
        {"measure": "distinct nothing"},
    ],
    ids=str,
)
def test_the_editors_schema_refuses_what_loading_refuses(wrong: dict[str, object]) -> None:
    rule = YAML(typ="safe").load((rules.shipped() / "failure-burst.yml").read_text("utf-8"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(rule | wrong, SCHEMA)
