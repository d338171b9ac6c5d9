"""Every trait of real logs that the generator promises, one test each: none may go missing unnoticed."""

import ipaddress
import json

import numpy as np
import pandas as pd
import pytest

from monitor.testing.simulate import ENDS
from monitor.testing.simulate.deck import DECK
from monitor.testing.simulate.read import Written

SP, MI = "AADServicePrincipalSignInLogs", "AADManagedIdentitySignInLogs"
NI, SI = "AADNonInteractiveUserSignInLogs", "SigninLogs"
END = pd.Timestamp(ENDS[7 % 3])
START = END - pd.Timedelta(days=35)


def of(tenant: Written, behaviour: str, table: str = SP) -> pd.DataFrame:
    """First copies of the rows of all identities of one behaviour, attacks' victims left out."""
    attacked = {oid for label in tenant.labels if len(label.identities) < 5 for oid in label.identities}
    oids = {one.oid for one in tenant.identities if one.behaviour == behaviour} - attacked
    oids = oids or {one.oid for one in tenant.identities if one.behaviour == behaviour}
    column = "UserId" if table in {NI, SI} else "ServicePrincipalId"
    frame = tenant[table]
    return frame[frame[column].isin(oids)].drop_duplicates("Id").sort_values("CreatedDateTime")


def vault_rows(tenant: Written, behaviour: str) -> pd.DataFrame:
    """Vault rows of all identities of one behaviour, from both shapes."""
    oids = {one.oid for one in tenant.identities if one.behaviour == behaviour}
    new, old = tenant["AZKVAuditLogs"], tenant["AzureDiagnostics"].rename(columns={"id_s": "Id"})
    new = new.assign(oid=new["Identity"].str.extract(r'"oid":"([^"]+)"')[0])
    rows = pd.concat([new, old.rename(columns={"identity_claim_oid_g": "oid"})])
    return rows[rows["oid"].isin(oids)].drop_duplicates(["TimeGenerated", "CorrelationId", "OperationName", "Id"])


# Who lives there.


def test_every_behaviour_lives_in_a_hundred_identities(tenant: Written) -> None:
    assert {one.behaviour for one in tenant.identities} - {"attacker"} == set(DECK)


def test_timers_run_at_many_periods_and_some_are_perfectly_regular(tenant: Written) -> None:
    timers = {one.oid for one in tenant.identities if one.behaviour == "cron"}
    rows = (
        tenant[SP][tenant[SP]["ServicePrincipalId"].isin(timers)].drop_duplicates("Id").sort_values("CreatedDateTime")
    )
    gaps = rows.groupby("ServicePrincipalId")["CreatedDateTime"].apply(lambda at: at.diff().dt.total_seconds())
    by = gaps.groupby(level=0)
    assert by.median().round(-2).nunique() >= 3
    assert by.apply(lambda gap: (gap.quantile(0.75) - gap.quantile(0.25)) <= 6).any()


def test_pipelines_federate_and_take_several_tokens_per_run_in_working_hours(tenant: Written) -> None:
    rows = of(tenant, "pipeline")
    issued = rows[rows["ResultType"] == "0"]
    assert (issued["ClientCredentialType"] == "federatedIdentityCredential").mean() > 0.9
    assert issued["FederatedCredentialId"].str.len().gt(0).mean() > 0.9
    per_run = issued.groupby(["ServicePrincipalId", "IPAddress", issued["CreatedDateTime"].dt.floor("h")]).size()
    assert 4 <= per_run.median() <= 8
    assert issued.groupby("ServicePrincipalId")["IPAddress"].nunique().median() > 10
    assert {"Windows Azure Service Management API", "Microsoft Graph"} <= set(issued["ResourceDisplayName"])


def test_services_are_more_scattered_than_poisson(tenant: Written) -> None:
    counts = of(tenant, "service").groupby(["ServicePrincipalId", pd.Grouper(key="CreatedDateTime", freq="h")]).size()
    by = counts.unstack(fill_value=0).T
    assert ((by.var() / by.mean()) > 1.3).all()


def test_people_rest_at_weekends(tenant: Written) -> None:
    rows = of(tenant, "person", SI)
    weekend = rows["CreatedDateTime"].dt.day_of_week >= 5
    assert weekend.mean() < 0.05


def test_people_renew_tokens_on_a_laptop_and_on_a_phone(tenant: Written) -> None:
    rows = of(tenant, "person", NI)
    assert {"Outlook Mobile", "Microsoft Teams"} <= set(rows["AppDisplayName"])
    assert not rows["IsInteractive"].any()
    phone = rows[(rows["AppDisplayName"] == "Outlook Mobile") & (rows["ResultType"] == "0")]
    assert (phone["CreatedDateTime"].dt.day_of_week >= 5).any()


def test_some_people_travel(tenant: Written) -> None:
    countries = of(tenant, "person", NI).groupby("UserId")["Location"].nunique()
    assert 0 < (countries > 1).mean() < 0.8


def test_a_daily_job_keeps_its_wall_clock_when_the_clocks_change(tenant: Written) -> None:
    rows = of(tenant, "daily")
    change = pd.Timestamp("2026-03-29T01:00Z")
    rows = rows[rows["ResultType"] == "0"]
    moved = 0
    for _, mine in rows.groupby("ServicePrincipalId"):
        minute = mine["CreatedDateTime"].dt.hour * 60 + mine["CreatedDateTime"].dt.minute
        before, after = minute[mine["CreatedDateTime"] < change], minute[mine["CreatedDateTime"] > change]
        if len(before) > 5 and len(after) > 5:
            moved += abs((before.median() - after.median()) - 60) < 10
    assert moved >= 1


def test_managed_identities_cache_for_a_day_and_have_no_address(tenant: Written) -> None:
    rows = of(tenant, "machine", MI)
    per_day = rows.groupby("ServicePrincipalId").size() / 35
    assert per_day.median() < 2.5
    assert (tenant[MI]["IPAddress"] == "").all()
    assert "Location" not in tenant[MI].columns
    place = json.loads(tenant[MI]["LocationDetails"].iloc[0])
    assert place["geoCoordinates"] == {"latitude": 0.0, "longitude": 0.0}


def test_a_cluster_takes_six_tokens_in_eight_minutes_when_it_restarts(tenant: Written) -> None:
    rows = of(tenant, "cluster", MI)
    rows = rows[rows["ResultType"] == "0"]
    gap = rows.groupby("ServicePrincipalId")["CreatedDateTime"].diff(5).dt.total_seconds()
    assert (gap <= 8 * 60).any()


def test_a_scanner_lists_and_reads_everything_every_night(tenant: Written) -> None:
    rows = vault_rows(tenant, "scanner")
    reads = rows[rows["OperationName"] == "SecretGet"]
    secrets = reads["Id"].str.rsplit("/", n=1).str[0]
    assert "SecretList" in set(rows["OperationName"])
    assert secrets.groupby(reads["TimeGenerated"].dt.date).nunique().median() >= 20


def test_backups_and_rotations_happen(tenant: Written) -> None:
    assert {"SecretBackup", "KeyBackup", "SecretListVersions"} <= set(vault_rows(tenant, "backup")["OperationName"])


def test_agents_come_in_bursts_and_carry_the_agent_column(tenant: Written) -> None:
    rows = of(tenant, "agent")
    assert rows["Agent"].str.contains("agenticAppInstance").all()
    counts = rows.groupby(["ServicePrincipalId", pd.Grouper(key="CreatedDateTime", freq="h")]).size()
    assert counts.max() >= 10
    others = tenant[SP][~tenant[SP]["ServicePrincipalId"].isin(rows["ServicePrincipalId"])]["Agent"]
    assert others.isna().any()
    assert others.dropna().str.contains("notAgentic").any()


def test_identities_arrive_leave_and_return(tenant: Written) -> None:
    assert of(tenant, "newcomer")["CreatedDateTime"].min() > START + pd.Timedelta(days=2)
    assert of(tenant, "leaver")["CreatedDateTime"].max() < END - pd.Timedelta(days=2)
    returned = of(tenant, "returning")
    silence = (
        returned[returned["ResultType"] == "0"]
        .groupby("ServicePrincipalId")["CreatedDateTime"]
        .apply(lambda at: at.diff().max())
    )
    assert (silence > pd.Timedelta(days=14)).any()


def test_batches_run_weekly_and_at_the_end_of_the_month(tenant: Written) -> None:
    weekly = (
        of(tenant, "weekly")
        .groupby("ServicePrincipalId")["CreatedDateTime"]
        .apply(lambda at: at.dt.day_of_week.nunique())
    )
    assert (weekly <= 2).any()
    monthly = of(tenant, "monthly").groupby(pd.Grouper(key="CreatedDateTime", freq="D")).size()
    assert monthly.max() > 20 * monthly[monthly > 0].median()


def test_a_forgotten_or_expired_secret_fails_for_hours(tenant: Written) -> None:
    rows = of(tenant, "misconfigured")
    failed = rows[rows["ResultType"].isin(["7000215", "7000222"])]
    assert failed.groupby(["ServicePrincipalId", failed["CreatedDateTime"].dt.date]).size().max() >= 20


def test_people_forget_passwords(tenant: Written) -> None:
    failed = tenant[SI][tenant[SI]["ResultType"] == "50126"]
    assert failed.groupby("UserId").size().max() >= 4


def test_some_workload_has_always_asked_for_a_token_per_request(tenant: Written) -> None:
    rows = of(tenant, "chatty")
    assert len(rows) / 35 / rows["ServicePrincipalId"].nunique() > 100


def test_keys_are_rotated_and_announced(tenant: Written) -> None:
    rows = of(tenant, "daily")
    keys = rows[rows["ServicePrincipalCredentialKeyId"].notna()].groupby("ServicePrincipalId")[
        "ServicePrincipalCredentialKeyId"
    ]
    added = tenant["AuditLogs"]["OperationName"].str.contains("Certificates and secrets management")
    assert (tenant[SP].groupby("ServicePrincipalId")["ServicePrincipalCredentialKeyId"].nunique() > 1).any()
    assert keys.ngroups
    assert added.any()


def test_new_secrets_are_deployed_and_then_read(tenant: Written) -> None:
    reads = tenant["AZKVAuditLogs"]
    fresh = reads[reads["Id"].str.contains("/secrets/release-", na=False)]
    assert (fresh["TimeGenerated"] > START + pd.Timedelta(days=1)).any()


def test_workloads_get_new_prefixes_legitimately(tenant: Written) -> None:
    attackers = {ip for label in tenant.labels for ip in label.ips}
    rows = tenant[SP][~tenant[SP]["IPAddress"].isin(attackers)]
    first = rows.assign(prefix=rows["IPAddress"].str.rsplit(".", n=1).str[0]).groupby(["ServicePrincipalId", "prefix"])
    late = first["CreatedDateTime"].min() > START + pd.Timedelta(days=14)
    assert late.sum() >= 20


# How logs behave.


@pytest.mark.parametrize("table", [SP, SI, NI, MI, "AZKVAuditLogs", "AzureDiagnostics", "AuditLogs"])
def test_rows_arrive_after_they_were_generated_each_under_its_own_item_id(tenant: Written, table: str) -> None:
    frame = tenant[table]
    assert (frame["_TimeReceived"] >= frame["TimeGenerated"]).all()
    assert frame["_ItemId"].is_unique
    assert frame["_TimeReceived"].is_monotonic_increasing


def test_vault_rows_take_minutes_and_a_few_rows_days(tenant: Written) -> None:
    vault = tenant["AZKVAuditLogs"]["_TimeReceived"] - tenant["AZKVAuditLogs"]["TimeGenerated"]
    assert 180 < vault.dt.total_seconds().median() < 480
    sign_in = (tenant[SP]["_TimeReceived"] - tenant[SP]["CreatedDateTime"]).dt.total_seconds()
    assert 60 < sign_in.median() < 360
    assert (vault > pd.Timedelta(days=1)).any()


def test_time_generated_is_up_to_220_s_after_creation(tenant: Written) -> None:
    shift = (tenant[SP]["TimeGenerated"] - tenant[SP]["CreatedDateTime"]).dt.total_seconds()
    usual = shift[shift < 3600]
    assert usual.min() >= 0
    assert 100 < usual.max() <= 220
    assert (usual < 1).mean() == pytest.approx(0.5, abs=0.05)


def test_one_table_is_late_for_hours_and_one_is_out_for_more_than_two_days(tenant: Written) -> None:
    stuck, replaced = 0, 0
    for table in (SP, MI, NI, SI):
        frame = tenant[table]
        lag = frame["_TimeReceived"] - frame["TimeGenerated"]
        stuck += (lag.between(pd.Timedelta(hours=2), pd.Timedelta(hours=20))).sum() > 5
        older = frame["TimeGenerated"] - frame["CreatedDateTime"] > pd.Timedelta(days=2)
        replaced += int((older & (lag == pd.Timedelta(0))).sum() > 5)
    assert stuck >= 2
    assert replaced == 1


def test_doubled_rows_differ(tenant: Written) -> None:
    frame = tenant[SI]
    twice = frame[frame.duplicated("Id", keep=False)]
    share = frame.duplicated("Id").mean()
    assert 0.03 < share < 0.45
    pair = twice.groupby("Id")
    assert (pair["TimeGenerated"].nunique() == 1).mean() > 0.95
    assert (pair["AuthenticationRequirement"].nunique() == 2).mean() > 0.5
    assert twice.loc[twice["AuthenticationRequirement"] == "", "RiskEventTypes_V2"].eq("").all()


def test_a_stretch_is_delivered_again_hours_later(tenant: Written) -> None:
    late = 0
    for table in (SP, MI, NI, SI, "AZKVAuditLogs", "AzureDiagnostics"):
        key = ["Id"] if table in {SP, MI, NI, SI} else ["TimeGenerated", "CorrelationId", "OperationName"]
        frame = tenant[table]
        frame = frame[frame.duplicated(key, keep=False)]
        again = frame.groupby(key)["_TimeReceived"].agg(lambda at: at.max() - at.min()) > pd.Timedelta(hours=2.9)
        late += int(again.sum() >= 2)
    assert late >= 2


def test_hours_are_lost(tenant: Written) -> None:
    frame = tenant["AZKVAuditLogs"]
    gaps = frame["TimeGenerated"].sort_values().diff()
    assert gaps.max() > pd.Timedelta(hours=1.5)


def test_vault_clients_are_challenged_without_identity(tenant: Written) -> None:
    new, old = tenant["AZKVAuditLogs"], tenant["AzureDiagnostics"]
    challenge = new[(new["OperationName"] == "Authentication") & (new["HttpStatusCode"] == 401)]
    assert len(challenge) > 100
    assert (challenge["Identity"] == "{}").all()
    legacy = old[(old["OperationName"] == "Authentication") & (old["httpStatusCode_d"] == 401.0)]
    assert legacy["identity_claim_oid_g"].isna().all()
    assert len(legacy)


def test_vault_results_say_success_whatever_the_status(tenant: Written) -> None:
    assert (tenant["AZKVAuditLogs"]["ResultType"] == "Success").all()
    assert {200, 401, 403} <= set(tenant["AZKVAuditLogs"]["HttpStatusCode"])


def test_harmless_readers_are_refused_too(tenant: Written) -> None:
    attacked = {oid for label in tenant.labels if label.kind in {"D51", "D52"} for oid in label.identities}
    frame = tenant["AZKVAuditLogs"]
    refused = frame[frame["HttpStatusCode"].isin([403, 404, 429])]
    callers = set(refused["Identity"].str.extract(r'"oid":"([^"]+)"')[0].dropna())
    assert callers - attacked


def test_interrupts_share_the_conversation_of_the_sign_in(tenant: Written) -> None:
    frame = tenant[SI]
    interrupts = frame[frame["ResultType"].isin(["50058", "50140", "50074", "16000", "50158", "65001"])]
    assert interrupts["ResultType"].nunique() == 6
    ended = frame[frame["ResultType"] == "0"]["CorrelationId"]
    assert interrupts["CorrelationId"].isin(ended).mean() > 0.9


def test_microsofts_own_services_look_at_vaults_through_the_control_plane(tenant: Written) -> None:
    frame = tenant["AZKVAuditLogs"]
    own = frame[frame["Identity"].str.contains("509e4652-da8d-478d-a730-e9d4a1996ca4", na=False)]
    assert len(own) > 100
    assert (own["OperationName"] == "VaultGet").all()
    assert own["Identity"].str.contains("identity/claims/objectidentifier").all()
    assert own["RequestUri"].str.startswith("https://management.azure.com/").all()


def test_some_vaults_write_both_shapes_and_others_one(tenant: Written) -> None:
    vaults = tenant["AzureDiagnostics"][tenant["AzureDiagnostics"]["ResourceProvider"] == "MICROSOFT.KEYVAULT"]
    new, old = set(tenant["AZKVAuditLogs"]["_ResourceId"].str.lower()), set(vaults["_ResourceId"].str.lower())
    assert new & old
    assert new - old
    assert old - new
    one, two = tenant["AZKVAuditLogs"], tenant["AzureDiagnostics"]
    same = one.merge(two, on=["TimeGenerated", "CorrelationId", "OperationName"])
    assert len(same) > 100
    assert (same["_TimeReceived_x"] != same["_TimeReceived_y"]).mean() > 0.9


def test_notices_have_no_caller(tenant: Written) -> None:
    frame = tenant["AZKVAuditLogs"]
    notices = frame[frame["OperationName"].str.contains("EventGridNotification|RotateIfDue")]
    assert len(notices)
    assert (notices["Identity"] == "{}").all()
    assert (notices["CallerIpAddress"] == "").all()


def test_cases_waver(tenant: Written) -> None:
    frame = tenant["AZKVAuditLogs"]
    assert 0 < frame["_ResourceId"].str.contains("/VAULTS/", regex=False).mean() < 0.1
    assert tenant["AzureDiagnostics"]["ResourceId"].str.isupper().all()
    names = tenant[NI].groupby("UserId")["UserPrincipalName"].nunique()
    assert names.max() >= 2
    assert tenant[NI].groupby("UserId")["UserPrincipalName"].apply(lambda upn: upn.str.lower().nunique()).max() == 1


def test_addresses_come_with_ports_and_in_several_spellings(tenant: Written) -> None:
    ported = tenant["AZKVAuditLogs"]["CallerIpAddress"].str.match(r"^\d+\.\d+\.\d+\.\d+:\d+$")
    assert 0 < ported.mean() < 0.1
    people = pd.concat([tenant[NI]["IPAddress"], tenant[SI]["IPAddress"]]).unique()
    spelled = pd.Series([text for text in people if ":" in text])
    canonical = spelled.map(lambda text: str(ipaddress.ip_address(text)))
    assert canonical.nunique() < len(spelled)


def test_secrets_are_read_in_versions(tenant: Written) -> None:
    frame = tenant["AZKVAuditLogs"]
    reads = frame[(frame["OperationName"] == "SecretGet") & (frame["HttpStatusCode"] == 200)]
    assert reads["Id"].str.fullmatch(r"https://[\w-]+\.vault\.azure\.net/secrets/[\w-]+/[0-9a-f]{32}").all()


def test_names_are_hostile_or_empty(tenant: Written) -> None:
    names = {one.name for one in tenant.identities}
    assert any(set(name) & set("<>&`\n\u202e$'") or len(name) > 200 for name in names)


def test_the_directory_is_administered_every_day(tenant: Written) -> None:
    operations = set(tenant["AuditLogs"]["OperationName"])
    assert {"Update user", "Add member to group", "Consent to application"} <= operations
    synchronised = tenant["AuditLogs"][tenant["AuditLogs"]["OperationName"] == "Update user"]["InitiatedBy"]
    assert synchronised.str.contains("Identity Automation").sum() > 20
    properties = json.loads(tenant["AuditLogs"]["TargetResources"].iloc[0])[0]["modifiedProperties"]
    json.loads(properties[0]["newValue"])


def test_failures_of_federation_are_daily_life(tenant: Written) -> None:
    assert {"700213", "700024"} & set(of(tenant, "pipeline")["ResultType"])


def test_benign_surges_of_two_to_four_times_are_frequent(tenant: Written) -> None:
    rows = pd.concat([of(tenant, name) for name in ("service", "office_app", "cron")])
    counts = (
        rows.groupby(["ServicePrincipalId", pd.Grouper(key="CreatedDateTime", freq="h")]).size().unstack(fill_value=0)
    )
    usual = counts.replace(0, np.nan).quantile(0.9, axis=1)
    spikes = (counts.to_numpy() > 2 * usual.to_numpy()[:, None]).reshape(len(counts), -1).sum()
    assert spikes / (len(counts) * 35) > 0.003


def test_the_legacy_table_holds_rows_of_other_resources(tenant: Written) -> None:
    frame = tenant["AzureDiagnostics"]
    other = frame[frame["ResourceProvider"] != "MICROSOFT.KEYVAULT"]
    assert len(other) > 50
    assert other["httpStatusCode_d"].isna().all()
    assert not other["Category"].eq("AuditEvent").any()
    assert not tenant["AZKVAuditLogs"]["OperationName"].str.contains("Database").any()
