"""`mintwatch explain`: everything behind one incident."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import pandas as pd
import typer

from monitor import plugins
from monitor.cli.opening import JsonOption, RulesOption, engine
from monitor.cli.screen import OUT, Json, cell, dump, say, table
from monitor.clock import iso, length
from monitor.errors import InputError
from monitor.frames import JOINED
from monitor.hostile import clean
from monitor.model import Incident, Reason
from monitor.notify import number, rarity, unit, who
from monitor.rules import Rule, read, shipped
from monitor.store import Store
from monitor.worker.evidence import SHOWN
from monitor.worker.lines import Line, line
from monitor.worker.recalling import recalled
from monitor.worker.story import Behind, Story, tell

DEMO: Final = Path("demo-output/state")
MEANS: Final[Mapping[Reason, str]] = {
    Reason.OPENED: "surprising enough for its rules to tell, and not told before",
    Reason.REOPENED: "it had resolved, and began again within a day",
    Reason.WORSENED: "much more surprising, or of a higher level, than when last told",
    Reason.RESOLVED: "its rules were judged well past its last bucket, and said no more",
    Reason.WEAK: "kept, not told: less surprising than its rules ask for",
    Reason.UNCHANGED: "told already and not much worse since, or over without having been told",
    Reason.EXPERIMENTAL: "kept, not told: its rules are experimental",
    Reason.STORM: "many incidents opened at once; this one was left to the digest",
    Reason.REMINDER: "nobody had it, and it went on",
    Reason.ESCALATED: "nobody had acknowledged it in time",
    Reason.ACKNOWLEDGED: "kept, not told: somebody has it, and it is not much worse",
    Reason.SNOOZED: "kept, not told: somebody put it off",
    Reason.SILENCED: "kept, not told: a silence fits all that is new",
    Reason.INHIBITED: "kept, not told: it is part of another incident that was told",
    Reason.CLOSED: "kept, not told: a person called it a false positive, and nothing new is in it",
    Reason.OFF_HOURS: "kept back until the hours of its route begin",
    Reason.UNROUTED: "kept, not told: no route leads there",
}

Which = Annotated[str, typer.Argument(metavar="INCIDENT", help="Its id, or the start of it.")]
State = Annotated[
    Path | None, typer.Option("--state", metavar="DIR", help=f"State directory; {DEMO} of a demo if left out.")
]


def explain(incident: Which, state: State = None, rules: RulesOption = None, json: JsonOption = False) -> None:
    """The incident, its findings, what was usual, the facts behind it, and every decision with its reason."""
    directory = state or DEMO
    if not (directory / "control.db").is_file():
        hint = "" if state else "; say where it is: --state DIR"
        raise InputError(f"{directory}: expected a state directory (control.db), found none{hint}")
    with Store(directory, write=False) as store, engine() as running:
        chosen = _chosen(store, incident)
        known, broken = _known_rules(chosen, rules or shipped())
        story = tell(chosen, store, known, running, recalled(running, store), broken)
    if json:
        dump(_as_json(story))
    else:
        _show(story)


def _chosen(store: Store, start: str) -> Incident:
    """The incident of that id, or the only one whose id starts so; `InputError` naming what could be meant."""
    kept = store.incidents()
    found = [one for one in kept if start and one.id.startswith(start.lower())]
    exact = [one for one in found if one.id == start.lower()]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if not found:
        raise InputError(f"no incident {start!r} among the {len(kept):,} in {store.directory}")
    meant = ", ".join(one.id for one in found[:8])
    raise InputError(f"{len(found):,} incidents start with {start!r}: {meant}{' ...' if len(found) > 8 else ''}")


def _known_rules(incident: Incident, directory: Path) -> tuple[dict[str, Rule], tuple[str, ...]]:
    """The incident's rules as they are now, by id, and the ids of those that are there but cannot be read.

    Raises
    ------
    InputError
        If there is no such folder.
    """
    if not directory.is_dir():
        raise InputError(f"{directory}: no such folder of rules")
    detectors = plugins.detectors()
    paths = {name: directory / f"{name}.yml" for name in incident.rules}
    made = {name: read(path, detectors)[0] for name, path in paths.items() if path.is_file()}
    return {one.id: one for one in made.values() if one}, tuple(name for name, one in made.items() if one is None)


# --- for a machine ---------------------------------------------------------------------------------------------------


def _as_json(story: Story) -> Json:
    incident = story.incident
    return {
        "incident": incident.id,
        "subject": incident.subject,
        "name": _name(story),
        "level": incident.level.value,
        "state": incident.state.value,
        "score": round(incident.score, 6),
        "surprise": round(incident.surprise, 4),
        "first_at": iso(incident.first_at),
        "last_at": iso(incident.last_at),
        "evidence": [
            {"stream": stream, "family": family, "surprise": round(value, 4)}
            for stream, family, value in incident.evidence
        ],
        "findings": [_plain(line(finding, incident.id, reason, story.names)) for finding, reason in story.findings],
        "behind": [_behind_json(one) for one in story.behind],
        "decisions": [
            {"at": iso(one.at), "notifier": one.notifier, "reason": one.reason.value, "means": MEANS[one.reason]}
            for one in story.decisions
        ],
        "notices": [{"at": iso(one.at), "notifier": one.notifier, "ref": one.ref} for one in story.notices],
    }


def _behind_json(one: Behind) -> Json:
    past = one.past
    buckets: list[Json] = [
        {"at": iso(at), "observed": seen, "expected": _finite(mid), "low": _finite(low), "high": _finite(high)}
        for at, seen, mid, low, high in zip(past.at, past.observed, past.expected, past.low, past.high, strict=True)
    ]
    facts: list[Json] = [
        {str(name): iso(value) if isinstance(value, pd.Timestamp) else value for name, value in row.items()}
        for row in one.facts.to_dict("records")
    ]
    return {"rule": one.rule.id, "title": one.rule.title, "unit": past.unit, "baseline": buckets, "facts": facts}


def _plain(row: Line) -> Json:
    return {name: [*value] if isinstance(value, list) else value for name, value in row.items()}


def _finite(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None


# --- for a person ----------------------------------------------------------------------------------------------------


def _name(story: Story) -> str:
    return who(story.incident.subject, story.names)


def _show(story: Story) -> None:
    incident = story.incident
    say(f"{incident.id} · {incident.level.value} · {_name(story)} · {incident.state.value}", "bold")
    say(f"{incident.subject}, {incident.first_at:%Y-%m-%d %H:%M} to {incident.last_at:%Y-%m-%d %H:%M} UTC")
    say(f"score {incident.score:.2f}: chance alone would do this {rarity(incident.surprise, incident.subject)}")
    for stream, family, surprise in sorted(incident.evidence, key=lambda one: -one[2]):
        say(f"  {surprise:.1f} from {stream.replace('_', '-')} {family}")
    _show_findings(story)
    for one in story.behind:
        _show_behind(one)
    if story.gone:
        say()
        say(f"of {', '.join(story.gone)} there is no such rule any more: findings only")
    if story.unread:
        say()
        say(f"of {', '.join(story.unread)} the rule cannot be read (`mintwatch rules check` says why): findings only")
    _show_decisions(story)


def _show_findings(story: Story) -> None:
    say()
    say("Findings", "bold")
    columns = ("time (UTC)", "bucket", "rule", "new", "observed", "expected", "range", "score", "decision")
    shown = table(*columns, numbers=("observed", "expected"), prose=("new",))
    for one, reason in story.findings:
        span = f"{one.bucket:%m-%d %H:%M} + {length(one.bucket_end - one.bucket)}"
        ends = f"{number(one.low)} to {number(one.high)}" if one.high > 0 else ""
        expected = number(one.expected) if np.isfinite(one.expected) else ""
        new = one.term.replace(JOINED, ", ")
        row = (f"{one.time:%m-%d %H:%M}", span, one.rule, new, number(one.observed), expected, ends)
        shown.add_row(*map(cell, row), cell(f"{one.score:.2f}"), cell(reason))
    OUT.print(shown)


def _show_behind(one: Behind) -> None:
    say()
    say(f"{one.rule.title} ({one.rule.id})", "bold")
    say(f"  {one.finding.because}")
    day = timedelta(days=1)
    seen = dict(zip(one.past.at, one.past.observed, strict=True))
    same = [seen[at] for at in seen if at != one.finding.bucket and not (one.finding.bucket - at) % day]
    days: dict[str, float] = {}
    for at, value in seen.items():
        if at < one.finding.bucket:
            days[f"{at:%m-%d}"] = max(days.get(f"{at:%m-%d}", 0.0), value)
    what = f"{unit(one.rule)} in {length(one.rule.bucket)}"
    say(f"  before, {what}, at this time of day: {', '.join(map(number, same)) or 'not known'}")
    say(f"  the most of each day: {', '.join(f'{at} {number(value)}' for at, value in days.items()) or 'not known'}")
    _show_facts(one.facts)


def _show_facts(facts: pd.DataFrame) -> None:
    """What differs between the facts as a table; what they share, once."""
    columns = [name for name in SHOWN if facts[name].ne("").any()]
    varied = [name for name in columns if facts[name].nunique() > 1]
    shared = [f"{name} {clean(str(facts[name].iloc[0]))}" for name in columns if name not in varied]
    if shared:
        say(f"  facts, all with {', '.join(shared)}")
    shown = table("  first (UTC)", "events", *varied, numbers=("events",))
    for row in facts.to_dict("records"):
        first = cell(f"{row['first_at']:%m-%d %H:%M:%S}")
        first.pad_left(2)
        shown.add_row(first, cell(int(row["events"])), *(cell(row[name]) for name in varied))
    OUT.print(shown)


def _show_decisions(story: Story) -> None:
    say()
    say("Decisions", "bold")
    shown = table("at (UTC)", "for", "reason", "because", prose=("because",))
    for one in story.decisions:
        shown.add_row(
            cell(f"{one.at:%m-%d %H:%M}"), cell(one.notifier), cell(one.reason.value), cell(MEANS[one.reason])
        )
    OUT.print(shown)
    for notice in story.notices:
        say(f"{notice.at:%m-%d %H:%M} {notice.notifier} took the message as {notice.ref}")
