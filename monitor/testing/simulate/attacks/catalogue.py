"""Which attacks there are: kind (our id: D1, D43, ...), title, how it is staged, and whom it makes sense against."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from monitor.testing.simulate.apps import Resource
from monitor.testing.simulate.attacks import issuance, plunder, trust
from monitor.testing.simulate.attacks.scene import Scene
from monitor.testing.simulate.diary import Diary

Fits = Callable[[Diary], bool]


@dataclass(frozen=True, slots=True)
class Attack:
    """One kind of attack.

    `after` is the least number of days of history it needs, `before` how many days must follow its start, `weight` how
    often its turn comes.
    """

    title: str
    stage: Callable[[Scene], None]
    fits: Fits
    after: float = 14.0
    before: float = 1.0
    weight: int = 1


def _is(*behaviours: str) -> Fits:
    return lambda diary: diary.persona.behaviour in behaviours and _alive(diary)


def _alive(diary: Diary) -> bool:
    return sum(len(rows) for rows in diary.tokens) >= 10


def _reader(diary: Diary) -> bool:
    """A workload that reads vaults regularly, but is no scanner."""
    if diary.persona.kind == "user" or diary.persona.behaviour in {
        "scanner",
        "backup",
        "newcomer",
        "leaver",
        "returning",
    }:
        return False
    return sum(len(rows) for rows in diary.calls) >= 20 and _alive(diary)


def _stranger(diary: Diary) -> bool:
    """A workload that never asked for a vault token and lives through the whole period."""
    if diary.persona.kind == "user" or diary.persona.behaviour in {"newcomer", "leaver", "returning", "cluster"}:
        return False
    return _alive(diary) and not any((rows["resource"] == Resource.VAULT).any() for rows in diary.tokens)


def _sleepy(diary: Diary) -> bool:
    return _is("cron", "daily", "office_app")(diary)


_BUSY: Final = _is("cron", "service", "office_app", "pipeline")
_MANAGED: Final = _is("cluster", "function_app", "machine", "scale_set")
_STEADY: Final = _is("cron", "service", "scale_set")
_SECRET: Final = _is("cron", "daily", "service", "office_app", "weekly")
_PIPELINE: Final = _is("pipeline")
_PERSON: Final = _is("person", "admin")
_ANYONE: Final = _is("cron", "daily", "service", "office_app", "pipeline", "person")

ATTACKS: Final[Mapping[str, Attack]] = {
    "D1": Attack("Issuance spike, service principal", issuance.spike, _BUSY),
    "D2": Attack("Issuance spike, managed identity", issuance.spike, _MANAGED),
    "D3": Attack("Issuance spike, federated credential", issuance.federated_spike, _PIPELINE),
    "D4": Attack("Issuance spike, user non-interactive", issuance.user_spike, _PERSON),
    "D5": Attack("Tenant-wide surge", issuance.surge, _BUSY),
    "D6": Attack("Flatline", issuance.flatline, _STEADY, before=1.5),
    "D7": Attack("Token per request", issuance.per_request, _is("cron", "daily", "service", "machine"), weight=2),
    "D8": Attack("Level shift", issuance.level_shift, _STEADY, before=4.2),
    "D9": Attack("Slow ramp", issuance.slow_ramp, _STEADY, before=7.2),
    "D10": Attack("Off schedule", issuance.off_schedule, _is("daily", "office_app", "pipeline", "weekly")),
    "D11": Attack("New prefix, network or country", issuance.new_place, _SECRET, weight=2),
    "D12": Attack("New resource", issuance.new_resource, _SECRET),
    "D13": Attack("First vault token", issuance.vault_audience, _stranger),
    "D14": Attack("First use of a key id", issuance.new_key, _SECRET),
    "D15": Attack("Fallback to a static secret", issuance.static_fallback, _PIPELINE),
    "D16": Attack("First federated sign-in", issuance.first_federation, _is("pipeline", "daily")),
    "D17": Attack("Dormant identity wakes", issuance.sleeper, _sleepy, after=20.0, weight=2),
    "D18": Attack(
        "Dormant federated credential wakes",
        issuance.sleeping_federation,
        lambda diary: _PIPELINE(diary) and len(diary.keyring.members) > 1,
        after=31.5,
    ),
    "D19": Attack("Failure burst", issuance.failures, _ANYONE, weight=2),
    "D20": Attack("Invalid-secret spray", issuance.spray, _SECRET),
    "D21": Attack("Expired secret still tried", issuance.expired, _SECRET, weight=2),
    "D22": Attack("Failures then success from a new address", issuance.guessed, _ANYONE),
    "D23": Attack("Federated assertion rejected", issuance.rejected, _PIPELINE),
    "D24": Attack("Blocked by Conditional Access", issuance.blocked, _SECRET),
    "D25": Attack("Failure ratio", issuance.failure_ratio, _BUSY),
    "D28": Attack("Federated credential added", trust.federation_added, _is("pipeline", "daily", "service")),
    "D29": Attack("Federated credential added to a managed identity", trust.federation_by_arm, _MANAGED),
    "D30": Attack("Federated credential changed", trust.federation_changed, _PIPELINE),
    "D33": Attack("New credential, then first use", trust.added_then_used, _SECRET, before=1.5),
    "D34": Attack("Secret added", trust.secret_added, _SECRET),
    "D40": Attack("Owner or role granted", trust.promoted, _SECRET),
    "D41": Attack("Principal created, used, deleted", trust.brief_life, _SECRET),
    "D42": Attack("Consent to an unseen application", trust.consent, _SECRET),
    "D43": Attack("Mass secret retrieval", plunder.mass_retrieval, _reader, weight=2),
    "D44": Attack("List then get", plunder.list_then_get, _reader),
    "D45": Attack("Policy change then get", plunder.policy_then_get, _reader),
    "D46": Attack("Access granted then removed", trust.granted_and_removed, _SECRET),
    "D47": Attack("First access to a vault", plunder.new_vault, _reader),
    "D48": Attack("First access to a secret", plunder.new_secret, _reader, weight=2),
    "D50": Attack("Many vaults by one identity", plunder.many_vaults, _reader),
    "D51": Attack("Denied burst", plunder.denied, _reader),
    "D52": Attack("Throttled", plunder.throttled, _reader),
    "D53": Attack("Vault volume spike", plunder.volume, _reader),
    "D54": Attack("Secrets destroyed", plunder.destroyed, _reader),
    "D55": Attack("Vault network opened", plunder.opened_network, _reader),
    "D56": Attack("Vault read without issuance", plunder.without_issuance, _stranger),
    "D57": Attack("Vault called from elsewhere", plunder.elsewhere, _reader),
    "D60": Attack("Diagnostic setting removed", trust.blinded, _SECRET),
    "D62": Attack("Risk on a principal", trust.risky, _SECRET),
    "D63": Attack("Agent out of scope", trust.agent_astray, _is("agent")),
    "D66": Attack("Token without use", plunder.without_use, _is("machine", "scale_set", "service"), before=3.5),
}
"""Catalogue id -> attack."""
