"""From a message in the outbox to what a notifier is given: what is true when it is sent."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import datetime
from threading import Lock
from typing import Final

from monitor import charts
from monitor.clock import iso
from monitor.errors import StateError
from monitor.model import Decision, Delivery, Digest, Finding, Incident, Message, Part, Queued, Reason
from monitor.notify import Shown, Told, compose, gathered, worst
from monitor.ports import Notifier
from monitor.rules import Rule
from monitor.worker.app import App
from monitor.worker.bands import band, counts
from monitor.worker.evidence import evidence
from monitor.worker.guard import guarded
from monitor.worker.judging import hear
from monitor.worker.pointing import point

RULES: Final = 3
"""Of how many rules the facts are shown, each by its strongest finding."""
ROWS: Final = 8
LINKED: Final = 8
"""How many incidents are named that have something in common with one."""
KEPT: Final = 512
"""Of how many findings the facts are remembered: they never change, and a click wants its answer at once."""


def about(decision: Decision) -> str:
    """What tells the news of one decision from those of another about the same incident."""
    return f"{iso(decision.at)} {decision.reason}"


class Composer:
    """Composes what waits in the outbox of an app; for any number of threads."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._rules = {rule.id: rule for rule in app.rules}
        self._shown: OrderedDict[str, Shown] = OrderedDict()
        self._reading, self._drawing = Lock(), Lock()

    def delivery(self, one: Queued, notifier: Notifier, now: datetime) -> Delivery:
        """What the notifier is to be given for it; a part that hangs from a card has the card's reference.

        Raises
        ------
        StateError, ValueError
            If the state does not hold what the message is about.
        """
        part, since = one.wanted.part, one.since
        if part is Part.DIGEST:
            return Delivery(one.key, part, self._digest(one, now), ref=one.ref, since=since)
        incident = self.app.store.incident(one.wanted.incident)
        if incident is None:
            raise StateError(f"{self.app.store.directory}: no incident {one.wanted.incident}, of which a message waits")
        findings = [each for each, _, _ in self.app.store.findings(incident.id)]
        message = self._message(one, incident, findings, now)
        thread = "" if part is Part.CARD else self.app.store.ref(notifier.name, incident.id, Part.CARD)
        picture = self._picture(findings, message) if part is Part.CHART else b""
        return Delivery(one.key, part, message, ref=one.ref, thread=thread, picture=picture, since=since)

    def _message(self, one: Queued, incident: Incident, findings: Sequence[Finding], now: datetime) -> Message:
        store = self.app.store
        decisions = store.decisions(incident.id)
        decisions = [each for each in decisions if each.notifier == one.wanted.notifier] or decisions
        decision = _decision(one, decisions)
        links = store.links(incident.id)[:LINKED]
        others = {each.id: each for each in store.these([link.other for link in links])}
        linked = [(link, others[link.other]) for link in links if link.other in others]
        shown = [self._facts(each, self._rules[each.rule]) for each in self._strongest(findings)[:RULES]]
        query, link = self._point(findings)
        return compose(
            Told(
                decision,
                incident,
                findings,
                now,
                rules=self._rules,
                names=store.names(_named(findings, [incident, *others.values()])),
                owners=self.app.owners,
                decisions=decisions,
                entries=store.entries(incident.id),
                linked=linked,
                shown=[each for each in shown if each is not None],
                query=query,
                link=link,
                mention=decision.because if decision.reason is Reason.ESCALATED else "",
            )
        )

    def _digest(self, one: Queued, now: datetime) -> Digest:
        store, storm = self.app.store, one.wanted.incident
        members = store.these([each.incident for each in store.stormed(storm, one.wanted.notifier)])
        findings = {each.id: [found for found, _, _ in store.findings(each.id)] for each in worst(members)}
        named = [found for each in findings.values() for found in each]
        names = store.names(_named(named, worst(members)))
        return gathered(storm, one.wanted.notifier, members, findings, self._rules, names, now)

    def _strongest(self, findings: Sequence[Finding]) -> list[Finding]:
        """The strongest finding of each rule that is still known and counts facts, the strongest of all first."""
        best: dict[str, Finding] = {}
        for each in sorted(findings, key=lambda found: (-found.surprise, found.key)):
            if each.rule in self._rules and counts(self._rules[each.rule]):
                best.setdefault(each.rule, each)
        return list(best.values())

    def _facts(self, finding: Finding, rule: Rule) -> Shown | None:
        """The facts behind a finding; None if they cannot be read: the message goes out without them."""

        def work() -> Shown | None:
            with self.app.store.reading():
                tables = {"facts": self.app.store.live()}
                if not tables["facts"]:
                    return None
                return Shown.of(finding, evidence(finding, rule, self.app.engine, tables, ROWS))

        with self._reading:  # two lanes tell of the same findings: the second one finds what the first one read
            if known := self._shown.get(finding.key):
                self._shown.move_to_end(finding.key)
                return known
            made = guarded("evidence", work, lambda _: None)
            if made is not None:
                self._shown[finding.key] = made
                while len(self._shown) > KEPT:
                    self._shown.popitem(last=False)
            return made

    def _point(self, findings: Sequence[Finding]) -> tuple[str, str]:
        """KQL that shows the rows behind the strongest finding that has any, and its address in the portal."""
        shown = self._strongest(findings)
        if not shown:
            return "", ""
        rule = self._rules[shown[0].rule]
        return guarded("portal", lambda: point(shown[0], rule, self.app.portals), lambda _: ("", ""))

    def _picture(self, findings: Sequence[Finding], message: Message) -> bytes:
        """The strongest finding that counts facts, drawn.

        Raises
        ------
        PermanentError
            If matplotlib is not installed.
        StateError
            If there is nothing to draw.
        """
        shown, app = self._strongest(findings), self.app
        with app.store.standing({one.name for one in app.sources}) as standing:
            if not shown or not standing.live:
                raise StateError(f"{app.store.directory}: no facts of incident {message.incident} that could be drawn")
            tables = {"facts": standing.live}
            hearing = hear(app.engine, tables, app.sources, standing.gaps)
            names, rule = app.store.names(_named(shown, ())), self._rules[shown[0].rule]
            drawn = band(shown[0], rule, app.engine, tables, hearing, names, findings)
        with self._drawing:  # matplotlib's fonts are shared
            return charts.png(drawn)


def _decision(one: Queued, decisions: Sequence[Decision]) -> Decision:
    """The one that the news are about; of what is kept up to date, the last that was told."""
    told = [each for each in decisions if each.told] or list(decisions)
    if not told:
        raise StateError(f"no decision about incident {one.wanted.incident}, of which a message waits")
    return next((each for each in told if about(each) == one.wanted.about), told[-1])


def _named(findings: Iterable[Finding], incidents: Iterable[Incident]) -> set[str]:
    """The identities that a message may name."""
    found = list(findings)
    subjects = {each.subject for each in found} | {each.subject for each in incidents}
    members = {member for each in found for member in each.members}
    return members | {each.removeprefix("identity:") for each in subjects if each.startswith("identity:")}
