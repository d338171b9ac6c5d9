"""What identities.yml says, and what in it leads nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from monitor.clock import iso
from monitor.errors import InputError
from monitor.model import Owners
from monitor.settings import Settings, load_identities
from monitor.worker.checking.answers import Checked, Verdict
from monitor.written import nearest

ABOUT: Final = "identities.yml"


def read(path: Path) -> tuple[Owners, list[Checked]]:
    """What the file says, and how much that is; nothing, and each mistake, if it cannot be read."""
    try:
        found = load_identities(path)
    except InputError as error:
        return Owners(), [Checked(Verdict.WRONG, ABOUT, one) for one in str(error).splitlines()]
    counts = (
        (len(found.identities), "identities"),
        (len(found.applications), "applications"),
        (len(found.vaults), "vaults"),
        (len(found.teams), "teams"),
        (len(found.credentials), "federated credentials"),
        (len(found.silences), "exceptions"),
    )
    return found, [Checked(Verdict.FINE, ABOUT, ", ".join(f"{count:,} {what}" for count, what in counts))]


def leads_nowhere(settings: Settings, owners: Owners, now: datetime) -> Iterator[Checked]:
    """Entries of directories nobody watches, teams nobody describes, routes to teams of nothing, exceptions over."""
    issuers = {one.issuer for one in settings.workspaces.values()}
    for issuer, count in Counter(key.partition(":")[0] for key in owners.identities).items():
        if issuer not in issuers:
            said = f"{count:,} of its identities are of {issuer!r}, which is no workspace's issuer"
            yield Checked(Verdict.NOTE, ABOUT, said + nearest(issuer, issuers))
    entries = [*owners.identities.values(), *owners.applications.values(), *owners.vaults.values()]
    used = Counter(one.team for one in entries if one.team)
    for team, count in sorted(used.items()):
        if team not in owners.teams:
            said = f"team {team!r} of {count:,} entries is not among its teams{nearest(team, owners.teams)}"
            yield Checked(Verdict.NOTE, ABOUT, said)
    spelt = {team.casefold() for team in used}
    for index, route in enumerate(settings.routes):
        for team in route.teams:
            if team.casefold() not in spelt:
                said = f"no entry is of the team {team!r}, which this route asks for{nearest(team, used)}"
                yield Checked(Verdict.NOTE, f"routes.{index}", said)
    for one in owners.silences:
        if one.expires_at <= now:
            what = ", ".join(map(str, one.matchers))
            yield Checked(Verdict.NOTE, ABOUT, f"the exception for {what} ended at {iso(one.expires_at)}: take it out")
