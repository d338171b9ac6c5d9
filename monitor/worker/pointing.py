"""From a finding to the rows behind it, where a person reads rows: the portal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from monitor.frames import JOINED
from monitor.model import Finding, Window
from monitor.rules import Rule
from monitor.sources.fold import QUERIES
from monitor.sources.loganalytics.portal import link, shown

_SAID: Final = re.compile(r'(?:^|\band)\s+?\(?(\w+) == "([^"\\]*)"\)?\s*(?=$|\band\b)')
"""A column that has to be one value, in a predicate that is nothing but claims that all have to hold."""


@dataclass(frozen=True, slots=True)
class Portal:
    """Where people read the rows of a source: its workspace, directory, and the portal of its cloud; '' is unknown."""

    resource_id: str
    tenant: str
    host: str


def point(finding: Finding, rule: Rule, portals: Mapping[str, Portal]) -> tuple[str, str]:
    """KQL that shows the rows behind the finding, and a link that opens it; either may be ''.

    `portals` are those of the sources, by the sources' names. Of several workspaces that fed the finding, the first has
    its rows shown; a link needs to know the workspace, the text does not.
    """
    fed = [name for name in finding.sources if name.rpartition(".")[2] in QUERIES]
    places = {name: portals.get(name, Portal("", "", "")) for name in fed}
    for place in dict.fromkeys(places.values()):
        names = [name.rpartition(".")[2] for name in fed if places[name] == place]
        window = Window(finding.bucket, finding.bucket_end)
        if kql := shown(names, _alike(finding, rule), window, _said(rule.where)):
            return kql, link(kql, place.resource_id, place.tenant, window, place.host)
    return "", ""


def _alike(finding: Finding, rule: Rule) -> dict[str, str]:
    """What the rows have in common: the finding's group, and the new value if that is what it is about."""
    alike = dict(finding.group)
    if rule.new and finding.term:
        alike |= dict(zip(rule.new, finding.term.split(JOINED), strict=True))
    return alike


def _said(predicate: str) -> dict[str, str]:
    """Columns that have one value in all of the rule's facts, as far as that is plain to see."""
    return {} if re.search(r"\bor\b|\bnot\b", predicate) else dict(_SAID.findall(" " + predicate))
