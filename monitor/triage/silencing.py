"""Silences: what a finding's labels are, and which of them mute it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from monitor.frames import DIMENSIONS, JOINED
from monitor.model import Finding, Matcher, Owner, Silence, fits
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
    return bool(cheapest_first) and all(_fits(one, about.get(one.label, "")) for one in cheapest_first)


def preview(
    matchers: Sequence[Matcher],
    findings: Iterable[Finding],
    owners: Mapping[str, Owner],
    rules: Mapping[str, Rule],
) -> list[Finding]:
    """Which of these findings a silence with those matchers would mute; `owners` by subject."""
    return [one for one in findings if matches(matchers, labels(one, owners.get(one.subject), rules.get(one.rule)))]


@lru_cache(maxsize=10_000)
def _fits(one: Matcher, value: str) -> bool:
    """Asked again and again: findings share their rules, levels, streams and teams."""
    return fits(one, value)


@dataclass(frozen=True, slots=True)
class Mute:
    """Which silences hold for a finding: those that somebody wants quiet by, and those that say it was expected."""

    by: tuple[str, ...] = ()
    expected_by: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.by or self.expected_by)


def mute(finding: Finding, active: Iterable[Silence], owner: Owner | None, rule: Rule | None) -> Mute:
    """The silences among the active ones that fit a finding."""
    about: dict[str, str] = {}
    by: list[str] = []
    expected_by: list[str] = []
    for one in active:
        about = about or labels(finding, owner, rule)
        if matches(one.matchers, about):
            (expected_by if one.kind == "expected" else by).append(one.id)
    return Mute(tuple(by), tuple(expected_by))
