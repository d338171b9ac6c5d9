"""Real rows, published by others: read from beside the checkout where they are, never part of the project."""

import json
from pathlib import Path

import pytest

from monitor.cli import run

TABLES = (
    "SigninLogs",
    "AADNonInteractiveUserSignInLogs",
    "AADServicePrincipalSignInLogs",
    "AADManagedIdentitySignInLogs",
    "AuditLogs",
    "AZKVAuditLogs",
    "AzureDiagnostics",
    "AzureActivity",
)


@pytest.mark.slow
def test_backtest_accounts_for_every_real_row(
    azure_samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(["backtest", "--input", str(azure_samples), "--output", str(tmp_path / "found.ndjson"), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert code == 0
    rows = {table: len((azure_samples / f"{table}.ndjson").read_text().splitlines()) for table in TABLES}
    assert {one["name"]: one["rows"] + one["malformed"] for one in told["tables"]} == rows
    for source in told["sources"]:
        parts = ("kept", "doubled", "late", "strayed", "ignored")
        assert source["read"] == sum(source[part] for part in parts)
        assert 0 < source["facts"] <= source["kept"]
    assert sum(source["read"] for source in told["sources"]) == sum(one["rows"] for one in told["tables"])
