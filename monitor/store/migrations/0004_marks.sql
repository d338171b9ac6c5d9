-- Small things to remember, by name: which mintwatch wrote here last, when something daily was done.
create table marks (name text primary key, value text not null) strict;
