"""What a replay did, for a person and for a machine: rows, rules, incidents, and what went wrong."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from monitor.cli.screen import OUT, Json, cell, say, table
from monitor.model import Reason
from monitor.worker import Report


def failures(report: Report) -> list[str]:
    """What could not be finished, a line each."""
    sources = [f"{one.name}: {one.error}" for one in report.sources if one.error]
    return [*sources, *(f"{one.name}: {one.error}" for one in report.rules if one.error), *report.unsent]


def told(report: Report) -> int:
    """How many incidents somebody was told of, were there somebody."""
    return len({one.incident for one in report.decisions if one.told and one.reason is not Reason.RESOLVED})


def as_json(report: Report, findings: int) -> Json:
    """The same for a machine."""
    return {
        "until": report.now.isoformat(),
        "sources": [
            {"name": one.name, "windows": one.windows, "facts": one.facts, "error": one.error, **asdict(one.counts)}
            for one in report.sources
        ],
        "rules": [asdict(one) for one in report.rules],
        "findings": findings,
        "incidents": len(report.incidents),
        "told": told(report),
        "failures": list(failures(report)),
    }


def show(report: Report, findings: int, output: Path) -> None:
    """Rows by source, judgements by rule, and where the findings are."""
    numbers = ("read", "kept", "facts", "doubled", "late", "strayed", "ignored")
    shown = table("source", *numbers, numbers=numbers)
    for one in report.sources:
        counts = one.counts
        row = (counts.read, counts.kept, one.facts, counts.doubled, counts.late, counts.strayed, counts.ignored)
        shown.add_row(cell(one.name), *map(cell, row))
    OUT.print(shown)
    say()
    judged = table("rule", "judged", "unjudged", "findings", numbers=("judged", "unjudged", "findings"))
    for each in report.rules:
        judged.add_row(cell(each.name), cell(each.judged), cell(each.unjudged), cell(each.findings))
    OUT.print(judged)
    say()
    say(f"{findings:,} findings in {len(report.incidents):,} incidents, {told(report):,} told; {output}")
