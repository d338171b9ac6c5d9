-- What service_principal.kql and fold.kql ask, by hand: project, keep the fullest copy of each Id among those of the
-- first copy's 5-minute arrival bin, fold into 5-minute bins. Its rows are those of the whole file.
with timed as (
    select
        * replace (TimeGenerated::timestamp as TimeGenerated, _TimeReceived::timestamp as _TimeReceived),
        case when CreatedDateTime is null or CreatedDateTime > TimeGenerated + interval 1 day
            then TimeGenerated else CreatedDateTime end::timestamp as happened
    from $TABLE
),
projected as (
    select
        Id as key,
        TimeGenerated,
        coalesce(_TimeReceived, happened + $settle) as arrived,
        happened,
        lower(coalesce(AADTenantId, '')) as tenant,
        case when coalesce(ServicePrincipalId, '') = '' then '' else 'entra:' || lower(ServicePrincipalId) end as identity,
        case
            when coalesce(Agent::varchar, '') in ('', '{}', 'null') then 'service_principal'
            when lower(json_extract_string(Agent, '$.agentType')) = 'notagentic' then 'service_principal'
            else 'agent'
        end as kind,
        lower(coalesce(AppId, '')) as app_id,
        'client_credentials' as action,
        lower(coalesce(ResourceIdentity, '')) as resource,
        coalesce(IPAddress, '') as ip,
        upper(case when coalesce(Location, '') <> '' then Location
            else coalesce(json_extract_string(LocationDetails, '$.countryOrRegion'), '') end) as country,
        coalesce(AutonomousSystemNumber, '') as asn,
        case
            when coalesce(ClientCredentialType, '') not in ('', 'none') then ClientCredentialType
            when coalesce(FederatedCredentialId, '') <> '' then 'federatedIdentityCredential'
            when coalesce(ServicePrincipalCredentialThumbprint, '') <> '' then 'certificate'
            when coalesce(ServicePrincipalCredentialKeyId, '') <> '' then 'clientSecret'
            else coalesce(ClientCredentialType, '')
        end as credential,
        lower(case when coalesce(FederatedCredentialId, '') = '' then coalesce(ServicePrincipalCredentialKeyId, '')
            else FederatedCredentialId end) as credential_id,
        case
            when ResultType = '0' then 'issued'
            when ResultType in ('16000', '50058', '50074', '50076', '50125', '50140', '50158', '65001') then 'interrupted'
            else 'failed'
        end as outcome,
        coalesce(ResultType, '') as code,
        coalesce(ServicePrincipalName, '') as name
    from timed
    where Id <> ''
),
doubled as (
    select key, count(*) as copies, min(arrived) as first_arrived from projected group by key having count(*) > 1
),
ranked as (
    select
        projected.*, copies, first_arrived,
        row_number() over (
            partition by key
            order by
                (time_bucket(interval 5 minute, arrived) = time_bucket(interval 5 minute, first_arrived)) desc,
                (resource <> '')::int + (ip <> '')::int + (country <> '')::int + (asn <> '')::int
                    + (credential <> '')::int + (credential_id <> '')::int + (app_id <> '')::int + (name <> '')::int desc,
                TimeGenerated desc, happened desc, resource desc, ip desc, code desc
        ) as place
    from projected join doubled using (key)
),
strayed as (
    select ranked.key, count(*) filter (abs(epoch(ranked.TimeGenerated) - epoch(kept.TimeGenerated)) > epoch($margin)) as strayed
    from ranked join ranked as kept on ranked.key = kept.key and kept.place = 1
    group by ranked.key
),
kept as (
    select projected.*, 1 as copies, arrived as first_arrived, 0 as strayed from projected anti join doubled using (key)
    union all
    select ranked.* exclude (place), strayed from ranked join strayed using (key) where place = 1
)
select
    time_bucket(interval 5 minute, first_arrived) as seen_at,
    time_bucket(interval 5 minute, happened) as at,
    first_arrived > happened + $bound as late,
    tenant, identity, kind, app_id, action, resource, ip, country, asn, credential, credential_id, outcome, code, name,
    count(*) as events, sum(copies) as copies, sum(strayed) as strayed,
    min(happened) as first_at, max(happened) as last_at
from kept
group by all
