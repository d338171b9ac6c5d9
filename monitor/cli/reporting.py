"""What a replay did, for a person and for a machine: rows, rules, incidents, and what went wrong."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from monitor.cli.screen import OUT, Json, cell, dump, say, table, warn
from monitor.clock import iso
from monitor.model import Reason
from monitor.sources.export import Exports
from monitor.sources.report import TOLERATED, TableRead
from monitor.worker import Report

SHOWN = 5
"""How many of a table's malformed rows, absent columns or other files are listed."""


def failures(report: Report, exports: Exports) -> list[str]:
    """What could not be finished, a line each."""
    files = [
        f"{one.path}: {one.malformed:,} of {one.rows + one.malformed:,} rows are malformed, more than {TOLERATED:.0%}"
        for one in exports.report.flagged
    ]
    return [*files, *report.failures]


def told(report: Report) -> int:
    """How many incidents would have been told to somebody."""
    return len({one.incident for one in report.decisions if one.told and one.reason is not Reason.RESOLVED})


def write(report: Report, exports: Exports, findings: int, wrong: list[str]) -> None:
    """The same as `show`, as JSON."""
    dump(
        {
            "until": iso(report.now),
            "tables": [_table(one) for one in exports.report.tables],
            "unused": list(exports.report.unused),
            "other_files": [str(path) for path in exports.report.other_files],
            "sources": [
                {"name": one.name, "facts": one.facts, "error": one.error, **asdict(one.counts)}
                for one in report.sources
            ],
            "rules": [asdict(one) for one in report.rules],
            "findings": findings,
            "incidents": len(report.incidents),
            "told": told(report),
            "failures": list(wrong),
        }
    )


def _table(one: TableRead) -> Json:
    return {
        "name": one.table,
        "rows": one.rows,
        "malformed": one.malformed,
        "files": [{"path": str(file.path), "rows": file.rows, "malformed": file.malformed} for file in one.files],
        "skipped": [{"file": row.file, "line": row.line, "reason": row.reason} for row in one.skipped],
        "absent": list(one.absent),
        "extra": list(one.extra),
        "arrival": one.arrival,
    }


def show(report: Report, exports: Exports, findings: int, output: Path) -> None:
    """Rows by table, their fate by source, judgements by rule, and where the findings are."""
    _show_tables(exports)
    _show_sources(report, exports)
    judged = table("rule", "judged", "unjudged", "findings", numbers=("judged", "unjudged", "findings"))
    for each in report.rules:
        judged.add_row(cell(each.name), cell(each.judged), cell(each.unjudged), cell(each.findings))
    OUT.print(judged)
    say()
    say(f"{findings:,} findings in {len(report.incidents):,} incidents, {told(report):,} told; {output}")


def _show_tables(exports: Exports) -> None:
    numbers = ("files", "read", "malformed", "absent columns", "extra columns")
    shown = table("table", *numbers, numbers=numbers)
    for one in exports.report.tables:
        row = (len(one.files), one.rows, one.malformed, len(one.absent), len(one.extra))
        shown.add_row(cell(one.table), *map(cell, row))
    OUT.print(shown)
    say()
    for one in exports.report.tables:
        _note(one)
    if exports.report.unused:
        warn(f"no source reads {', '.join(exports.report.unused)}")
    if exports.report.other_files:
        warn(f"skipped, not a table: {_some([path.name for path in exports.report.other_files])}")


def _note(one: TableRead) -> None:
    for row in one.skipped[:SHOWN]:
        warn(f"{row.file}:{row.line}: skipped: {row.reason}")
    if one.malformed > SHOWN:
        warn(f"{one.table}: {one.malformed - SHOWN:,} more malformed rows skipped")
    if one.absent:
        warn(f"{one.table}: absent columns: {_some(one.absent)}")
    if one.extra:
        warn(f"{one.table}: extra columns, not read: {_some(one.extra)}")
    if not one.arrival:
        warn(f"{one.table}: no _TimeReceived, so when rows arrived is assumed: when they happened and settle later")


def _some(values: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(values) - SHOWN:,} more" if len(values) > SHOWN else ""
    return ", ".join(values[:SHOWN]) + more


def _show_sources(report: Report, exports: Exports) -> None:
    tables = {one.name: " + ".join(one.tables) for one in exports.sources}
    numbers = ("read", "doubled", "late", "strayed", "ignored", "kept", "facts")
    shown = table("source", "of", *numbers, numbers=numbers)
    for one in report.sources:
        counts = one.counts
        row = (counts.read, counts.doubled, counts.late, counts.strayed, counts.ignored, counts.kept, one.facts)
        shown.add_row(cell(one.name), cell(tables.get(one.name, "")), *map(cell, row))
    OUT.print(shown)
    say()
