"""Attacks on vaults: kinds D43 to D57 and D66, listed in `ATTACKS`."""

import numpy as np

from monitor.testing.simulate.apps import HOSTILE_SDK, PYTHON, Resource
from monitor.testing.simulate.attacks.scene import Scene
from monitor.testing.simulate.calendar import DAY, HOUR, MINUTE, SECOND


def _enter(s: Scene, ip: int) -> None:
    """The token for the vault; a blatant attacker also says what he runs."""
    s.victim.sdk = HOSTILE_SDK if s.grade == "blatant" else PYTHON
    s.tokens(np.array([s.start]), Resource.VAULT, ip=ip)


def mass_retrieval(s: Scene) -> None:
    """Many different secrets: all of several vaults, half of one, or a dozen over an hour."""
    ip, vault = s.ip(), s.usual_vault()
    _enter(s, ip)
    secrets = s.rng.permutation(s.world.vaults[vault].of("secrets"))
    many = {"blatant": len(secrets), "moderate": max(14, len(secrets) * 2 // 3), "subtle": 11}[s.grade]
    length = s.size(6, 20, 50) * MINUTE
    s.reads(s.over(len(secrets[:many]), length) + 2 * SECOND, vault, secrets[:many], ip=ip)
    if s.grade == "blatant":
        for other in s.victim.persona.team.vaults:
            items = s.world.vaults[other].of("secrets")
            if other != vault:
                s.reads(s.over(len(items), length) + 2 * SECOND, other, items, ip=ip)


def list_then_get(s: Scene) -> None:
    """A listing, then secret after secret, by somebody not used to listing."""
    ip, vault = s.ip(), s.usual_vault()
    _enter(s, ip)
    s.reads(np.array([s.start + 2 * SECOND]), vault, operation="SecretList", ip=ip)
    items = s.rng.permutation(s.world.vaults[vault].of("secrets"))[: s.size(30, 8, 3)]
    s.reads(s.over(len(items), 12 * MINUTE) + 5 * SECOND, vault, items, ip=ip)


def policy_then_get(s: Scene) -> None:
    """Access is granted, then used at once."""
    vault, ip = (s.foreign_vaults(1) or [s.usual_vault()])[0], s.ip()
    s.note("role_assignment", s.world.vaults[vault].name, actor=s.culprit().index, ip=ip)
    s.reads(np.array([s.start]), vault, operation="VaultPatch", ip=ip)
    items = s.world.vaults[vault].of("secrets")[: s.size(25, 6, 2)]
    _enter(s, ip)
    s.reads(s.over(len(items), HOUR) + 3 * MINUTE, vault, items, ip=ip)


def new_vault(s: Scene) -> None:
    """A vault it never opened."""
    vault, ip = (s.foreign_vaults(1) or [s.usual_vault()])[0], s.ip()
    _enter(s, ip)
    items = s.world.vaults[vault].of("secrets")[: s.size(20, 5, 1)]
    s.reads(s.over(len(items), HOUR) + 2 * SECOND, vault, items, ip=ip)


def new_secret(s: Scene) -> None:
    """Secrets of its own vault that it never read."""
    vault, ip = s.usual_vault(), s.ip()
    items = s.unread(vault)[: s.size(8, 3, 1)]
    _enter(s, ip)
    s.reads(s.over(len(items), HOUR) + 2 * SECOND, vault, items, ip=ip)


def many_vaults(s: Scene) -> None:
    """One identity, vault after vault."""
    ip = s.ip()
    _enter(s, ip)
    for number, vault in enumerate(s.foreign_vaults(s.size(18, 9, 5))):
        items = s.world.vaults[vault].of("secrets")[:2]
        s.reads(s.over(len(items), 30 * MINUTE) + number * SECOND, vault, items, ip=ip)


def denied(s: Scene) -> None:
    """Doors tried, all closed."""
    vault, ip = (s.foreign_vaults(1) or [s.usual_vault()])[0], s.ip()
    _enter(s, ip)
    secrets = s.world.vaults[vault].of("secrets")
    at = s.over(s.size(80, 25, 11), 9 * MINUTE)
    s.reads(at, vault, s.rng.choice(secrets, size=len(at)), ip=ip, status=403)


def throttled(s: Scene) -> None:
    """So many calls that the vault says stop."""
    vault, ip = s.usual_vault(), s.ip()
    _enter(s, ip)
    secrets = s.world.vaults[vault].of("secrets")
    for status, count in ((200, s.size(200, 60, 25)), (429, s.size(250, 60, 22))):
        at = s.over(count, 4 * MINUTE)
        s.reads(at, vault, s.rng.choice(secrets[:3], size=len(at)), ip=ip, status=status)


def volume(s: Scene) -> None:
    """The same few secrets again and again."""
    vault, ip = s.usual_vault(), s.ip()
    used = [rows["item"][(rows["vault"] == vault) & (rows["item"] >= 0)] for rows in s.victim.calls]
    known = np.unique(np.concatenate(used))
    _enter(s, ip)
    at = s.over(s.volume((60, 25, 12), calls=True), 40 * MINUTE)
    s.reads(at, vault, s.rng.choice(known, size=len(at)), ip=ip)


def destroyed(s: Scene) -> None:
    """Secrets deleted and purged."""
    vault, ip = s.usual_vault(), s.ip()
    items = s.rng.permutation(s.world.vaults[vault].of("secrets"))[: s.size(25, 6, 1)]
    _enter(s, ip)
    at = s.over(len(items), 20 * MINUTE) + 5 * SECOND
    s.reads(at, vault, items, operation="SecretDelete", ip=ip)
    if s.grade != "subtle":
        s.reads(at + 3 * MINUTE, vault, items, operation="SecretPurge", ip=ip)


def opened_network(s: Scene) -> None:
    """The vault's network rules are changed, more than once if blatant."""
    vault, ip = s.usual_vault(), s.strange_ip()
    s.note("vault_opened", s.world.vaults[vault].name, actor=s.culprit().index, ip=ip)
    s.reads(s.over(s.size(5, 2, 1), 30 * MINUTE), vault, operation="VaultPatch", ip=ip)


def without_issuance(s: Scene) -> None:
    """Vault reads by an identity that never asked for a vault token: the token came from elsewhere."""
    vault, ip = s.victim.a_vault(), s.ip()
    items = s.world.vaults[vault].of("secrets")[: s.size(20, 6, 2)]
    s.reads(s.over(len(items), HOUR), vault, items, ip=ip)


def elsewhere(s: Scene) -> None:
    """Issued here, used there: the vault is called from another prefix than the token was issued to."""
    vault = s.usual_vault()
    _enter(s, s.own_ip())
    used = [rows["item"][(rows["vault"] == vault) & (rows["item"] >= 0)] for rows in s.victim.calls]
    at = s.over(s.size(20, 6, 2), HOUR) + MINUTE
    s.reads(at, vault, s.rng.choice(np.unique(np.concatenate(used)), size=len(at)), ip=s.strange_ip())


def without_use(s: Scene) -> None:
    """Vault tokens go on, vault reads fall silent: somebody else uses the tokens."""
    end = s.start + s.size(3, 2, 1) * DAY
    s.victim.calls = [rows[(rows["at"] < s.start) | (rows["at"] >= end)] for rows in s.victim.calls]
    s.span(np.array([s.start, min(end, s.world.period.end - 1)]))
    s.involve(s.victim.persona)
