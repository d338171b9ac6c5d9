"""One finding in words: who did what, how many against how many, and how rare that is."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

from monitor.clock import DAY, floor, length
from monitor.frames import JOINED
from monitor.hostile import clean, clip
from monitor.model import OVER_FINDINGS, Finding, Name
from monitor.rules import Rule

NAME_LIMIT: Final = 40
WORDS: Final = 10
"""Of what was done, in a headline."""
TERM_LIMIT: Final = 60

OUTCOMES: Final = {"issued": "tokens", "failed": "failures", "denied": "denials", "throttled": "throttled calls"}
EVENTS: Final = {
    "sign_in": "sign-ins",
    "vault": "calls",
    "directory": "changes",
    "control": "operations",
    "risk": "risk events",
}
DISTINCT: Final = {
    "identity": "identities",
    "ip": "addresses",
    "prefix": "networks",
    "country": "countries",
    "asn": "networks",
    "object": "objects",
    "resource": "resources",
    "code": "result codes",
    "target": "targets",
    "action": "actions",
}
NEW: Final = {
    "ip": "signed in from new address",
    "prefix": "signed in from new prefix",
    "country": "signed in from new country",
    "asn": "signed in from new network",
    "resource": "asked for new resource",
    "credential": "signed in with new credential kind",
    "credential_id": "signed in with new credential",
}
"""A first sign-in, by the one column that is new."""
RESOURCES: Final = {
    "00000003-0000-0000-c000-000000000000": "Microsoft Graph",
    "797f4846-ba00-4fd7-ba43-dac1f8f63013": "Azure Resource Manager",
    "cfa8b339-82a2-471a-a3c9-0fc0be7a4093": "Azure Key Vault",
}
"""Names of the audiences asked for most; their ids are the same in every tenant."""
_PARTICULAR: Final = re.compile(r"\b(code|action|detail)\s*(==|in\b|in~|startswith|endswith|contains)")
"""In a predicate: it asks for a particular event, so its title says what happened."""
ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def headline(finding: Finding, rule: Rule | None, names: Mapping[str, Name], findings: Sequence[Finding] = ()) -> str:
    """Who did what, with the number that matters, in under ten words (as long as the name has none of its own).

    `findings` are all of the incident's: what was new many times is counted.
    """
    subject, said = who(finding.subject, names).removeprefix("source "), deed(finding, rule, findings)
    return f"{subject} {said}" if rule and finding.term and _new(finding, rule) else f"{subject}: {said}"


def deed(finding: Finding, rule: Rule | None, findings: Sequence[Finding] = ()) -> str:
    """What was done, without who did it: the new value, the count against what it is held against, or the title."""
    if rule and finding.term and (new := _new(finding, rule)):
        terms = {one.term for one in findings if one.fingerprint == finding.fingerprint}
        return new if len(terms) < 2 else _several(_verb(rule), len(terms))
    if _speaks(finding, rule):
        return f"{count(finding, rule)}, {expectation(finding)}"
    if rule is None:
        return finding.rule
    return _titled(finding, rule) if _counts(finding, rule) else rule.title


def _titled(finding: Finding, rule: Rule) -> str:
    """The rule's title with the count in it, in ten words at most.

    A measured rule has its own words for several; of another, the count follows the title.
    """
    much, span = number(finding.observed), length(finding.bucket_end - finding.bucket)
    if rule.many:
        said = rule.many.replace("{count}", much)
    elif rule.measure.name == "distinct":
        said = f"{rule.title}, {much} {unit(rule)}"
    else:
        said = f"{rule.title}, {much} times"
    return f"{said} in {span}" if len(said.split()) <= WORDS - 3 else said


def _counts(finding: Finding, rule: Rule) -> bool:
    """Whether it counted more than one of something that the rule's title does not already say."""
    several = finding.observed > 1 and finding.detector not in {"first_seen", "alarm"}
    return several and rule.stream != OVER_FINDINGS and not _pinned(rule)


def _pinned(rule: Rule) -> bool:
    """Whether it counts the values of a column that its predicate names: how many there are is no news."""
    column = rule.measure.column
    return bool(column) and re.search(rf"\b{column}\s*(==|in~?)\s", rule.where) is not None


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


def known(value: str) -> str:
    """An audience by its name, and of any other id the start, for a headline: nobody reads all of it.

    >>> known("00000003-0000-0000-c000-000000000000"), known("022907d3-0f1b-48f7-badc-1ba6abab6d66"), known("DE")
    ('Microsoft Graph', '022907d3…', 'DE')
    """
    return RESOURCES.get(value) or (f"{value[:8]}…" if ID.fullmatch(value) else value)


def network(asn: str) -> str:
    """An autonomous system's number as people write it."""
    return f"AS{asn}" if asn.isdecimal() else asn


def unit(rule: Rule) -> str:
    """What the rule counts, in the plural: tokens, failures, addresses."""
    if rule.detector == "surge":
        return "identities"
    return _noun(rule) or EVENTS.get(rule.stream, "events")


def _noun(rule: Rule) -> str:
    """The unit, if it is more particular than the rule's stream."""
    if rule.measure.name == "distinct":
        if rule.stream == "vault" and rule.measure.column == "resource":
            return "vaults"
        return DISTINCT.get(rule.measure.column, f"{rule.measure.column}s")
    outcomes = set(re.findall(r'outcome\s*==\s*"(\w+)"', rule.where))
    return OUTCOMES.get(outcomes.pop(), "") if len(outcomes) == 1 else ""


def _speaks(finding: Finding, rule: Rule | None) -> bool:
    """Whether the count against what was expected of it says more than the rule's title.

    A count of 1 does not, nor does one that reached a limit on particular results, actions or targets: there the news
    is what was counted. What first_seen observes is no count of events: a group that woke has days of silence there.
    An alarm expects nothing.
    """
    if finding.detector in {"first_seen", "alarm"} or finding.observed <= 1 or math.isnan(_against(finding)):
        return False
    if rule is None or not math.isnan(finding.expected):
        return True
    return bool(_noun(rule)) and finding.high > 1 and not rule.many and not _PARTICULAR.search(rule.where)


def odds(finding: Finding) -> str:
    """How often one subject does as much; '' of an alarm, whose surprise was agreed upon."""
    return "" if finding.detector == "alarm" else often(finding.surprise)


def often(surprise: float) -> str:
    """How often as much is to be expected of one subject.

    >>> often(2.95), often(0.0), often(12.0)
    ('about once in 900 days', 'about once a day', 'less than once in a million days')
    """
    if surprise > 6:
        return "less than once in a million days"
    days = 10.0**surprise
    rounded = round(days, -math.floor(math.log10(days)))
    return f"about once in {rounded:,.0f} days" if rounded > 1 else "about once a day"


def rarer(before: float, after: float) -> str:
    """How many times as rare something became; '' if hardly.

    >>> rarer(3.0, 3.6), rarer(3.0, 4.3), rarer(3.0, 9.0), rarer(3.0, 3.1)
    ('4 times rarer', '20 times rarer', 'over 1,000 times rarer', '')
    """
    times = 10.0 ** min(after - before, 4.0)
    if times > 1_000:
        return "over 1,000 times rarer"
    return f"{round(times, -math.floor(math.log10(times))):,.0f} times rarer" if times >= 1.5 else ""


def rarity(surprise: float, subject: str) -> str:
    """How often as much is to be expected.

    >>> rarity(4.3, "identity:entra:0f3c")
    'once in about 20,000 identity-days'
    """
    kind = _kind(subject)
    if surprise > 6:
        return f"less than once in a million {kind}-days"
    days = 10.0**surprise
    return f"once in about {round(days, -math.floor(math.log10(days))):,.0f} {kind}-days"


def _kind(subject: str) -> str:
    word = subject.partition(":")[0]
    return {"ip": "address", "tenant": "directory"}.get(word, word)


def number(value: float) -> str:
    """A count for reading: thousands apart, one decimal only where it is small.

    >>> number(20431.7), number(3.26), number(0.02)
    ('20,432', '3.3', '0')
    """
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}".removesuffix(".0")


def _new(finding: Finding, rule: Rule) -> str:
    """What was new, in a verb and a value; '' where the title says it better."""
    values = [clean(value) for value in finding.term.split(JOINED)]
    if rule.new == ("asn",):
        values = [network(values[0])]
    verb = _verb(rule)
    return f"{verb} {clip('/'.join(map(known, values)), TERM_LIMIT)}" if verb else ""


def _verb(rule: Rule) -> str:
    if rule.stream == "vault":
        return "used new vault" if rule.new == ("resource",) else "used new object" if "object" in rule.new else ""
    return NEW.get(rule.new[0], "") if len(rule.new) == 1 and rule.stream == "sign_in" else ""


def _several(verb: str, count: int) -> str:
    """A verb about one new thing, about several.

    >>> _several("used new object", 47), _several("signed in from new country", 2), _several("... new prefix", 3)
    ('used 47 new objects', 'signed in from 2 new countries', '... 3 new prefixes')
    """
    first, last = verb.replace("new ", f"{count:,} new "), verb[-1]
    if last == "y":
        return f"{first[:-1]}ies"
    return f"{first}es" if last in {"s", "x"} else f"{first}s"


def count(finding: Finding, rule: Rule | None) -> str:
    """How many of what in how long."""
    span = length(finding.bucket_end - finding.bucket)
    if rule and rule.many and finding.observed > 1:
        return f"{rule.many.replace('{count}', number(finding.observed))} in {span}"
    return f"{number(finding.observed)} {unit(rule) if rule else 'events'} in {span}"


def _against(finding: Finding) -> float:
    """What the count is held against: the expected one, else the edge it crossed; NaN if neither is known."""
    if not math.isnan(finding.expected):
        return finding.expected
    return finding.high if finding.high > 0 else math.nan


def expectation(finding: Finding) -> str:
    """What the count is held against, in words."""
    word = "alerts from" if math.isnan(finding.expected) else "expected"
    return f"{word} {number(_against(finding))}"


# --- why it is unusual -----------------------------------------------------------------------------------------------


def because(finding: Finding, rules: Mapping[str, Rule], findings: Sequence[Finding]) -> str:
    """Why it is unusual: what was seen against what was expected, and how rare that is.

    Parameters
    ----------
    findings
        All of the incident's: what adds up says what it is made of.
    """
    rule = rules.get(finding.rule)
    said = _added(finding, rules, findings) if finding.stream == OVER_FINDINGS else _said(finding, rule)
    chance = odds(finding)
    return f"{said}. For one {_kind(finding.subject)}: {chance}." if chance else f"{said}."


def _said(finding: Finding, rule: Rule | None) -> str:
    """The detector's reason, with what was counted; the value that is new is in the headline, where that has it."""
    said = finding.because.strip().rstrip(".")
    if not said:
        between = f" ({number(finding.low)} to {number(finding.high)})" if finding.high > 0 else ""
        return f"{count(finding, rule)}, {expectation(finding)}{between}"
    if rule and finding.term and _new(finding, rule):
        said = said.removeprefix(f"{finding.term.replace(JOINED, ' ')}: ")
    if rule:
        said = re.sub(r"^([\d,]+)( in \d+ \w+)", lambda found: _counted(finding, rule, found[1], found[2]), said)
    return said[:1].upper() + said[1:]


def _counted(finding: Finding, rule: Rule, much: str, span: str) -> str:
    """A detector's bare count with its unit."""
    once = finding.observed == 1
    if _pinned(rule) or (once and rule.measure.name == "distinct" and finding.high <= 1):
        return "It did this"
    if once and rule.measure.name == "events" and finding.detector == "limit":
        return "It did this once"
    if rule.measure.name == "distinct":
        return f"{much} {_one(unit(rule))}{span}" if once else f"{much} different {unit(rule)}{span}"
    return f"{much} {_one(unit(rule)) if once else unit(rule)}{span}"


def _one(plural: str) -> str:
    """A unit in the singular.

    >>> _one("identities"), _one("addresses"), _one("sign-ins")
    ('identity', 'address', 'sign-in')
    """
    if plural.endswith("ies"):
        return f"{plural[:-3]}y"
    return plural[:-2] if plural.endswith("sses") else plural.removesuffix("s")


def _added(finding: Finding, rules: Mapping[str, Rule], findings: Sequence[Finding]) -> str:
    """What adds up: the strongest finding of each kind of evidence there was by then, on the day it is about."""
    strongest: dict[tuple[str, str], Finding] = {}
    for one in sorted(findings, key=lambda one: (-one.surprise, one.key)):
        if one.stream != OVER_FINDINGS and one.time <= finding.time and _day(one) == _day(finding):
            strongest.setdefault(one.evidence, one)
    if len(strongest) < 2:
        return finding.because.strip().rstrip(".")
    parts = [f"{deed(one, rules.get(one.rule), findings)} ({_odds(one.surprise)})" for one in strongest.values()]
    some = "; ".join(parts[:3]) + (f"; and {len(parts) - 3} more" if len(parts) > 3 else "")
    return f"{_NUMBERS.get(len(parts), str(len(parts)))} unusual things on one day: {some}"


_NUMBERS: Final = {2: "Two", 3: "Three", 4: "Four", 5: "Five"}


def _odds(surprise: float) -> str:
    return often(surprise).removesuffix(" days").replace("about ", "").replace("once in", "1 day in")


def _day(finding: Finding) -> object:
    return floor(finding.bucket, DAY)
