"""A tenant's sign-ins of some hours, with attacks in them, in a local Azure; and what a daemon makes of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final
from uuid import UUID

from monitor.model import Decision, Incident
from monitor.store import Store
from monitor.testing.azure import LocalAzure, Workspace
from monitor.testing.slack import Channel, LocalSlack
from tests.soak.driven import Place
from tests.worker.postal import key_of

START: Final = datetime(2026, 5, 4, 6, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
TABLE: Final = "AADServicePrincipalSignInLogs"
TENANT: Final = "33333333-0000-0000-0000-000000000001"
RULE: Final = """\
title: Many failures of one identity
id: many-failures
status: stable
level: high
stream: sign_in
where: outcome == "failed"
measure: events
by: [identity]
bucket: 10m
detector: alarm
params: {count: 10, surprise: 6.0}
runbook: |
  Look at which credential failed and from where.
"""


@dataclass(frozen=True, slots=True)
class World:
    """So many identities, of which some are attacked, over so many hours."""

    seed: int
    identities: int
    hours: float
    attacks: int
    every: timedelta = 20 * MINUTE

    def rows(self) -> list[dict[str, object]]:
        """Sign-ins in no order, each with when it arrived as `arrived`."""
        dice, rows = Random(self.seed), []
        for one in range(self.identities):
            at = START + dice.random() * self.every
            while at < START + self.hours * HOUR:
                rows.append(self._row(dice, one, at, "0"))
                at += self.every * dice.uniform(0.7, 1.3)
        for one in range(self.attacks):
            at = START + dice.uniform(0.15, 0.75) * self.hours * HOUR
            rows += [self._row(dice, one, at + n * timedelta(seconds=9), "7000215") for n in range(25)]
        return rows

    def _row(self, dice: Random, identity: int, at: datetime, result: str) -> dict[str, object]:
        late = dice.choices((1, 6, 40), (70, 25, 5))[0] * MINUTE * dice.uniform(0.5, 1)
        return {
            "TimeGenerated": at,
            "CreatedDateTime": at,
            "Id": f"{dice.getrandbits(64):x}",
            "ServicePrincipalId": oid(identity),
            "ServicePrincipalName": f"service {identity}",
            "ResultType": result,
            "IPAddress": f"20.{identity % 50}.2.{identity % 200}",
            "arrived": at + late,
        }


def oid(number: int) -> str:
    """The object id of an identity."""
    return str(UUID(int=number + (0xBBBB << 112)))


@dataclass(frozen=True, slots=True)
class Ended:
    """What is left of a life in a world."""

    findings: list[str]
    incidents: list[Incident]
    decisions: list[Decision]
    messages: Counter[tuple[str, str]]
    gaps: int

    @classmethod
    def of(cls, state: Path, channel: Channel) -> Ended:
        """From a state and a channel."""
        with Store(state) as store:
            incidents = store.incidents()
            return cls(
                [repr(replace(one, sources=())) for one, _, _ in store.findings()],  # NaN is not equal to itself
                incidents,
                [decision for one in incidents for decision in store.decisions(one.id)],
                Counter((key_of(one), one.text) for one in channel.all),
                len(store.gaps()),
            )


def settled(azure: LocalAzure, slack: LocalSlack, world: World, folder: Path, name: str) -> tuple[Place, Channel]:
    """A place for a daemon to live, in a workspace that will show the world as its clock moves."""
    (folder / "rules").mkdir(parents=True, exist_ok=True)
    (folder / "rules" / "many-failures.yml").write_text(RULE)
    workspace = _filled(azure, world)
    channel = slack.channel(name)
    token = azure.authority.token(azure.authority.trust(workspace.id, TENANT), azure.audience)
    query = {"id": workspace.id, "token": token, "url": azure.url, "audience": azure.audience, "ca": str(azure.ca)}
    return Place(folder / "state", folder / "rules", query, (slack.url, slack.token, channel.id)), channel


def _filled(azure: LocalAzure, world: World) -> Workspace:
    azure.clock.now = START
    workspace = azure.workspace(str(UUID(int=0xCCCC << 112 | world.seed)))
    azure.drop(workspace.id)
    workspace = azure.workspace(workspace.id)
    rows = world.rows()
    arrived = [one.pop("arrived") for one in rows]
    workspace.append(TABLE, rows, arrived=arrived)  # type: ignore[arg-type]
    return workspace
