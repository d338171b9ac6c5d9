"""Attacks on token issuance: kinds D1 to D27, listed in `ATTACKS`."""

import numpy as np

from monitor.testing.simulate.apps import OFFICE_HOME, STRANGE, Resource
from monitor.testing.simulate.attacks.scene import Scene
from monitor.testing.simulate.calendar import DAY, HOUR, MINUTE, SECOND
from monitor.testing.simulate.places import HOSTILE, pick, prefix
from monitor.testing.simulate.world import Credential


def spike(s: Scene) -> None:
    """Many times the usual hour, from inside or outside."""
    s.tokens(s.over(s.volume((30, 12, 6)), int(s.rng.integers(10, 50)) * MINUTE), ip=s.ip())


def federated_spike(s: Scene) -> None:
    """The same through one federated credential."""
    credential = int(s.victim.keyring.draw(s.rng, np.array([s.start]))[0])
    s.tokens(s.over(s.volume((30, 14, 8)), 40 * MINUTE), Resource.ARM, ip=s.ip(), credential=credential)


def user_spike(s: Scene) -> None:
    """A refresh token in a loop."""
    ip = s.strange_ip()
    s.tokens(s.over(s.volume((150, 60, 25)), 55 * MINUTE), Resource.MAIL, ip=ip, credential=-1, client=OFFICE_HOME)


def surge(s: Scene) -> None:
    """Many identities a little at once."""
    recent = s.start - 3 * DAY
    others = [
        one
        for one in s.diaries
        if one.persona.kind == "service_principal"
        and any(((rows["at"] >= recent) & (rows["at"] < s.start)).any() for rows in one.tokens)
    ]
    count = min(len(others), s.size(60, 30, 15))
    for number in s.rng.choice(len(others), size=count, replace=False):
        at = s.over(s.size(12, 6, 3), 40 * MINUTE)
        s.tokens(at, who=others[int(number)], ip=int(others[int(number)].egress.draw(s.rng, at[:1])[0]))


def flatline(s: Scene) -> None:
    """It falls silent: switched off, or its tokens are now fetched elsewhere."""
    end = s.start + s.size(26, 10, 4) * HOUR
    s.victim.silent(s.start, end)
    s.span(np.array([s.start, min(end, s.world.period.end - 1)]))
    s.involve(s.victim.persona)


def per_request(s: Scene) -> None:
    """From now on a token per request, for hours, one resource, one address."""
    hours = int(s.rng.integers(4, 9))
    s.tokens(s.over(s.size(60, 28, 15) * hours, hours * HOUR))


def level_shift(s: Scene) -> None:
    """Twice and more, and it stays."""
    _more(s, s.days(4), ramp=False)


def slow_ramp(s: Scene) -> None:
    """A little more every day."""
    _more(s, s.days(7), ramp=True)


def _more(s: Scene, length: int, *, ramp: bool) -> None:
    at = np.concatenate([rows["at"][rows["code"] == 0] for rows in s.victim.tokens])
    recent = at[(at >= s.start - length) & (at < s.start)] + length
    copies = {"blatant": 7.0, "moderate": 2.5, "subtle": 0.8}[s.grade]
    many = np.repeat(recent, s.rng.poisson(copies, size=len(recent)))
    if ramp:
        many = many[s.rng.random(len(many)) < (many - s.start) / length]
    shaken = many + (s.rng.random(len(many)) * 20 * MINUTE).astype(np.int64)
    s.tokens(np.sort(np.append(shaken, s.over(s.size(8, 4, 2), length))))


def off_schedule(s: Scene) -> None:
    """At an hour at which it never works."""
    hours = np.concatenate([rows["at"] for rows in s.victim.tokens]) // HOUR % 24
    quiet = np.bincount(hours, minlength=24)
    wanted = int(s.rng.choice(np.flatnonzero(quiet == quiet.min())))
    s.start += (wanted - s.start // HOUR % 24) % 24 * HOUR
    s.clear()
    s.tokens(s.over(s.size(25, 6, 2), 15 * MINUTE))


def new_place(s: Scene) -> None:
    """From a prefix, a network, a country it never called from."""
    s.tokens(s.over(s.size(15, 5, 2), 2 * HOUR), ip=s.strange_ip())


def new_resource(s: Scene) -> None:
    """A token for something it never used."""
    unused = s.unused_resources() or [int(Resource.SQL)]
    for resource in unused[: s.size(3, 2, 1)]:
        s.tokens(s.over(s.size(8, 3, 1), HOUR), resource)


def vault_audience(s: Scene) -> None:
    """Its first token for a vault."""
    s.tokens(s.over(s.size(12, 4, 1), HOUR), Resource.VAULT)


def new_key(s: Scene) -> None:
    """A key id never seen signs in; nobody added it in the open."""
    fresh = s.world.credential(Credential("clientSecret", key=s.new_key()))
    ip = s.own_ip() if s.grade == "subtle" else s.strange_ip()
    s.tokens(s.over(s.size(20, 6, 2), 2 * HOUR), credential=fresh, ip=ip)


def static_fallback(s: Scene) -> None:
    """A workload that always federated now uses a secret."""
    new_key(s)


def first_federation(s: Scene) -> None:
    """A federated credential that never signed in before."""
    fresh = s.world.credential(Credential("federatedIdentityCredential", federation=s.new_key()))
    s.tokens(s.over(s.size(20, 6, 2), 2 * HOUR), Resource.ARM, credential=fresh, ip=s.strange_ip())


def sleeper(s: Scene) -> None:
    """Silent for more than two weeks, then awake."""
    asleep = {"blatant": 17.0, "moderate": 16.0, "subtle": 15.0}[s.grade]
    s.quiet_since(int(asleep * DAY))
    ip = s.own_ip() if s.grade == "subtle" else s.strange_ip()
    s.tokens(s.over(s.size(25, 8, 2), HOUR), ip=ip)


def sleeping_federation(s: Scene) -> None:
    """A federated credential unused for a month signs in again."""
    credential = int(s.victim.keyring.members[-1])
    for rows in s.victim.tokens:
        mine = rows["credential"] == credential
        mine &= rows["at"] >= s.start - 31 * DAY
        rows["credential"][mine] = s.victim.keyring.members[0]
    s.tokens(s.over(s.size(15, 5, 2), HOUR), Resource.ARM, credential=credential, ip=s.ip())


def failures(s: Scene) -> None:
    """A burst of failures within minutes."""
    person = s.victim.persona.kind == "user"
    code, client, resource = (50126, STRANGE, Resource.OFFICE) if person else (7000215, 0, None)
    at = s.over(s.size(90, 30, 11), 9 * MINUTE)
    s.tokens(at, resource, code=code, client=client, credential=-1, ip=s.strange_ip(), interactive=person)


def spray(s: Scene) -> None:
    """One address, many service principals, wrong secrets."""
    ip = s.at(prefix(s.rng, pick(s.rng, HOSTILE)).any(s.rng))
    others = [one for one in s.diaries if one.persona.kind == "service_principal"]
    count = min(len(others), s.size(40, 12, 4))
    for number in s.rng.choice(len(others), size=count, replace=False):
        s.tokens(
            s.over(s.size(3, 2, 1), 14 * MINUTE),
            Resource.GRAPH,
            who=others[int(number)],
            code=7000215,
            ip=ip,
            credential=-1,
        )


def expired(s: Scene) -> None:
    """An expired secret tried again and again by somebody who found it."""
    s.tokens(s.over(s.size(40, 12, 3), 50 * MINUTE), code=7000222, ip=s.ip())


def guessed(s: Scene) -> None:
    """Failures, then success, from a new address."""
    person = s.victim.persona.kind == "user"
    ip, code = s.strange_ip(), 50126 if person else 7000215
    at = s.over(s.size(40, 14, 6), 20 * MINUTE)
    client, resource = (STRANGE, int(Resource.OFFICE)) if person else (0, s.usual_resource())
    s.tokens(at, resource, code=code, ip=ip, credential=-1, client=client, interactive=person)
    success = at[-1:] + 90 * SECOND
    s.tokens(success, resource, ip=ip, credential=-1 if person else None, client=client, interactive=person)


def rejected(s: Scene) -> None:
    """Federated assertions that match no record: somebody tries branches and repositories."""
    for code in (700213, 700211)[: 1 if s.grade == "subtle" else 2]:
        s.tokens(s.over(s.size(15, 5, 3), 12 * MINUTE), Resource.ARM, code=code, credential=-1, ip=s.strange_ip())


def blocked(s: Scene) -> None:
    """Conditional Access stops a workload for the first time."""
    s.tokens(s.over(s.size(12, 4, 1), 30 * MINUTE), code=53003, ip=s.strange_ip(), credential=-1)


def failure_ratio(s: Scene) -> None:
    """For hours a good part of the attempts fails."""
    count = max(s.size(60, 30, 20), round(s.peak() * {"blatant": 6, "moderate": 3, "subtle": 1}[s.grade]))
    s.tokens(s.over(count, 5 * HOUR), code=7000215, ip=s.ip(), credential=-1)
