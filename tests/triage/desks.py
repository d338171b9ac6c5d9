"""A desk that triages tick by tick: what it decided at one is what it knows at the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from monitor.model import Act, Decision, Finding, Incident, Level, Matcher, Owner, Person, Reason, Silence, Verb
from monitor.rules import Rule
from monitor.triage import Known, Policy, Route, Triaged, everything, informed, triage
from monitor.triage.acting import act

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
"""A Monday."""
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
PLACE = "new place"
"""Another kind of evidence than how much was done."""


def rule(name: str, **changed: object) -> Rule:
    words = {"where": "true", "runbook": "Look at what it did in that hour.", "detector": "limit", "stream": "sign_in"}
    made = {"title": f"Rule {name}", "id": name, "status": "stable", "level": "medium", "by": ["identity"], **words}
    return Rule.model_validate(made | changed)


RULES: Mapping[str, Rule] = {name: rule(name) for name in ("one", "two", "three")}


def finding(
    surprise: float, hour: float = 0, rule: str = "one", family: str = "events", who: int = 1, **changed: object
) -> Finding:
    """Of one hour, told at its end."""
    at = NOON + hour * HOUR
    plain = Finding(
        rule=rule,
        detector="limit",
        level=Level.MEDIUM,
        stream="sign_in",
        family=family,
        experimental=False,
        subject=f"identity:entra:{who}",
        group=(("identity", f"entra:{who}"),),
        term="",
        bucket=at,
        bucket_end=at + HOUR,
        time=at + HOUR,
        judged_at=at + HOUR,
        surprise=surprise,
        observed=9.0,
        expected=1.0,
        low=0.0,
        high=3.0,
        because="9 in 1 h",
    )
    return replace(plain, **changed)  # type: ignore[arg-type]


def silence(until: float, *matchers: Matcher, since: float = -1, kind: str = "silence", name: str = "s") -> Silence:
    """One that is active between so many hours before and after noon; of the first identity's if not said."""
    about = matchers or (Matcher("subject", "=", "identity:entra:1"),)
    start, end = NOON + since * HOUR, NOON + until * HOUR
    return Silence(name, about, "ann", "a test", start, start, end, kind)  # type: ignore[arg-type]


@dataclass(slots=True)
class Desk:
    """Incidents, what was decided about them, and everything else that triage asks for."""

    policy: Policy = field(default_factory=Policy)
    routes: Sequence[Route] = everything(["console"])
    silences: Sequence[Silence] = ()
    owners: Mapping[str, Owner] = field(default_factory=dict)
    rules: Mapping[str, Rule] = field(default_factory=lambda: RULES)
    incidents: dict[str, Incident] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)

    def tick(self, *found: Finding, at: float = 0, judged: float = 0) -> Triaged:
        """A tick so many hours after noon, rules judged up to so many hours after noon."""
        now = NOON + at * HOUR
        known = Known(
            self.rules,
            dict.fromkeys(self.rules, NOON + judged * HOUR),
            informed(self.decisions),
            self.silences,
            self.owners,
            [one for one in self.decisions if one.reason in {Reason.OPENED, Reason.REOPENED, Reason.STORM}],
        )
        triaged = triage(found, tuple(self.incidents.values()), known, self.routes, self.policy, now)
        self.incidents.update({one.id: one for one in triaged.incidents})
        self.decisions += triaged.decisions
        return triaged

    def act(self, verb: Verb, at: float = 0, until: float | None = None) -> Incident:
        """What a person does to the only incident there is."""
        (one,) = self.incidents.values()
        now = NOON + at * HOUR
        end = None if until is None else NOON + until * HOUR
        asked = Act("key", verb, Person("U1", "ann"), "cli", now, one.id, end, "because it is a test")
        changed = act(asked, one, now).incident
        assert changed is not None
        self.incidents[one.id] = changed
        return changed

    @property
    def only(self) -> Incident:
        """The only incident there is."""
        (one,) = self.incidents.values()
        return one

    def told(self, notifier: str = "console") -> list[Reason]:
        """What a notifier was told, in order."""
        return [one.reason for one in self.decisions if one.told and one.notifier == notifier]


def reasons(triaged: Triaged) -> list[Reason]:
    return [one.reason for one in triaged.decisions]


def after(*findings: Finding) -> Incident:
    """The incident that these make in one tick."""
    (incident,) = Desk().tick(*findings).incidents
    return incident
