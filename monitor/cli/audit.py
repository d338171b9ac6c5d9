"""`mintwatch audit`: who did what, from where, and what became of it."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.cli.acting import ConfigOption, StateOption, reading
from monitor.cli.handling import entry_json, entry_line
from monitor.cli.opening import CONFIG, JsonOption, moment
from monitor.cli.screen import dump, say
from monitor.model import Person
from monitor.worker.overview import one_of


def audit(
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="Only from then on.")] = "",
    incident: Annotated[str, typer.Option("--incident", metavar="INCIDENT", help="Only about that one.")] = "",
    who: Annotated[
        str, typer.Option("--who", metavar="TEXT", help="Only of people with that in their name or id.")
    ] = "",
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only the last so many.")] = None,
    config: ConfigOption = CONFIG,
    state: StateOption = None,
    json: JsonOption = False,
) -> None:
    """Everything people did or tried, in order: clicks in Slack and commands, refused and repeated ones too."""
    begins = moment(since) if since else None
    with reading(config, state) as store:
        about = one_of(store, incident).id if incident else None
        entries = [one for one in store.entries(about, begins) if _by(one.act.who, who)]
    left = max(0, len(entries) - limit) if limit else 0
    entries = entries[left:]
    if json:
        dump([entry_json(one) for one in entries])
        return
    if left:
        say(f"{left:,} before these")
    for one in entries:
        say(entry_line(one))
    if not entries:
        say("nobody did anything" + (" that fits" if begins or incident or who else " yet"))


def _by(person: Person, text: str) -> bool:
    return text.lower() in f"{person.name} {person.id}".lower()
