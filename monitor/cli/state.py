"""`mintwatch state`: what is kept, whether it is whole, a copy of it, and what is old enough to go."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from monitor import clock
from monitor.cli.acting import ConfigOption, StateOption, settings_of, state_of
from monitor.cli.opening import CONFIG, JsonOption, load_rules
from monitor.cli.screen import OUT, Json, cell, complain, dump, progress, say, table, warn
from monitor.clock import iso
from monitor.errors import InputError
from monitor.store import Described, Gone, Held, Holder, Keep, Store, describe, export, verify
from monitor.worker.keeping import kept, prune, too_short

UNITS: Final = ("B", "kB", "MB", "GB", "TB")
WORDS: Final = {"outbox": "messages", "acts": "entries of the audit trail", "names": "names of identities"}

app = typer.Typer(
    help="Look at what is kept, check it, copy it, and drop what is old enough. Only dropping needs the daemon to stop."
    " It drops by itself every day.",
    add_completion=False,
)


@app.command()
def info(config: ConfigOption = CONFIG, state: StateOption = None, json: JsonOption = False) -> None:
    """What is in the state: its schema, who wrote it, its size, how far each source is, who writes there now."""
    directory = state_of(config, state)
    found = describe(directory)
    if json:
        dump(_as_json(directory, found))
        return
    wrote = f", last written by mintwatch {found.version}" if found.version else ""
    say(f"{directory}: schema {found.schema}{wrote}")
    say(f"writing now: {found.holder or 'nobody'}")
    say("size: " + ", ".join(f"{part} {_bytes(size)}" for part, size in found.sizes.items()))
    say(f"incidents: {_each(found.incidents)}; findings: {found.findings:,}; identities: {found.identities:,}")
    since = f", whole since {iso(found.audited_since)}" if found.audited_since else ""
    say(f"messages: {_each(found.outbox)}; audit trail: {found.acts:,}{since}")
    say(f"copies of control.db: {len(found.backups)}" + (f", newest {found.backups[-1]}" if found.backups else ""))
    say()
    numbers = ("files", "facts", "size", "gaps")
    shown = table("source", "collected to", "oldest", "newest", *numbers, numbers=numbers)
    for one in found.sources:
        times = (one.watermark, one.oldest, one.newest)
        row = (one.files, one.facts, _bytes(one.size), one.gaps)
        shown.add_row(cell(one.source), *(cell(iso(at) if at else "") for at in times), *map(cell, row))
    OUT.print(shown)


@app.command("verify")
def verified(config: ConfigOption = CONFIG, state: StateOption = None, json: JsonOption = False) -> None:
    """Check everything that can be checked: the control database, every fact file, and that they belong together.

    Reads only, also while a daemon writes and of a state that is damaged. A line for each fault, and what to do about
    it; exits with 1 if there is any. What is merely left over is said, and is no fault.
    """
    directory = _existing(config, state)
    with progress() as tell:
        found = list(verify(directory, clock.now(), tell))
    wrong = [one for one in found if not one.harmless]
    if json:
        dump([{**asdict(one)} for one in found])
    else:
        for one in wrong:
            complain(one)
            say(f"    {one.do}")
        left = len(found) - len(wrong)
        if left:
            warn(f"{left:,} files are left over and count for nothing, such as {found[-1].about}")
        say(f"{directory}: " + (f"{len(wrong):,} faults" if wrong else "whole"))
    if wrong:
        raise typer.Exit(1)


@app.command("export")
def exported(
    to: Annotated[Path, typer.Argument(metavar="TO", help="A new folder, or a new file that ends in .tar.")],
    config: ConfigOption = CONFIG,
    state: StateOption = None,
    json: JsonOption = False,
) -> None:
    """Copy the whole state as of one moment, also while a daemon writes to it.

    The copy is a state itself: to restore it, put it where the state belongs. What is damaged is copied as it is, and
    said; the exit code is 1 then.
    """
    directory = state_of(config, state)
    with progress() as tell:
        files, size = export(directory, to, tell)
        wrong = [one for one in verify(directory, clock.now(), tell) if not one.harmless]
    if json:
        dump({"to": str(to), "files": files, "bytes": size})
    else:
        say(f"{to}: {files:,} fact files and control.db, {_bytes(size)}")
    for one in wrong:
        complain(one)
    if wrong:
        complain(f"{to}: has these faults, too; mintwatch state verify says what to do")
        raise typer.Exit(1)


@app.command("prune")
def pruned(
    dry: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    config: ConfigOption = CONFIG,
    state: StateOption = None,
    json: JsonOption = False,
) -> None:
    """Drop now what is old enough by the settings' `keep`, which a daemon does every day by itself.

    While a daemon writes there it is refused; what would go can be asked at any time.
    """
    directory, chosen = state_of(config, state), _keep(config, state)
    with progress() as tell, Store(directory, write=not dry) as store:
        tell("dropping what is old", 0.0)
        gone = prune(store, chosen, clock.now(), dry=dry)
        if not dry:
            store.sweep()
    if json:
        dump({"files": gone.files, "bytes": gone.size, "rows": dict(gone.rows), "dry_run": dry})
        return
    _show(gone, dry=dry)


def _show(gone: Gone, *, dry: bool) -> None:
    if not gone.anything:
        say("nothing is old enough to go")
        return
    would = "would go" if dry else "gone"
    if gone.files:
        say(f"{would}: {gone.files:,} fact files, {_bytes(gone.size)}")
    for what, many in gone.rows.items():
        if many:
            say(f"{would}: {many:,} {WORDS.get(what, what)}")


def _keep(config: Path, state: Path | None) -> Keep:
    """For how long things are kept; `InputError` if rules look back further."""
    settings = settings_of(config, state)
    chosen = kept(settings) if settings else Keep()
    if wrong := too_short(chosen, load_rules(settings.rules if settings else None)):
        raise InputError("\n".join(wrong))
    return chosen


def _existing(config: Path, state: Path | None) -> Path:
    """The state directory, be there a control database in it or not."""
    if state is not None and state.is_dir():
        return state
    settings = settings_of(config, state)
    return settings.state if settings and settings.state.is_dir() and state is None else state_of(config, state)


def _as_json(directory: Path, found: Described) -> Json:
    return {
        "directory": str(directory),
        "schema": found.schema,
        "version": found.version,
        "bytes": {**found.sizes},
        "sources": [_source_json(one) for one in found.sources],
        "incidents": {**found.incidents},
        "outbox": {**found.outbox},
        "findings": found.findings,
        "identities": found.identities,
        "acts": found.acts,
        "audited_since": _time(found.audited_since),
        "backups": [str(one) for one in found.backups],
        "holder": _holder_json(found.holder),
    }


def _source_json(one: Held) -> Json:
    return {
        "source": one.source,
        "files": one.files,
        "facts": one.facts,
        "bytes": one.size,
        "oldest": _time(one.oldest),
        "newest": _time(one.newest),
        "watermark": _time(one.watermark),
        "gaps": one.gaps,
    }


def _holder_json(one: Holder | None) -> Json:
    return {"pid": one.pid, "host": one.host, "since": iso(one.since), "version": one.version} if one else None


def _time(at: datetime | None) -> str | None:
    return iso(at) if at else None


def _each(counts: dict[str, int]) -> str:
    return ", ".join(f"{many:,} {state}" for state, many in counts.items()) or "none"


def _bytes(size: float) -> str:
    """Bytes in the unit in which they are a short number."""
    for unit in UNITS[:-1]:
        if size < 1000:
            return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} {UNITS[-1]}"
