"""`mintwatch check`: whether what is configured works, and what to do where it does not."""

from __future__ import annotations

import os
from threading import Event
from typing import Final

import typer

from monitor import clock
from monitor.cli.opening import CONFIG, ConfigOption, JsonOption, configured, load_rules
from monitor.cli.screen import dump, say
from monitor.settings import Logins
from monitor.worker import checking
from monitor.worker.checking import Checked, Verdict

STYLES: Final = {Verdict.FINE: "green", Verdict.NOTE: "yellow", Verdict.UNKNOWN: "yellow", Verdict.WRONG: "bold red"}


def check(config: ConfigOption = CONFIG, json: JsonOption = False) -> None:
    """Try settings, logins, rights and every table, and say for each finding what to do about it.

    Reads only. Exits with 1 if anything is wrong, with 2 if the settings themselves are; what could not be found out
    is said, and is not wrong.
    """
    chosen = configured(config)
    load_rules(chosen.rules)
    logins = Logins(chosen, os.environ)
    found: list[Checked] = []
    try:
        for one in checking.check(chosen, logins, clock.now(), Event()):
            found.append(one)
            if not json:
                _show(one)
    finally:
        logins.close()
    if json:
        dump([{"verdict": one.verdict.value, "about": one.about, "said": one.said, "do": [*one.do]} for one in found])
    if any(one.verdict is Verdict.WRONG for one in found):
        raise typer.Exit(1)


def _show(one: Checked) -> None:
    say(f"{one.verdict.value}: {one.about}: {one.said}", STYLES[one.verdict])
    for line in one.do:
        say(f"    {line}")
