"""Silences: what a finding's labels are, and which of them mute it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from monitor.frames import DIMENSIONS, JOINED
from monitor.model import Finding, Incident, Matcher, Owner, Silence, fits, fitting
from monitor.rules import Rule

OWN: Final = ("rule", "level", "stream", "detector", "subject", "kind", "identity", "team", "owner", "term")
"""Labels that every finding has."""
LABELS: Final = frozenset({*OWN, *DIMENSIONS})
"""What a matcher can be about: those, and the columns of FACTS that a rule may group by or look for new values in."""


def labels(finding: Finding, owner: Owner | None = None, rule: Rule | None = None) -> dict[str, str]:
    """What matchers see of a finding.

    Its group's columns and, where the rule looks for new values, those; `kind` is that of its subject (identity, ip,
    vault, credential, tenant, source); `team` and `owner` are as identities.yml says, '' if it does not.
    """
    new = rule.new if rule else ()
    values = finding.term.split(JOINED)
    return {
        **(dict(zip(new, values, strict=True)) if len(new) == len(values) else {}),
        **dict(finding.group),
        "rule": finding.rule,
        "level": finding.level.value,
        "stream": finding.stream,
        "detector": finding.detector,
        "subject": finding.subject,
        "kind": finding.subject.partition(":")[0],
        "identity": finding.identity or dict(finding.group).get("identity", ""),
        "term": finding.term.replace(JOINED, " "),
        "team": owner.team if owner else "",
        "owner": owner.owner if owner else "",
    }


def matches(matchers: Iterable[Matcher], about: Mapping[str, str]) -> bool:
    """Whether every matcher fits; one about a label that is not there sees ''. Without matchers, nothing is matched."""
    cheapest_first = sorted(matchers, key=lambda one: "~" in one.op)
    return bool(cheapest_first) and all(fits(one, about.get(one.label, "")) for one in cheapest_first)


def preview(
    matchers: Sequence[Matcher],
    findings: Iterable[Finding],
    owners: Mapping[str, Owner],
    rules: Mapping[str, Rule],
) -> list[Finding]:
    """Which of these findings a silence with those matchers would mute; `owners` by subject."""
    asked = list(findings)
    muted = Muting(asked, owners, rules).by(matchers)
    return [one for place, one in enumerate(asked) if place in muted]


@dataclass(frozen=True, slots=True)
class Mute:
    """Which silences hold for a finding: those that somebody wants quiet by, and those that say it was expected."""

    by: tuple[str, ...] = ()
    expected_by: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.by or self.expected_by)


NONE: Final = Mute()
"""Of a finding that no silence holds for."""


class Muting:
    """Which silences hold for which of some findings: of each asked once, label by label, of all findings together.

    Findings share most of what their labels say, so a pattern is asked about few values.
    """

    def __init__(self, findings: Iterable[Finding], owners: Mapping[str, Owner], rules: Mapping[str, Rule]) -> None:
        self._findings, self._owners, self._rules = list(findings), owners, rules
        self._labels: list[dict[str, str]] = []
        self._by: dict[tuple[Matcher, ...], frozenset[int]] = {}

    def of(self, silences: Iterable[Silence]) -> dict[str, Mute]:
        """By key those findings that any of these silences hold for, and which."""
        found: dict[int, Mute] = {}
        for one in silences:
            for place in self.by(one.matchers):
                before = found.get(place, NONE)
                if one.kind == "expected":
                    found[place] = replace(before, expected_by=(*before.expected_by, one.id))
                else:
                    found[place] = replace(before, by=(*before.by, one.id))
        return {self._findings[place].key: each for place, each in found.items()}

    def by(self, matchers: Iterable[Matcher]) -> frozenset[int]:
        """The places of those findings that all the matchers fit; of none, if there are no matchers."""
        asked = tuple(matchers)
        if asked not in self._by:
            self._by[asked] = self._fit(asked) if asked else frozenset()
        return self._by[asked]

    def _fit(self, matchers: Iterable[Matcher]) -> frozenset[int]:
        if not self._labels:
            self._labels = [
                labels(one, self._owners.get(one.subject), self._rules.get(one.rule)) for one in self._findings
            ]
        places: Collection[int] = range(len(self._labels))
        for one in sorted(matchers, key=lambda one: "~" in one.op):  # cheapest first
            values = {place: self._labels[place].get(one.label, "") for place in places}
            good = fitting(one, set(values.values()))
            places = [place for place, value in values.items() if value in good]
        return frozenset(places)


def mute(finding: Finding, active: Iterable[Silence], owner: Owner | None, rule: Rule | None) -> Mute:
    """The silences among the active ones that fit one finding."""
    owners, rules = {finding.subject: owner} if owner else {}, {finding.rule: rule} if rule else {}
    return Muting([finding], owners, rules).of(active).get(finding.key, NONE)


def holds(silence: Silence, incident: Incident, owner: Owner | None) -> bool:
    """Whether a silence is about all that is found about an incident's subject, as far as can be said without it."""
    kind, _, name = incident.subject.partition(":")
    about = {
        "subject": incident.subject,
        "kind": kind,
        "team": owner.team if owner else "",
        "owner": owner.owner if owner else "",
    }
    if kind == "identity":
        about["identity"] = name
    return all(one.label in about for one in silence.matchers) and matches(silence.matchers, about)
