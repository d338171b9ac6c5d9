"""The resource manager's log of a simulated tenant."""

import json
from pathlib import Path

import pandas as pd
import pytest

from monitor.testing.simulate import simulate


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    out: Path = tmp_path_factory.mktemp("control") / "logs"
    simulate(out, days=10, identities=60, attacks=False)
    return pd.read_parquet(out / "AzureActivity.parquet")


def test_a_request_is_two_rows_that_share_what_names_it_and_not_the_key(rows: pd.DataFrame) -> None:
    once = rows.drop_duplicates("EventDataId")
    steps = [tuple(sorted(found)) for _, found in once.groupby("CorrelationId")["ActivityStatusValue"]]
    assert set(steps) <= {("Start", "Success"), ("Start",), ("Success",)}  # one may be too late for the period
    assert steps.count(("Start", "Success")) > 0.95 * len(steps)


def test_a_caller_is_known_by_claims_of_its_kind(rows: pd.DataFrame) -> None:
    claims = rows["Claims"].map(json.loads)
    person = rows["Caller"].str.contains("@")
    assert person.any()
    assert not person.all()
    assert all("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn" in one for one in claims[person])
    assert all(one["idtyp"] == "app" for one in claims[~person])


def test_teams_deploy_by_day_and_do_by_hand_what_attackers_do_too(rows: pd.DataFrame) -> None:
    done = rows[rows["ActivityStatusValue"] == "Success"]
    deployed = done["OperationNameValue"] == "MICROSOFT.RESOURCES/DEPLOYMENTS/WRITE"
    assert 0.4 < deployed.mean() < 0.95
    assert done["OperationNameValue"].str.startswith("MICROSOFT.AUTHORIZATION/ROLEASSIGNMENTS").any()
