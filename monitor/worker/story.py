"""Everything behind one incident, as `mintwatch explain` and a notebook tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from monitor.coverage import Hearing
from monitor.model import Band, Decision, Finding, Incident, Name, Notice
from monitor.ports import Engine
from monitor.rules import Rule
from monitor.store import Store
from monitor.worker.bands import band, counts
from monitor.worker.evidence import evidence

FACTS: Final = 10
"""How many rows of evidence each finding's strongest rule gets."""


@dataclass(frozen=True, slots=True)
class Behind:
    """One rule's strongest finding in the incident, its group's past, and the facts it was made of."""

    finding: Finding
    rule: Rule
    past: Band
    facts: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known of an incident; of rules that are `gone` or `unread`, no more than their findings."""

    incident: Incident
    findings: tuple[tuple[Finding, str], ...]
    decisions: tuple[Decision, ...]
    notices: tuple[Notice, ...]
    behind: tuple[Behind, ...]
    gone: tuple[str, ...]
    unread: tuple[str, ...]
    names: Mapping[str, Name]


def tell(
    incident: Incident,
    store: Store,
    rules: Mapping[str, Rule],
    engine: Engine,
    hearing: Mapping[str, Hearing],
    broken: Sequence[str] = (),
) -> Story:
    """Everything about one incident; of a rule that is gone, or `broken`, only the findings are left."""
    rows = store.findings(incident.id)
    findings = [finding for finding, _, _ in rows]
    names, tables = store.names(), {"facts": store.live()}
    behind = []
    for finding in _strongest(findings, rules) if tables["facts"] else ():
        rule = rules[finding.rule]
        past = band(finding, rule, engine, tables, hearing, names, findings)
        behind.append(Behind(finding, rule, past, evidence(finding, rule, engine, tables, FACTS)))
    return Story(
        incident,
        tuple((finding, reason) for finding, _, reason in rows),
        tuple(store.decisions(incident.id)),
        tuple(store.notices(incident.id)),
        tuple(behind),
        tuple(name for name in incident.rules if name not in rules and name not in broken),
        tuple(broken),
        names,
    )


def _strongest(findings: Sequence[Finding], rules: Mapping[str, Rule]) -> list[Finding]:
    """The strongest finding of each rule that is still known and counts facts, the strongest of all first."""
    best: dict[str, Finding] = {}
    for one in sorted(findings, key=lambda one: (-one.surprise, one.key)):
        if one.rule in rules and counts(rules[one.rule]):
            best.setdefault(one.rule, one)
    return list(best.values())
