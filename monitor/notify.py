"""Notify: what a person is told of an incident."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from monitor.clock import length
from monitor.frames import JOINED
from monitor.hostile import clean, clip
from monitor.model import OVER_FINDINGS, Decision, Finding, Incident, Message, Name, State
from monitor.rules import Rule

"""Between the values of several `new` columns in a finding's term."""

NAME_LIMIT, TERM_LIMIT = 40, 60
LINES = 5
"""How many findings are listed."""

OUTCOMES = {"issued": "tokens", "failed": "failures", "denied": "denials", "throttled": "throttled calls"}
EVENTS = {
    "sign_in": "sign-ins",
    "vault": "calls",
    "directory": "changes",
    "control": "operations",
    "risk": "risk events",
}
DISTINCT = {
    "identity": "identities",
    "ip": "addresses",
    "prefix": "networks",
    "country": "countries",
    "asn": "networks",
    "object": "objects",
    "resource": "resources",
    "code": "result codes",
}
NEW = {
    "ip": "signed in from new address",
    "prefix": "signed in from new prefix",
    "country": "signed in from new country",
    "asn": "signed in from new network",
    "resource": "asked for new resource",
    "credential": "signed in with new credential kind",
    "credential_id": "signed in with new credential",
}
"""A first sign-in, by the one column that is new."""
RESOURCES = {
    "00000003-0000-0000-c000-000000000000": "Microsoft Graph",
    "797f4846-ba00-4fd7-ba43-dac1f8f63013": "Azure Resource Manager",
    "cfa8b339-82a2-471a-a3c9-0fc0be7a4093": "Azure Key Vault",
}
"""Names of the audiences asked for most; their ids are the same in every tenant."""
SUBJECTS = {"identity": "Identity", "ip": "Address", "vault": "Vault", "credential": "Credential", "tenant": "Tenant"}


def compose(
    decision: Decision,
    incident: Incident,
    findings: Sequence[Finding],
    rules: Mapping[str, Rule],
    names: Mapping[str, Name],
    now: datetime,
) -> Message:
    """The message of one decision; the strongest finding explains it.

    Headline and runbook are those of the strongest finding that shows something itself, not of one over other findings.

    Parameters
    ----------
    findings
        All of the incident's, in any order.
    rules
        By id; a finding whose rule is gone is told without a runbook.
    names
        By identity; decoration. They are shortened in the headline and otherwise left as the log has them.

    Raises
    ------
    ValueError
        If there are no findings: an incident is made of at least one.
    """
    if not findings:
        raise ValueError(f"incident {incident.id}: expected at least one finding, got none")
    ordered = sorted(findings, key=lambda one: (-one.surprise, -one.level.rank, one.time, one.key))
    worst = ordered[0]
    shown = next((one for one in ordered if one.stream != OVER_FINDINGS), worst)
    rule = rules.get(shown.rule)
    return Message(
        incident=incident.id,
        reason=decision.reason,
        state=incident.state,
        level=incident.level,
        headline=headline(shown, rule, names),
        because=_because(worst, rules.get(worst.rule), incident),
        facts=_facts(incident, ordered, rules, names),
        findings=tuple(_line(one) for one in ordered[:LINES]),
        rules=incident.rules,
        runbook=_steps(rule.runbook) if rule else "",
        since=incident.first_at,
        until=incident.last_at,
        at=now,
        score=incident.score,
        surprise=incident.surprise,
    )


def _steps(runbook: str) -> str:
    r"""A runbook with one step a line, as a screen of any width wants it; a file breaks them at its own.

    >>> _steps("1. Ask the owner\n   what ran.\n2. Silence it.")
    '1. Ask the owner what ran.\n2. Silence it.'
    """
    return re.sub(r"\n(?!\s*(?:\d+\.|[-*])\s)\s*(?=\S)", " ", runbook.strip())


def headline(finding: Finding, rule: Rule | None, names: Mapping[str, Name]) -> str:
    """Who did what, with the number that matters, in under ten words (as long as the name has none of its own)."""
    subject = who(finding.subject, names)
    if rule and finding.term and (new := _new(finding, rule)):
        return f"{subject} {new}"
    if _speaks(finding, rule):
        return f"{subject}: {_count(finding, rule)}, {_expectation(finding)}"
    return f"{subject}: {rule.title if rule else finding.rule}"


def who(subject: str, names: Mapping[str, Name]) -> str:
    """A subject as a person would call it: the identity's name, else the start of its id."""
    kind, _, value = subject.partition(":")
    if kind == "identity":
        name = names.get(value)
        return clip(clean(name.name if name else ""), NAME_LIMIT) or short(value)
    shown = clip(clean(value), NAME_LIMIT)
    return shown if kind == "ip" else f"{kind} {shown}"


def short(identity: str) -> str:
    """The first 8 characters of an object id.

    >>> short("entra:0f3c9a51-7d2e-4b8a-9c1d-2e5f6a7b8c9d")
    '0f3c9a51'
    """
    return identity.rpartition(":")[2][:8]


def unit(rule: Rule) -> str:
    """What the rule counts, in the plural: tokens, failures, addresses."""
    return _noun(rule) or EVENTS[rule.stream]


def _noun(rule: Rule) -> str:
    """The unit, if it is more particular than the rule's stream."""
    if rule.measure.name == "distinct":
        if rule.stream == "vault" and rule.measure.column == "resource":
            return "vaults"
        return DISTINCT.get(rule.measure.column, f"{rule.measure.column}s")
    outcomes = set(re.findall(r'outcome\s*==\s*"(\w+)"', rule.where))
    return OUTCOMES.get(outcomes.pop(), "") if len(outcomes) == 1 else ""


def _speaks(finding: Finding, rule: Rule | None) -> bool:
    """Whether the count says more than the rule's title.

    A count of 1 does not, nor does one that reached a limit on particular result codes or actions: there the news is
    what was counted. What first_seen observes is no count of events: a group that woke has days of silence there.
    """
    if finding.detector == "first_seen" or finding.observed <= 1 or math.isnan(_against(finding)):
        return False
    if rule is None or not math.isnan(finding.expected):
        return True
    return bool(_noun(rule)) and not re.search(r"\bcode\s*(==|in\b)", rule.where)


def rarity(surprise: float, subject: str) -> str:
    """How often as much is to be expected.

    >>> rarity(4.3, "identity:entra:0f3c")
    'once in about 20,000 identity-days'
    """
    kind = {"ip": "address"}.get(subject.partition(":")[0], subject.partition(":")[0])
    if surprise > 6:
        return f"less than once in a million {kind}-days"
    days = 10.0**surprise
    return f"once in about {round(days, -math.floor(math.log10(days))):,.0f} {kind}-days"


def number(value: float) -> str:
    """A count for reading: thousands apart, one decimal only where it is small.

    >>> number(20431.7), number(3.26), number(0.02)
    ('20,432', '3.3', '0')
    """
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}".removesuffix(".0")


def _new(finding: Finding, rule: Rule) -> str:
    """What was new, in a verb and a value; '' where the title says it better."""
    values = [clean(value) for value in finding.term.split(JOINED)]
    if rule.stream == "vault":
        verb = "used new vault" if rule.new == ("resource",) else "used new object" if "object" in rule.new else ""
    else:
        verb = NEW.get(rule.new[0], "") if len(rule.new) == 1 and rule.stream == "sign_in" else ""
    if rule.new == ("asn",):
        values = [_network(values[0])]
    return f"{verb} {clip('/'.join(RESOURCES.get(value, value) for value in values), TERM_LIMIT)}" if verb else ""


def _network(asn: str) -> str:
    return f"AS{asn}" if asn.isdecimal() else asn


def _count(finding: Finding, rule: Rule | None) -> str:
    span = length(finding.bucket_end - finding.bucket)
    return f"{number(finding.observed)} {unit(rule) if rule else 'events'} in {span}"


def _against(finding: Finding) -> float:
    """What the count is held against: the expected one, else the edge it crossed; NaN if neither is known."""
    if not math.isnan(finding.expected):
        return finding.expected
    return finding.high if finding.high > 0 else math.nan


def _expectation(finding: Finding) -> str:
    word = "limit" if math.isnan(finding.expected) else "expected"
    return f"{word} {number(_against(finding))}"


def _because(finding: Finding, rule: Rule | None, incident: Incident) -> str:
    said = finding.because.strip().rstrip(".")
    if not said:
        between = f" ({number(finding.low)} to {number(finding.high)})" if finding.high > 0 else ""
        said = f"{_count(finding, rule)}, {_expectation(finding)}{between}"
    text = f"{said}. Expected {rarity(finding.surprise, finding.subject)}."
    if incident.state is State.RESOLVED:
        return f"Quiet since {incident.last_at:%H:%M} UTC; it was: {text}"
    return text


def _line(finding: Finding) -> str:
    return f"{finding.bucket:%m-%d %H:%M} {finding.rule}: {finding.because or number(finding.observed)}"


# --- facts -----------------------------------------------------------------------------------------------------------


def _facts(
    incident: Incident, findings: Sequence[Finding], rules: Mapping[str, Rule], names: Mapping[str, Name]
) -> tuple[tuple[str, str], ...]:
    """Label and value, most useful first; what the message has a field for is not repeated here."""
    values = _values(findings, rules)
    origin = [
        *values.get("ip", ()),
        *values.get("prefix", ()),
        *values.get("country", ()),
        *map(_network, values.get("asn", ())),
    ]
    told = {
        SUBJECTS.get(incident.subject.partition(":")[0], "Subject"): _subject(incident.subject, names),
        "Owner": "unknown",
        "Identities": _members(findings, names),
        "From": _some(origin),
        "Resource": _some(RESOURCES.get(value, value) for value in values.get("resource", ())),
        "Vault": _some(values.get("vault", ())),
        "Object": _some(values.get("object", ())),
        "Application": _some(values.get("app_id", ())),
        "Credential": _some(values.get("credential_id", values.get("credential", ()))),
        "Evidence": _evidence(incident),
    }
    first = next(iter(told))
    return tuple((label, value) for label, value in told.items() if value and (label == first or value != told[first]))


def _values(findings: Sequence[Finding], rules: Mapping[str, Rule]) -> dict[str, tuple[str, ...]]:
    """The distinct values the findings name, by column (a vault stream's resource is its vault), strongest first."""
    values: dict[str, dict[str, None]] = {}
    for finding in findings:
        new = rules[finding.rule].new if finding.rule in rules else ()
        pairs = [*finding.group, *zip(new, finding.term.split(JOINED), strict=False)]
        for column, value in pairs:
            what = "vault" if (finding.stream, column) == ("vault", "resource") else column
            if value:
                values.setdefault(what, {})[value] = None
    return {column: tuple(found) for column, found in values.items()}


def _some(values: Iterable[str], shown: int = 3) -> str:
    """The first few values, and how many more there are."""
    listed = tuple(values)
    more = f" and {len(listed) - shown:,} more" if len(listed) > shown else ""
    return ", ".join(listed[:shown]) + more


def _subject(subject: str, names: Mapping[str, Name]) -> str:
    kind, _, value = subject.partition(":")
    if kind != "identity":
        return value
    name = names.get(value)
    return " · ".join(part for part in (_decoration(name), short(value)) if part)


def _decoration(name: Name | None) -> str:
    if not name:
        return ""
    return " · ".join(part for part in (name.name, name.kind.replace("_", " ")) if part)


def _members(findings: Sequence[Finding], names: Mapping[str, Name]) -> str:
    members = dict.fromkeys(member for finding in findings for member in finding.members)
    return _some(who(f"identity:{member}", names) for member in members)


def _evidence(incident: Incident) -> str:
    """The independent signs, where there are several; each counts once in the score."""
    if len(incident.evidence) < 2:
        return ""
    strongest = sorted(incident.evidence, key=lambda one: -one[2])
    return _some(f"{stream.replace('_', '-')} {family}" for stream, family, _ in strongest)
