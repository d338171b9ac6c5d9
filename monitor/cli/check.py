"""`mintwatch check`: whether what is configured works, and what to do where it does not."""

from __future__ import annotations

import os
from itertools import chain
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
    """Try settings, logins, rights, every table and every notifier, and say for each finding what to do about it.

    Reads only, and posts nothing. Exits with 1 if anything is wrong, with 2 if the settings themselves are; what could
    not be found out is said, and is not wrong.
    """
    chosen = configured(config)
    rules = {rule.id: rule for rule in load_rules(chosen.rules)}
    logins = Logins(chosen, os.environ)
    found: list[Checked] = []
    now, stop = clock.now(), Event()
    try:
        for one in chain(
            checking.check_keeping(chosen, rules.values()),
            checking.check(chosen, logins, now, stop),
            checking.check_telling(chosen, logins, rules, now, stop),
        ):
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
