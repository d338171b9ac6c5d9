"""`mintwatch audit`: who did what, from where, and what became of it."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.cli.acting import ConfigOption, StateOption, reading
from monitor.cli.handling import entry_json, entry_line
from monitor.cli.opening import CONFIG, JsonOption, moment
from monitor.cli.screen import dump, say


def audit(
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="Only from then on.")] = "",
    config: ConfigOption = CONFIG,
    state: StateOption = None,
    json: JsonOption = False,
) -> None:
    """Everything people did or tried, in order: clicks in Slack and commands, refused and repeated ones too."""
    begins = moment(since) if since else None
    with reading(config, state) as store:
        entries = store.entries(since=begins)
    if json:
        dump([entry_json(one) for one in entries])
        return
    for one in entries:
        say(entry_line(one))
    if not entries:
        say("nobody did anything yet" if begins is None else "nobody did anything since then")
