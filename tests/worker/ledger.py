"""Logs as they come to a workspace, and the truth about them: from the list of events alone, never through a query."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any, Final, Literal
from uuid import UUID

from monitor.clock import floor

START: Final = datetime(2026, 5, 4, 6, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BOUND: Final = 3 * DAY
VAULT: Final = "/subscriptions/s/resourcegroups/g/providers/microsoft.keyvault/vaults/kv-one"

Shape = Literal["service_principal", "vault"]
Truth = Counter[tuple[str, datetime, datetime, str]]
"""How many events: of an identity, in the bin they happened in, first seen in that bin, with that code."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a table: what it is a copy of, when it happened, was stamped, arrived and showed; how full it is."""

    table: str
    key: str
    happened: datetime
    generated: datetime
    arrived: datetime
    visible: datetime
    identity: str
    code: str
    full: bool = True

    def row(self) -> dict[str, Any]:
        """As the table has it."""
        return _ROWS[self.table](self)


@dataclass(slots=True)
class Ledger:
    """Everything that will ever be logged in one world."""

    shape: Shape
    lines: list[Line] = field(default_factory=list)

    def truth(self) -> Truth:
        """Each event once, as the fullest of the copies that arrived in the first's bin; without those too late."""
        copies: dict[str, list[Line]] = {}
        for line in self.lines:
            copies.setdefault(line.key, []).append(line)
        counted: Truth = Counter()
        for same in copies.values():
            first = min(one.arrived for one in same)
            kept = max((one for one in same if floor(one.arrived) == floor(first)), key=lambda one: one.full)
            if first <= kept.happened + BOUND:
                counted[kept.identity, floor(kept.happened), floor(first), kept.code] += 1
        return counted

    @property
    def late(self) -> int:
        """How many events came too late to be folded."""
        return len({one.key for one in self.lines}) - self.truth().total()


def drawn(dice: Random, shape: Shape, *, hours: float, events: int, unseen: timedelta) -> Ledger:
    """A world of that shape; rows may be `unseen` for so long after they arrived."""
    numbers = count(1)
    people = [str(UUID(int=dice.getrandbits(128))) for _ in range(dice.randint(1, 6))]
    ledger = Ledger(shape)
    for _ in range(events):
        at = START + timedelta(seconds=dice.randrange(int(hours * 3600)))
        burst = dice.choice((1, 1, 1, 1, 6))
        for n in range(burst):
            happened = at + n * timedelta(seconds=dice.randrange(20))
            ledger.lines += _copies(dice, shape, f"{next(numbers):08d}", happened, dice.choice(people), unseen)
    return ledger


def _copies(
    dice: Random, shape: Shape, key: str, happened: datetime, identity: str, unseen: timedelta
) -> Iterable[Line]:
    """One event's rows: the first, and perhaps copies, later, sparser, in the other table."""
    lateness = dice.choices(
        (timedelta(seconds=dice.randrange(300)), dice.uniform(5, 90) * MINUTE, dice.uniform(2, 20) * HOUR, 3.5 * DAY),
        (0.75, 0.18, 0.06, 0.01),
    )[0]
    stamped = happened if shape == "vault" else happened + timedelta(seconds=dice.randrange(220))
    arrived = stamped + lateness
    if arrived - stamped > 2 * DAY:
        stamped = arrived  # so does Azure
    code = dice.choice(("200", "403")) if shape == "vault" else dice.choice(("0", "7000215"))
    sparse = dice.random() < 0.2
    yield _line(dice, shape, key, happened, stamped, arrived, identity, code, unseen, full=not sparse)
    while dice.random() < 0.2:
        later = arrived + dice.choice((timedelta(seconds=dice.randrange(200)), dice.uniform(4, 300) * MINUTE))
        again = stamped if shape == "vault" else stamped + dice.uniform(-25, 25) * MINUTE
        yield _line(dice, shape, key, happened, again, later, identity, code, unseen, full=dice.random() < 0.5)


def _line(
    dice: Random,
    shape: Shape,
    key: str,
    happened: datetime,
    generated: datetime,
    arrived: datetime,
    identity: str,
    code: str,
    unseen: timedelta,
    *,
    full: bool,
) -> Line:
    happened = generated if shape == "vault" else happened
    table = dice.choice(("AZKVAuditLogs", "AzureDiagnostics")) if shape == "vault" else "AADServicePrincipalSignInLogs"
    visible = arrived + dice.random() * unseen
    return Line(table, key, happened, generated, arrived, visible, identity, code, full or shape == "vault")


def _sign_in(line: Line) -> dict[str, Any]:
    return {
        "TimeGenerated": line.generated,
        "CreatedDateTime": line.happened,
        "Id": line.key,
        "ServicePrincipalId": line.identity,
        "ServicePrincipalName": "robot" if line.full else "",
        "AppId": line.identity if line.full else "",
        "ResultType": line.code,
    }


def _vault(line: Line) -> dict[str, Any]:
    return {
        "TimeGenerated": line.generated,
        "OperationName": "SecretGet",
        "CorrelationId": line.key,
        "Id": "https://kv-one.vault.azure.net/secrets/alike",  # many reads share it
        "HttpStatusCode": int(line.code),
        "CallerIpAddress": "20.1.2.3",
        "Identity": {"claim": {"oid": line.identity, "appid": line.identity, "idtyp": "app"}},
        "_ResourceId": VAULT,
    }


def _legacy(line: Line) -> dict[str, Any]:
    return {
        "TimeGenerated": line.generated,
        "ResourceProvider": "MICROSOFT.KEYVAULT",
        "Category": "AuditEvent",
        "OperationName": "SecretGet",
        "CorrelationId": line.key,
        "id_s": "https://kv-one.vault.azure.net/secrets/alike",
        "httpStatusCode_d": float(line.code),
        "CallerIPAddress": "20.1.2.3",
        "identity_claim_oid_g": line.identity,
        "identity_claim_appid_g": line.identity,
        "identity_claim_idtyp_s": "app",
        "Resource": "KV-ONE",
        "_ResourceId": VAULT,
    }


_ROWS: Final[Mapping[str, Callable[[Line], dict[str, Any]]]] = {
    "AADServicePrincipalSignInLogs": _sign_in,
    "AZKVAuditLogs": _vault,
    "AzureDiagnostics": _legacy,
}
