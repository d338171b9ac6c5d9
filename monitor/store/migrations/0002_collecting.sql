-- As of when each live window was fetched; the rest is what a source is not, was not, or could not be asked.
alter table live_files add column as_of text not null default '1970-01-01T00:00:00+00:00';

create table gaps (
    source text not null,
    start_at text not null,
    end_at text not null,
    reason text not null,
    noted_at text not null,
    kind text not null,
    primary key (source, start_at, end_at)
) strict;

create table compared (source text primary key, at text not null) strict;

-- Sources that cannot be read: since when, until when the journal tells of it, and what was said last.
create table troubles (
    source text primary key,
    since_at text not null,
    until_at text not null,
    error text not null
) strict;

-- What happened to mintwatch itself, for its own rules to judge; kept for some days.
create table journal (
    at text not null,
    action text not null,
    source text not null,
    outcome text not null,
    code text not null
) strict;
create index journal_at on journal (at);

-- Since when each source is collected: what is older is history, and judged by nobody.
create table begun (source text primary key, at text not null) strict;
insert into begun select source, at from watermarks;

-- Windows that came to say something else, from where on, in facts fetched as of then; and how far each rule judged that.
create table changes (
    seq integer primary key autoincrement,
    source text not null,
    start_at text not null,
    as_of text not null
) strict;
create table judged_upto (rule text primary key, seq integer not null) strict;
drop table judged_as_of;

-- The workspace each source was first read from, and the tables of it that ever answered, as a JSON list.
create table origins (source text primary key, workspace text not null, tables text not null) strict;
