"""How jobs that look after vaults behave: they look like theft, every night."""

from monitor.testing.simulate.calendar import MINUTE, SECOND, weekday
from monitor.testing.simulate.diary import Diary
from monitor.testing.simulate.schedules import on_days
from monitor.testing.simulate.workloads import on_servers


def scanner(d: Diary) -> None:
    """A nightly inventory of the team's vaults: list, then get everything. It looks exactly like theft."""
    on_servers(d)
    at = on_days(d.rng, d.clock, d.clock.days(), float(d.rng.integers(0, 6)), 15 * MINUTE)
    ip = d.egress.draw(d.rng, at)
    for number, vault in enumerate(d.persona.team.vaults):
        runs = at + number * 2 * MINUTE
        d.open_vault(runs, vault, ip)
        d.call(runs + SECOND, vault, "SecretList", ip=ip)
        d.call(runs + 2 * SECOND, vault, "KeyList", ip=ip)
        secrets = d.world.vaults[vault].of("secrets")
        d.fetch(runs + 2 * SECOND, vault, secrets[:: 1 + int(d.rng.integers(2))], ip)


def backup(d: Diary) -> None:
    """Weekly backups of every secret and key, and a rotation that sets new secrets and rotates keys."""
    on_servers(d)
    days = d.clock.days()
    weekly_at = on_days(d.rng, d.clock, days[weekday(days) == int(d.rng.integers(7))], 3.0, 20 * MINUTE)
    vault = d.a_vault()
    ip = d.egress.draw(d.rng, weekly_at)
    d.open_vault(weekly_at, vault, ip)
    d.call(weekly_at + SECOND, vault, "SecretList", ip=ip)
    d.fetch(weekly_at + SECOND, vault, d.world.vaults[vault].of("secrets"), ip, operation="SecretBackup")
    d.fetch(weekly_at + MINUTE, vault, d.world.vaults[vault].of("keys"), ip, operation="KeyBackup")
    daily_at = on_days(d.rng, d.clock, days, 4.0, 10 * MINUTE)
    where = d.egress.draw(d.rng, daily_at)
    d.open_vault(daily_at, vault, where)
    d.fetch(daily_at, vault, d.choose_items(vault, 2), where, operation="SecretListVersions")
    turns = daily_at[d.rng.random(len(daily_at)) < 0.15]
    d.fetch(turns + MINUTE, vault, d.choose_items(vault, 1), d.egress.draw(d.rng, turns), operation="SecretSet")
    d.fetch(
        turns + 2 * MINUTE,
        vault,
        d.world.vaults[vault].of("keys")[:1],
        d.egress.draw(d.rng, turns),
        operation="KeyRotate",
    )
