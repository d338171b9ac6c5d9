"""Labels: what they say is true of the rows."""

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from monitor.testing.simulate import ENDS, Summary, chance, simulate
from monitor.testing.simulate.attacks import ATTACKS
from monitor.testing.simulate.attacks.scene import Scene
from monitor.testing.simulate.calendar import DAY, Period, micros
from monitor.testing.simulate.deck import deal, live
from monitor.testing.simulate.label import Grade, Label
from monitor.testing.simulate.read import Written, read_labels
from monitor.testing.simulate.world import World

END = pd.Timestamp(ENDS[7 % 3])
START = END - pd.Timedelta(days=35)
OID = r'PrincipalId[\\":]+([0-9a-f-]{36})'
SIGN_INS = {
    "AADServicePrincipalSignInLogs": "ServicePrincipalId",
    "AADManagedIdentitySignInLogs": "ServicePrincipalId",
    "AADNonInteractiveUserSignInLogs": "UserId",
    "SigninLogs": "UserId",
}


def seen(tenant: Written) -> pd.DataFrame:
    """(oid, at, ip) of everything a label can be about."""
    parts = []
    for table, column in SIGN_INS.items():
        rows = tenant[table]
        parts.append(pd.DataFrame({"oid": rows[column], "at": rows["CreatedDateTime"], "ip": rows["IPAddress"]}))
    new, old = tenant["AZKVAuditLogs"], tenant["AzureDiagnostics"]
    claim = new["Identity"].str.extract(r'(?:"oid"|objectidentifier"):"([^"]+)"')[0]
    parts.append(pd.DataFrame({"oid": claim, "at": new["TimeGenerated"], "ip": new["CallerIpAddress"]}))
    parts.append(
        pd.DataFrame({"oid": old["identity_claim_oid_g"], "at": old["TimeGenerated"], "ip": old["CallerIPAddress"]})
    )
    control = tenant["AzureActivity"]
    claims = control["Claims"].str.extract(r'objectidentifier":"([^"]+)"')[0]
    granted = control["Properties"].str.extract(OID)[0]
    parts.extend(
        pd.DataFrame({"oid": who, "at": control["TimeGenerated"], "ip": control["CallerIpAddress"]})
        for who in (claims, granted)
    )
    audit = tenant["AuditLogs"]
    target = audit["TargetResources"].str.extract(r'"id":"([^"]+)"')[0]
    actor = audit["InitiatedBy"].str.extract(r'"id":"([^"]+)"')[0]
    parts.extend(pd.DataFrame({"oid": who, "at": audit["ActivityDateTime"], "ip": ""}) for who in (target, actor))
    return pd.concat(parts).dropna(subset=["oid"])


def test_labels_are_many_graded_evenly_and_start_after_the_warm_up(tenant: Written) -> None:
    assert 20 <= len(tenant.labels) <= 40
    grades = Counter(label.grade for label in tenant.labels)
    assert set(grades) == {"blatant", "moderate", "subtle"}
    assert max(grades.values()) - min(grades.values()) <= 4
    warm = START + pd.Timedelta(days=14)
    for label in tenant.labels:
        assert warm <= label.start <= label.end < END


def test_labels_have_the_agreed_keys_and_bare_lower_case_ids(tenant: Written) -> None:
    known = {one.oid for one in tenant.identities}
    for label in tenant.labels:
        assert label.identities
        assert set(label.identities) <= known
        assert all(oid == oid.lower() for oid in label.identities)
        assert label.kind in ATTACKS


def test_every_label_is_seen_in_the_rows_of_its_identities(tenant: Written) -> None:
    rows = seen(tenant)
    for label in tenant.labels:
        if label.kind in {"D6", "D66"}:  # These are silence.
            continue
        mine = rows[rows["oid"].isin(label.identities)]
        start, end = pd.Timestamp(label.start).floor("ms"), pd.Timestamp(label.end)
        assert mine["at"].between(start, end).any(), label.attack


def test_attackers_addresses_are_in_the_rows_and_nobody_elses(tenant: Written) -> None:
    rows = seen(tenant)
    rows = rows.assign(ip=rows["ip"].str.replace(r":\d+$", "", regex=True))
    for label in tenant.labels:
        for ip in label.ips:
            users = set(rows[rows["ip"] == ip]["oid"])
            assert users <= set(label.identities), label.attack


def test_vaults_on_a_label_are_called_by_its_identities(tenant: Written) -> None:
    new, old = tenant["AZKVAuditLogs"], tenant["AzureDiagnostics"]
    claim = new["Identity"].str.extract(r'(?:"oid"|objectidentifier"):"([^"]+)"')[0]
    legacy = old["identity_claim_oid_g"]
    rows = pd.concat(
        [
            pd.DataFrame({"oid": claim, "at": new["TimeGenerated"], "id": new["_ResourceId"]}),
            pd.DataFrame({"oid": legacy, "at": old["TimeGenerated"], "id": old["_ResourceId"]}),
        ]
    )
    named = [label for label in tenant.labels if label.vaults]
    assert named
    for label in named:
        mine = rows[rows["oid"].isin(label.identities)]
        during = mine[mine["at"].between(pd.Timestamp(label.start).floor("ms"), pd.Timestamp(label.end))]
        assert set(label.vaults) <= set(during["id"].str.rsplit("/", n=1).str[1]), label.attack


def test_a_flatline_is_silent(tenant: Written) -> None:
    rows = seen(tenant)
    for label in (one for one in tenant.labels if one.kind == "D6"):
        mine = rows[rows["oid"].isin(label.identities)]
        assert not mine["at"].between(pd.Timestamp(label.start), pd.Timestamp(label.end)).any()


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> tuple[Summary, Path]:
    """A world of the usual size."""
    out = tmp_path_factory.mktemp("crowd") / "logs"
    return simulate(out, identities=300, seed=12), out


def test_three_hundred_identities_meet_every_kind_that_fits_in_the_period(crowd: tuple[Summary, Path]) -> None:
    labels = crowd[0].labels
    assert 60 <= len(labels) <= 90
    assert len(set(ATTACKS) - {label.kind for label in labels}) <= 2
    victims = Counter(oid for label in labels if len(label.identities) == 1 for oid in label.identities)
    assert max(victims.values()) <= 3


def test_a_spike_is_as_many_times_the_victims_busiest_hour_as_its_grade_says(crowd: tuple[Summary, Path]) -> None:
    summary, out = crowd
    tables = {"D1": "AADServicePrincipalSignInLogs", "D2": "AADManagedIdentitySignInLogs"}
    least = {"blatant": 8.0, "moderate": 3.0, "subtle": 1.3}
    tried = set()
    for label in summary.labels:
        if label.kind not in tables:
            continue
        rows = pd.read_parquet(out / f"{tables[label.kind]}.parquet").drop_duplicates("Id")
        mine = rows[rows["ServicePrincipalId"].isin(label.identities) & (rows["ResultType"] == "0")]
        start, end = (pd.Timestamp(label.start), pd.Timestamp(label.end))
        before = mine[mine["CreatedDateTime"] < start]
        usual = before.groupby(before["CreatedDateTime"].dt.floor("h")).size().max()
        assert mine["CreatedDateTime"].between(start, end).sum() >= 0.97 * least[label.grade] * usual
        tried.add(label.grade)
    assert tried


def test_attacks_can_be_left_out(tmp_path: Path) -> None:
    summary = simulate(tmp_path / "logs", identities=20, days=20, attacks=False)
    assert summary.labels == ()
    assert (tmp_path / "logs.labels.ndjson").read_text() == ""


def test_labels_read_back_as_they_were_written(crowd: tuple[Summary, Path]) -> None:
    assert read_labels(crowd[1]) == crowd[0].labels


@pytest.mark.parametrize(
    ("change", "message"), [({"grade": "huge"}, "grade"), ({"ips": "1.2.3.4"}, "list"), ({"start": "soon"}, "soon")]
)
def test_a_wrong_label_says_what_was_expected(
    crowd: tuple[Summary, Path], change: dict[str, object], message: str
) -> None:
    row = crowd[0].labels[0].row() | {"identities": ["a"], "ips": [], "vaults": []}
    with pytest.raises(ValueError, match=message):
        Label.parse(row | change)


@pytest.mark.parametrize(
    ("grade", "low", "high"), [("blatant", 8.0, 14.0), ("moderate", 3.0, 5.0), ("subtle", 1.3, 2.0)]
)
def test_volume_attacks_are_sized_by_the_victims_own_peak(grade: Grade, low: float, high: float) -> None:
    end = micros(ENDS[0])
    world = World(3, Period(end - 10 * DAY, end))
    world.settle(60, deal)
    diaries = [live(world, persona) for persona in world.personas]
    victim = next(one for one in diaries if one.persona.behaviour == "chatty")
    scene = Scene(world, diaries, victim, chance.stream(1, 1), grade, end - DAY)
    assert scene.peak() > 10
    assert all(low <= scene.volume((1, 1, 1)) / scene.peak() <= high + 0.1 for _ in range(20))
