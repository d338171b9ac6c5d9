"""`mintwatch incidents`: what there is, the story of one, and what a person does about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer

from monitor import clock
from monitor.cli import acting
from monitor.cli.acting import ConfigOption, StateOption, act, perform, reading, state_of
from monitor.cli.explain import MEANS
from monitor.cli.opening import CONFIG, JsonOption
from monitor.cli.screen import OUT, Json, cell, dump, say, table
from monitor.clock import iso
from monitor.model import Entry, Incident, State, Verb
from monitor.notifiers.console import STYLES
from monitor.notify import who
from monitor.store import Store
from monitor.triage.acting import standing
from monitor.worker.overview import FUTURE, one_of

ROWS: Final = 50
FINDINGS: Final = 15

app = typer.Typer(help="What there is, and what you do about it.", add_completion=False)

Ids = Annotated[list[str], typer.Argument(metavar="INCIDENT...", help="Ids, or the starts of them.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept with your name.")]


@app.command("list")
def listed(
    everything: Annotated[bool, typer.Option("--all", help="Also what is over, and what nobody was told of.")] = False,
    only: Annotated[State | None, typer.Option("--is", help="Only what stands so.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help=f"How many; {ROWS} unless --json, which has all.")
    ] = None,
    config: ConfigOption = CONFIG,
    state: StateOption = None,
    json: JsonOption = False,
) -> None:
    """What people were told of and is not over: open first, the worst first."""
    with reading(config, state) as store:
        found = _chosen(store, only, everything=everything)
        names = store.names()
        now, limit = clock.now(), limit or (len(found) if json else ROWS)
        if json:
            dump([_row(one, who(one.subject, names)) for one in found[:limit]])
            return
        shown = table(
            "state",
            "level",
            "who",
            "rules",
            "since (UTC)",
            "findings",
            "score",
            "by",
            "incident",
            numbers=("findings", "score"),
        )
        for one in found[:limit]:
            shown.add_row(
                cell(one.state.value),
                cell(one.level.value, STYLES[one.level]),
                cell(who(one.subject, names)),
                cell(", ".join(one.rules)),
                cell(f"{one.first_at:{'%m-%d %H:%M' if one.first_at.year == now.year else '%Y-%m-%d'}}"),
                cell(one.findings),
                cell(f"{one.score:.2f}"),
                cell(one.handled_by),
                cell(one.id),
            )
    if not found:
        say("nothing is open" if only is None and not everything else "there is none")
        return
    OUT.print(shown)
    if len(found) > limit:
        say(f"and {len(found) - limit:,} more")


@app.command()
def show(
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="Its id, or the start of it.")],
    config: ConfigOption = CONFIG,
    state: StateOption = None,
    json: JsonOption = False,
) -> None:
    """The story of one: where it stands, what was found, decided, sent, and done by people."""
    with reading(config, state) as store:
        one = one_of(store, incident)
        if json:
            dump(_story(store, one))
        else:
            _show(store, one)


@app.command()
def ack(incidents: Ids, config: ConfigOption = CONFIG, state: StateOption = None) -> None:
    """You have it: it speaks again only if it becomes worse."""
    _do(incidents, config, state, Verb.ACKNOWLEDGE)


@app.command()
def unack(incidents: Ids, config: ConfigOption = CONFIG, state: StateOption = None) -> None:
    """Give it back, acknowledged or snoozed: it is open again."""
    _do(incidents, config, state, Verb.UNACKNOWLEDGE)


@app.command()
def snooze(
    incidents: Ids,
    length: Annotated[str, typer.Argument(metavar="LENGTH", help="Such as 30m, 4h or 2d; 30d at most.")],
    config: ConfigOption = CONFIG,
    state: StateOption = None,
) -> None:
    """Put it off: it speaks again after that, if there was news, and before, if it becomes worse."""
    _do(incidents, config, state, Verb.SNOOZE, within=length)


@app.command()
def close(
    incidents: Ids,
    reason: Reason = "",
    false_positive: Annotated[
        bool, typer.Option("--false-positive", help="It was none: more of the same is not told, for a day.")
    ] = False,
    config: ConfigOption = CONFIG,
    state: StateOption = None,
) -> None:
    """It is over: dealt with, or a false positive, which needs a reason."""
    _do(incidents, config, state, Verb.FALSE_POSITIVE if false_positive else Verb.RESOLVE, reason=reason)


def _do(
    starts: Sequence[str], config: Path, state: Path | None, verb: Verb, *, within: str = "", reason: str = ""
) -> None:
    """All ids are found before anything is done."""
    now = clock.now()
    until = acting.end(now, within, "") if within else None
    with reading(config, state) as store:
        found = list(dict.fromkeys(one_of(store, start).id for start in starts))
    acts = [replace(act(verb, now, incident=one, reason=reason), until=until) for one in found]
    if not perform(state_of(config, state), acts):
        raise typer.Exit(1)


def _chosen(store: Store, only: State | None, *, everything: bool) -> list[Incident]:
    kept = store.incidents() if everything or (only and not only.live) else store.recent(FUTURE)
    if only is not None:
        kept = [one for one in kept if one.state is only]
    if not everything:
        told = {incident for incident, _ in store.told([one.id for one in kept])}
        kept = [one for one in kept if one.id in told]
    return sorted(kept, key=lambda one: (list(State).index(one.state), -one.level.rank, -one.surprise, one.id))


# --- for a machine ---------------------------------------------------------------------------------------------------


def _row(one: Incident, name: str) -> Json:
    return {
        "incident": one.id,
        "subject": one.subject,
        "name": name,
        "state": one.state.value,
        "level": one.level.value,
        "score": round(one.score, 6),
        "surprise": round(one.surprise, 4),
        "rules": [*one.rules],
        "findings": one.findings,
        "first_at": iso(one.first_at),
        "last_at": iso(one.last_at),
        "opened_at": iso(one.opened_at),
        "by": one.handled_by,
        "at": iso(one.handled_at) if one.handled_at else None,
        "until": iso(one.snoozed_until) if one.snoozed_until else None,
        "note": one.note,
    }


def _story(store: Store, one: Incident) -> Json:
    row = _row(one, who(one.subject, store.names()))
    return (row if isinstance(row, dict) else {}) | {
        "found": [
            {"time": iso(finding.time), "rule": finding.rule, "because": finding.because, "reason": reason}
            for finding, _, reason in store.findings(one.id)
        ],
        "decisions": [
            {"at": iso(each.at), "notifier": each.notifier, "reason": each.reason.value, "because": each.because}
            for each in store.decisions(one.id)
        ],
        "acts": [entry_json(each) for each in store.entries(one.id)],
        "links": [{"incident": each.other, "because": each.because} for each in store.links(one.id)],
        "notices": [
            {"at": iso(each.at), "notifier": each.notifier, "part": each.part.value, "ref": each.ref}
            for each in store.notices(one.id)
        ],
    }


def entry_json(entry: Entry) -> Json:
    """One line of the audit trail."""
    act = entry.act
    return {
        "at": iso(act.at),
        "who": act.who.id,
        "name": act.who.name,
        "workspace": act.who.workspace,
        "via": act.via,
        "verb": act.verb.value,
        "incident": act.incident,
        "silence": act.silence,
        "until": iso(act.until) if act.until else None,
        "reason": act.reason,
        "matchers": [str(one) for one in act.matchers],
        "outcome": entry.outcome.value,
        "said": entry.said,
    }


# --- for a person ----------------------------------------------------------------------------------------------------


def _show(store: Store, one: Incident) -> None:
    say(f"{one.id} · {one.level.value} · {who(one.subject, store.names())} · {one.state.value}", "bold")
    say(f"{one.subject}, {one.first_at:%Y-%m-%d %H:%M} to {one.last_at:%Y-%m-%d %H:%M} UTC, score {one.score:.2f}")
    say(standing(one) + (f": {one.note}" if one.note else ""))
    findings = store.findings(one.id)
    _list(
        f"{len(findings):,} findings",
        (f"{f.time:%m-%d %H:%M}  {f.rule}: {f.because}" for f, _, _ in findings[-FINDINGS:]),
    )
    _list(
        "decisions",
        (
            f"{each.at:%m-%d %H:%M}  {each.notifier}: {each.reason}, {MEANS[each.reason]}"
            f"{f' ({each.because})' if each.because else ''}"
            for each in store.decisions(one.id)
        ),
    )
    _list("people", map(entry_line, store.entries(one.id)))
    _list("linked", (f"{each.other}  {each.because}" for each in store.links(one.id)))
    _list("sent", (f"{each.at:%m-%d %H:%M}  {each.notifier}: {each.part}" for each in store.notices(one.id)))
    say(f"mintwatch explain {one.id} shows the numbers behind it")


def entry_line(entry: Entry) -> str:
    """One line of the audit trail."""
    act = entry.act
    whose = f"{act.who.shown} ({act.who.id})" if act.who.name and act.who.name not in act.who.id else act.who.id
    parts = [f"{iso(act.at)}  {whose}, {act.via}: {act.verb}", act.incident, act.silence and f"silence {act.silence}"]
    parts += [", ".join(map(str, act.matchers)), f"{entry.outcome}: {entry.said}", act.reason]
    return " · ".join(filter(None, parts))


def _list(title: str, lines: Iterable[str]) -> None:
    shown = list(lines)
    if shown:
        say(title, "bold")
    for line in shown:
        say(f"  {line}")
