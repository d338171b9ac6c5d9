"""Attacks on trust: credentials, owners, roles, consent: kinds D28 to D42, D62 and D63, listed in `ATTACKS`."""

import numpy as np

from monitor.testing.simulate import chance
from monitor.testing.simulate.apps import Resource
from monitor.testing.simulate.attacks.scene import Scene
from monitor.testing.simulate.calendar import HOUR, MINUTE
from monitor.testing.simulate.diary import Diary
from monitor.testing.simulate.directory import GITHUB
from monitor.testing.simulate.world import HOSTILE_NAMES, Credential, Persona


def federation_added(s: Scene) -> None:
    """A federated credential is added, with an issuer of the attacker's if blatant, and soon used unless subtle."""
    issuer = "https://idp.evil.example/oauth2/default" if s.grade == "blatant" else GITHUB
    s.note("federation", s.new_key(), issuer, actor=s.culprit().index)
    if s.grade == "subtle":
        return
    fresh = s.world.credential(Credential("federatedIdentityCredential", federation=s.new_key()))
    s.tokens(s.over(s.size(20, 5, 1), 2 * HOUR) + 4 * MINUTE, Resource.ARM, credential=fresh, ip=s.strange_ip())


def federation_by_arm(s: Scene) -> None:
    """A managed identity gets a federated credential through the resource manager, more than one if blatant."""
    for number in range(s.size(4, 2, 1)):
        s.note("arm_federation", actor=s.culprit().index, after=number * 3 * MINUTE, ip=s.strange_ip())


def federation_changed(s: Scene) -> None:
    """The issuer or only the subject of a trusted credential is changed."""
    issuer = GITHUB if s.grade == "subtle" else "https://idp.evil.example/oauth2/default"
    s.note("federation_changed", s.new_key(), issuer, f"repo:{s.grade}/fork:pull_request", actor=s.culprit().index)
    if s.grade == "blatant":
        s.tokens(s.over(10, HOUR) + 4 * MINUTE, Resource.ARM, ip=s.strange_ip())


def granted_and_removed(s: Scene) -> None:
    """Access for one object id, granted and taken back within minutes, so that nobody sees it standing."""
    actor, ip = s.culprit().index, s.strange_ip()
    for number in range(s.size(3, 2, 1)):
        s.note("role_assignment", actor=actor, after=number * 9 * MINUTE, ip=ip)
        s.note("role_removed", actor=actor, after=(number * 9 + 6) * MINUTE, ip=ip)


def blinded(s: Scene) -> None:
    """A diagnostic setting is deleted: the logs themselves are the target."""
    for number in range(s.size(4, 2, 1)):
        s.note("diagnostics_removed", actor=s.culprit().index, after=number * MINUTE, ip=s.strange_ip())


def added_then_used(s: Scene) -> None:
    """A secret is added and signs in within the day."""
    key = s.new_key()
    s.note("secret", key, actor=s.culprit().index)
    fresh = s.world.credential(Credential("clientSecret", key=key))
    delay = {"blatant": 5 * MINUTE, "moderate": HOUR, "subtle": 8 * HOUR}[s.grade]
    ip = s.own_ip() if s.grade == "subtle" else s.strange_ip()
    s.tokens(s.over(s.size(25, 8, 2), HOUR) + delay, credential=fresh, ip=ip)


def secret_added(s: Scene) -> None:
    """Secrets are added by somebody who has no business there."""
    actor = s.culprit().index
    for number in range(s.size(4, 2, 1)):
        what = "principal_secret" if number % 2 else "secret"
        s.note(what, s.new_key(), actor=actor, after=number * 2 * MINUTE)


def promoted(s: Scene) -> None:
    """A principal gets a directory role, a strong permission, or an owner."""
    what = {"blatant": "directory_role", "moderate": "app_role", "subtle": "owner"}[s.grade]
    value = {"blatant": "Global Administrator", "moderate": "RoleManagement.ReadWrite.Directory", "subtle": ""}[s.grade]
    s.note(what, value, actor=s.culprit().index)


def brief_life(s: Scene) -> None:
    """A principal is made, used, and deleted within minutes."""
    team, number = s.victim.persona.team, len(s.world.personas)
    name = str(s.rng.choice(np.array(HOSTILE_NAMES[:2]))) if s.grade == "blatant" else f"sync-helper-{number}"
    born = Persona(number, s.new_key(), s.new_key(), name, "", "service_principal", "attacker", team)
    s.world.personas.append(born)
    ghost = Diary(s.world, born, chance.stream(s.world.seed, chance.ATTACK, number, 1))
    actor, ip = s.culprit().index, s.strange_ip()
    credential = s.world.credential(Credential("clientSecret", key=s.new_key()))
    s.note("principal", actor=actor, target=number)
    s.note("secret", s.new_key(), actor=actor, target=number, after=MINUTE)
    s.tokens(s.over(s.size(20, 6, 2), 5 * MINUTE) + 2 * MINUTE, Resource.GRAPH, who=ghost, ip=ip, credential=credential)
    s.note("principal_gone", actor=actor, target=number, after=9 * MINUTE)
    s.victim.tokens.extend(ghost.tokens)


def consent(s: Scene) -> None:
    """People consent to an application nobody knew."""
    app, scope = (
        s.new_key(),
        {"blatant": "Mail.ReadWrite Files.ReadWrite.All", "moderate": "Mail.Read"}.get(s.grade, "User.Read"),
    )
    for number in range(s.size(8, 3, 1)):
        actor = s.culprit()
        s.note("consent", app, scope, actor=actor.index, after=number * 7 * MINUTE)
        s.involve(actor)


def risky(s: Scene) -> None:
    """Identity Protection says the principal behaves oddly, and it does."""
    s.note("risk", actor=s.victim.persona.index, ip=s.strange_ip())
    s.tokens(s.over(s.size(15, 5, 2), HOUR), ip=s.own_ip())


def agent_astray(s: Scene) -> None:
    """An agent wants what it was never meant to have: a new audience, secrets it never read, a loop."""
    unused = s.unused_resources() or [int(Resource.SQL)]
    s.tokens(s.over(s.size(40, 8, 1), HOUR), unused[0])
    vault = s.usual_vault() if s.grade == "subtle" else (s.foreign_vaults(1) or [s.usual_vault()])[0]
    items = s.unread(vault)[: s.size(20, 5, 1)]
    s.reads(s.over(len(items), 30 * MINUTE), vault, items)
