-- Which fact files are live; switched in the same transaction as the watermark. Times are RFC 3339 text, UTC.
create table live_files (
    path text primary key,
    source text not null,
    start_at text not null,
    end_at text not null,
    rows integer not null,
    counts text not null
) strict;
create index live_files_source on live_files (source, start_at);

create table watermarks (source text primary key, at text not null) strict;

create table names (
    identity text primary key,
    name text not null,
    kind text not null,
    app_id text not null,
    first_at text not null,
    last_at text not null,
    named_at text not null
) strict;

-- How far each rule judged each source, and before when the facts were seen that a rule judged.
create table judged (rule text not null, source text not null, until_at text not null, primary key (rule, source)) strict;
create table judged_as_of (rule text primary key, at text not null) strict;

create table findings (
    key text primary key,
    rule text not null,
    subject text not null,
    bucket text not null,
    time text not null,
    incident text not null,
    reason text not null,
    told integer not null,
    body text not null
) strict;
create index findings_incident on findings (incident);
create index findings_bucket on findings (bucket);

create table incidents (
    id text primary key,
    subject text not null,
    state text not null,
    last_at text not null,
    body text not null
) strict;
create index incidents_state on incidents (state);
create index incidents_last on incidents (last_at);

create table decisions (
    seq integer primary key,
    incident text not null,
    notifier text not null,
    at text not null,
    reason text not null
) strict;
create index decisions_incident on decisions (incident);
create index decisions_at on decisions (at);

create table notices (
    incident text not null,
    notifier text not null,
    at text not null,
    ref text not null
) strict;
create index notices_sent on notices (incident, at, notifier);

-- Messages that a notifier could not take yet: of decisions made at that time.
create table refused (
    incident text not null,
    notifier text not null,
    at text not null,
    primary key (incident, notifier, at)
) strict;
create index refused_at on refused (at);
