"""`mintwatch rules`: what can alert, whether it is written right, and whether it does what it says."""

from __future__ import annotations

import typer

from monitor.cli.opening import JsonOption, RulesOption, engine, load_rules
from monitor.cli.screen import OUT, Json, cell, complain, dump, progress, say, table
from monitor.errors import InputError, RuleError
from monitor.rules import Rule
from monitor.testing.proofs import Proof
from monitor.testing.proofs import check as prove
from monitor.worker import judge

app = typer.Typer(help="List, check and test the rules: everything that can alert.", add_completion=False)


@app.command(name="list")
def listing(rules: RulesOption = None, json: JsonOption = False) -> None:
    """What every rule counts, and how it is judged."""
    loaded = load_rules(rules)
    if json:
        dump([_as_json(one) for one in loaded])
        return
    shown = table("id", "title", "level", "status", "detector", "by", "measure", prose=("title", "measure"))
    for one in loaded:
        counted = f"new {', '.join(one.new)}" if one.new else str(one.measure)
        row = (one.id, one.title, one.level.value, one.status, one.detector, ", ".join(one.by), counted)
        shown.add_row(*map(cell, row))
    OUT.print(shown)


def _as_json(one: Rule) -> Json:
    return {
        "id": one.id,
        "title": one.title,
        "level": one.level.value,
        "status": one.status,
        "detector": one.detector,
        "by": list(one.by),
        "measure": str(one.measure),
        "new": list(one.new),
        "tags": list(one.tags),
        "file": one.file,
    }


@app.command()
def check(rules: RulesOption = None, json: JsonOption = False) -> None:
    """Load the rules and say everything that is wrong with them: file, line, and what was expected."""
    try:
        count, mistakes = len(load_rules(rules)), list[Json]()
    except RuleError as error:
        if not json:
            raise
        count, mistakes = 0, [*str(error).splitlines()]
    if json:
        dump({"rules": count, "mistakes": mistakes})
    else:
        say(f"{count} rules are right")
    if mistakes:
        raise typer.Exit(2)


@app.command(name="test")
def prove_all(rules: RulesOption = None, json: JsonOption = False) -> None:
    """Run every rule on its own proofs: it must speak on `tests/<id>.fires.ndjson`, and not on `.quiet.ndjson`."""
    loaded, wrong = load_rules(rules), list[InputError]()
    proofs: list[Proof] = []
    with engine() as running, progress() as tell:
        for place, one in enumerate(loaded):
            tell(one.id, place / len(loaded))
            try:
                proofs.append(prove(one, running, judge, loaded))
            except InputError as mistake:
                wrong.append(mistake)
    if json:
        dump(
            [
                {"rule": one.rule, "held": one.held, "fires": one.fires, "quiet": one.quiet, "wrong": one.wrong}
                for one in proofs
            ]
        )
    else:
        _show(proofs)
    for error in wrong:
        complain(error)
    if wrong:
        raise typer.Exit(2)
    if not all(one.held for one in proofs):
        raise typer.Exit(1)


def _show(proofs: list[Proof]) -> None:
    shown = table("rule", "", "fires", "quiet", "", numbers=("fires", "quiet"))
    for one in proofs:
        verdict = cell("holds", "green") if one.held else cell("fails", "bold red")
        shown.add_row(cell(one.rule), verdict, cell(f"{one.fires:.1f}"), cell(f"{one.quiet:.1f}"), cell(one.wrong))
    OUT.print(shown)
    say()
    held = sum(one.held for one in proofs)
    say(f"{held} of {len(proofs)} rules hold; the numbers are the strongest surprise on each file")
