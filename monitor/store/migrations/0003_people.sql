-- How an incident stood when it was decided on, and what the reason alone does not say.
alter table decisions add column because text not null default '';
alter table decisions add column surprise real not null default 0;
alter table decisions add column level text not null default 'informational';
alter table decisions add column findings integer not null default 0;
update decisions set
    surprise = coalesce((select json_extract(body, '$.surprise') from incidents where id = decisions.incident), 0),
    level = coalesce((select json_extract(body, '$.level') from incidents where id = decisions.incident), level),
    findings = coalesce((select json_extract(body, '$.findings') from incidents where id = decisions.incident), 0);

create index decisions_storm on decisions (because) where reason = 'storm';

-- What is to be sent, is being sent, was sent, or was given up: new, sending, sent, lost. What was wanted again while
-- it was on its way has a higher revision than what was sent.
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
    unique (notifier, incident, part, about)
) strict;
create index outbox_state on outbox (state, rank, seq);
create index outbox_incident on outbox (incident, notifier);
create index outbox_ref on outbox (notifier, ref);
insert into outbox (key, notifier, incident, part, rank, about, state, ref, not_before, wanted_at, since_at, sent_at)
    select 'old-' || min(rowid), notifier, incident, 'news', 2, at, 'sent', ref, at, at, at, at from notices
    group by notifier, incident, at;
insert or ignore into outbox (key, notifier, incident, part, rank, about, state, not_before, wanted_at, since_at)
    select 'refused-' || rowid, notifier, incident, 'news', 2, at, 'new', at, at, at from refused;
drop table notices;
drop table refused;

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
