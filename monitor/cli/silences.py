"""`mintwatch silence`: what is kept quiet, by whom, until when and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from monitor import clock
from monitor.cli.acting import ConfigOption, StateOption, act, end, perform, reading, settings_of, state_of
from monitor.cli.opening import CONFIG, JsonOption, load_rules
from monitor.cli.screen import OUT, Json, cell, dump, say, table, warn
from monitor.clock import iso
from monitor.errors import InputError
from monitor.model import Matcher, Owners, Silence, Verb, matcher
from monitor.settings import load_identities
from monitor.store import Store
from monitor.triage.silencing import LABELS
from monitor.worker.commanding import EXCEPTION
from monitor.worker.previewing import Lately, Preview, warnings

EXAMPLES = 5
WRITTEN = "identities.yml"

app = typer.Typer(
    help="Keep findings quiet for a while: signed, dated, and seen before it is done.", add_completion=False
)


@app.command()
def add(
    matchers: Annotated[
        list[str],
        typer.Argument(metavar="MATCHER...", help="Such as identity=entra:... or rule=~sp-.*; all have to fit."),
    ],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept with your name.")] = "",
    within: Annotated[str, typer.Option("--for", metavar="LENGTH", help="For how long, such as 4h or 2d.")] = "",
    until: Annotated[
        str, typer.Option("--until", metavar="TIME", help="Or until when, such as 2026-05-01T10:00Z.")
    ] = "",
    expected: Annotated[
        bool, typer.Option("--expected", help="It happens for a reason: nothing of it counts later, either.")
    ] = False,
    everything: Annotated[
        bool,
        typer.Option("--everything", help="Also matchers that name nothing, and mute whatever comes; 24h at most."),
    ] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Only say what it would have muted.")] = False,
    config: ConfigOption = CONFIG,
    state: StateOption = None,
) -> None:
    """Keep what fits quiet from now on, and say what it would have muted in the last 7 days."""
    now, asked = clock.now(), _matchers(matchers)
    if not preview and not reason.strip():
        raise typer.BadParameter("expected --reason: whoever comes next wants to know why")
    ends = None if preview else end(now, within, until)
    with reading(config, state) as store:
        _show_preview(_lately(store, config, state, now).preview(asked), asked)
    if preview or ends is None:
        return
    verb = Verb.EXPECT if expected else Verb.SILENCE
    made = replace(act(verb, now, reason=reason), until=ends, matchers=tuple(asked), everything=everything)
    if not perform(state_of(config, state), [made]):
        raise typer.Exit(1)


@app.command("list")
def listed(
    everything: Annotated[bool, typer.Option("--all", help="Also those that have expired.")] = False,
    config: ConfigOption = CONFIG,
    state: StateOption = None,
    json: JsonOption = False,
) -> None:
    """The silences there are, the next to expire first, and what is odd about them."""
    now = clock.now()
    with reading(config, state) as store:
        written = _owners(config, state).silences
        found = [*store.silences(None if everything else now)]
        found += [one for one in written if everything or one.expires_at > now]
        places = {one.id: WRITTEN for one in written}
        lately = _lately(store, config, state, now) if found else None
    odd = {one.id: warnings(one, lately.preview(one.matchers), now) for one in found} if lately else {}
    if json:
        dump([_row(one, odd[one.id], now) | {"from": places.get(one.id, one.via)} for one in found])
        return
    if not found:
        say("there is none")
        return
    shown = table("silence", "fits", "until (UTC)", "by", "from", "why", "note", prose=("fits", "why", "note"))
    for one in found:
        shown.add_row(
            cell(one.id),
            cell(", ".join(map(str, one.matchers))),
            cell(f"{one.expires_at:%Y-%m-%d %H:%M}", "" if one.active(now) else "dim"),
            cell(one.author),
            cell(places.get(one.id, one.via)),
            cell(f"expected: {one.reason}" if one.kind == "expected" else one.reason),
            cell("; ".join(odd[one.id]), "yellow"),
        )
    OUT.print(shown)


@app.command()
def expire(
    silences: Annotated[list[str], typer.Argument(metavar="SILENCE...", help="Ids, or the starts of them.")],
    config: ConfigOption = CONFIG,
    state: StateOption = None,
) -> None:
    """End silences now: what they kept quiet and still goes on speaks again."""
    now = clock.now()
    with reading(config, state) as store:
        kept, written = store.silences(), _owners(config, state).silences
        found = [_one_of(kept, written, start) for start in silences]
    if not perform(state_of(config, state), [act(Verb.EXPIRE, now, silence=one) for one in dict.fromkeys(found)]):
        raise typer.Exit(1)


def _matchers(texts: Sequence[str]) -> list[Matcher]:
    try:
        return [matcher(one, LABELS) for one in texts]
    except ValueError as error:
        raise InputError(str(error)) from error


def _one_of(kept: Sequence[Silence], written: Sequence[Silence], start: str) -> str:
    found = [one.id for one in kept if start and one.id.startswith(start.lower())]
    if not found and start and any(one.id.startswith(start.lower()) for one in written):
        raise InputError(f"silence {start} cannot be ended here: {EXCEPTION}")
    if len(found) != 1:
        raise InputError(f"expected the start of one silence's id, got {start!r}, which fits {len(found)}")
    return found[0]


def _lately(store: Store, config: Path, state: Path | None, now: datetime) -> Lately:
    """The findings of the last days, with the rules and owners of the settings, if there are any."""
    settings = settings_of(config, state)
    return Lately.of(store, load_rules(settings.rules if settings else None), _owners(config, state), now)


def _owners(config: Path, state: Path | None) -> Owners:
    settings = settings_of(config, state)
    return load_identities(settings.identities) if settings and settings.identities else Owners()


def _show_preview(preview: Preview, matchers: Sequence[Matcher]) -> None:
    say(f"{', '.join(map(str, matchers))}: {preview.words}")
    for subject, count in sorted(preview.subjects.items(), key=lambda one: (-one[1], one[0]))[:EXAMPLES]:
        say(f"  {count:,}  {subject}")
    if preview.warning:
        warn(preview.warning)


def _row(one: Silence, odd: list[str], now: datetime) -> dict[str, Json]:
    return {
        "silence": one.id,
        "kind": one.kind,
        "matchers": [str(each) for each in one.matchers],
        "author": one.author,
        "reason": one.reason,
        "via": one.via,
        "created_at": iso(one.created_at),
        "starts_at": iso(one.starts_at),
        "expires_at": iso(one.expires_at),
        "active": one.active(now),
        "warnings": [*odd],
    }
