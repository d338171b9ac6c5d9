-- How an incident stood when it was decided on, and what the reason alone does not say.
alter table decisions add column because text not null default '';
alter table decisions add column surprise real not null default 0;
alter table decisions add column level text not null default 'informational';
alter table decisions add column findings integer not null default 0;
-- Worse is judged by what was told, which an incident kept in itself where anything was.
update decisions set (surprise, level, findings) = (
    select
        coalesce(nullif(json_extract(body, '$.told_surprise'), 0), json_extract(body, '$.surprise'), 0),
        coalesce(
            iif(json_extract(body, '$.told_surprise') > 0, json_extract(body, '$.told_level'), null),
            json_extract(body, '$.level'), 'informational'
        ),
        coalesce(json_extract(body, '$.findings'), 0)
    from incidents where id = decisions.incident
) where incident in (select id from incidents);
-- A storm kept incidents back until the next tick and had no digest: nobody has heard of them.
update decisions set reason = 'unchanged', because = 'too many at once' where reason = 'storm';
update findings set reason = 'unchanged' where reason = 'storm';

create index decisions_storm on decisions (because) where reason = 'storm';

-- The strongest findings of an incident that count are found without reading all of it; they count from `counted_at` on.
-- A number that is none stands in their text as it does in Python, and not in JSON.
alter table findings add column surprise real;
alter table findings add column rank integer not null default 0;
alter table findings add column counted_at text not null default '';
update findings set
    counted_at = time,
    surprise = json_extract(replace(replace(body, 'NaN', 'null'), 'Infinity', '0'), '$.surprise'),
    rank = case json_extract(replace(replace(body, 'NaN', 'null'), 'Infinity', '0'), '$.level')
        when 'critical' then 4 when 'high' then 3 when 'medium' then 2 when 'low' then 1 else 0 end;
drop index findings_incident;
create index findings_strongest on findings (incident, surprise desc, rank desc, time, key);

-- What is to be sent, is being sent, was sent, or was given up: new, sending, sent, lost. What was wanted again while
-- it was on its way has a higher revision than what was sent. Of what was given up, `unsure` says that it may have been sent.
create table outbox (
    seq integer primary key autoincrement,
    key text not null unique,
    notifier text not null,
    incident text not null,
    part text not null,
    rank integer not null,
    about text not null,
    state text not null,
    revision integer not null default 1,
    trying integer not null default 0,
    ref text not null default '',
    tries integer not null default 0,
    not_before text not null,
    wanted_at text not null,
    since_at text not null,
    sent_at text not null default '',
    error text not null default '',
    permanent integer not null default 0,
    unsure integer not null default 0,
    unique (notifier, incident, part, about)
) strict;
create index outbox_state on outbox (state, rank, seq);
create index outbox_incident on outbox (incident, notifier);
create index outbox_ref on outbox (notifier, ref);
insert into outbox (key, notifier, incident, part, rank, about, state, ref, not_before, wanted_at, since_at, sent_at)
    select 'old-' || min(rowid), notifier, incident, 'news', 2, at, 'sent', ref, at, at, at, at from notices
    group by notifier, incident, at;
insert or ignore into outbox (key, notifier, incident, part, rank, about, state, not_before, wanted_at, since_at)
    select 'refused-' || rowid, notifier, incident, 'news', 2, coalesce((
        select strftime('%Y-%m-%dT%H:%M:%SZ', one.at) || ' ' || one.reason from decisions as one
        where one.incident = refused.incident and one.notifier = refused.notifier and one.at = refused.at
        order by one.seq limit 1), at), 'new', at, at, at from refused;
drop table notices;
drop table refused;

-- Notifiers that want to be left alone for a while, or do not work.
create table rests (notifier text primary key, since_at text not null, until_at text not null) strict;

-- Who did what, from where, and what became of it; nothing in it is ever changed.
create table acts (
    seq integer primary key autoincrement,
    key text not null,
    at text not null,
    incident text not null,
    outcome text not null,
    said text not null,
    body text not null
) strict;
create index acts_key on acts (key);
create index acts_incident on acts (incident);

create table silences (id text primary key, expires_at text not null, body text not null) strict;
create index silences_expires on silences (expires_at);

create table links (
    incident text not null,
    other text not null,
    because text not null,
    primary key (incident, other, because)
) strict;
create index links_other on links (other);

-- Acts that another process asks the one that writes to perform.
create table requests (seq integer primary key autoincrement, body text not null) strict;
