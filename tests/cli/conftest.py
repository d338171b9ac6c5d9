"""The command line as a person meets it: arguments in; exit code, standard output and standard error out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.cli import run
from monitor.clock import iso

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
OID = "bbbbbbbb-0000-4000-8000-000000000002"
TABLE = "AADServicePrincipalSignInLogs"

RULE = """\
title: Many failures of one identity
id: {id}
status: stable
level: high
stream: sign_in
where: outcome == "failed"
measure: events
by: [identity]
bucket: 10m
detector: limit
params: {{limit: 10}}
tell: 1.0
runbook: |
  Look at which credential failed and from where.
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What one command line answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


Command = Callable[..., Said]


@pytest.fixture
def mintwatch(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `mintwatch` with these arguments in this process."""

    def call(*arguments: object) -> Said:
        code = run([str(one) for one in arguments])
        shown = capsys.readouterr()
        return Said(code, shown.out, shown.err)

    return call


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A folder with one rule that reads nothing but failed sign-ins."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "failures.yml").write_text(RULE.format(id="failures"))
    return folder


def sign_in(number: int, at: datetime, **columns: object) -> dict[str, object]:
    """A service principal's sign-in, as exported."""
    return {
        "TimeGenerated": iso(at),
        "CreatedDateTime": iso(at),
        "_TimeReceived": iso(at + timedelta(minutes=3)),
        "Id": f"row-{number}",
        "ServicePrincipalId": OID,
        "ServicePrincipalName": "payroll",
        "AppId": "cccccccc-0000-4000-8000-000000000003",
        "ResultType": "0",
        "ResourceIdentity": "dddddddd-0000-4000-8000-000000000004",
        "IPAddress": "20.1.2.3",
        "Location": "SE",
    } | columns


def burst() -> list[dict[str, object]]:
    """Sixteen identities on two quiet days, then twenty failures of one of them within four minutes: 68 rows."""
    quiet = [
        sign_in(number, NOON + timedelta(hours=number), ServicePrincipalId=OID.replace("b", f"{number % 24:x}"[-1]))
        for number in range(48)
    ]
    start = NOON + timedelta(hours=48)
    return quiet + [
        sign_in(1000 + number, start + timedelta(seconds=10 * number), ResultType="7000215") for number in range(20)
    ]


def put(folder: Path, rows: Sequence[Mapping[str, object]], name: str = f"{TABLE}.ndjson") -> Path:
    """Write an export of these rows."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """An export with one burst of failures."""
    put(tmp_path / "logs", burst())
    return tmp_path / "logs"
