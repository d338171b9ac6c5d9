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
from monitor.model import Decision, Delivery, Digest, Finding, Incident, Message, Part, Queued, Reason, Silence
from monitor.notify import Hush, Shown, Told, compose, gathered, strongest, worst
from monitor.notify.standing import SILENT
from monitor.ports import Notifier
from monitor.rules import Rule
from monitor.triage import labels, matches
from monitor.worker.app import App
from monitor.worker.bands import band, counts
from monitor.worker.daily import written
from monitor.worker.deciding import owned, silences
from monitor.worker.evidence import evidence
from monitor.worker.guard import guarded
from monitor.worker.judging import hear
from monitor.worker.pointing import point
from monitor.worker.quieting import quieted

RULES: Final = 3
"""Of how many rules the facts are shown, each by its strongest finding."""
ROWS: Final = 8
MOST: Final = 500
"""How many findings explain a message, the strongest; an incident may have any number."""
PAGES: Final = 20
"""Among how many times as many they are looked for, where some are silenced."""
LINKED: Final = 8
"""How many incidents are named that have something in common with one."""
MATCHED: Final = 200
"""How many findings are held against the silences, the strongest."""
KEPT: Final = 512
"""Of how many findings the facts are remembered: they never change, and a click wants its answer at once."""


def about(decision: Decision) -> str:
    """What tells the news of one decision from those of another about the same incident.

    The outbox numbers those of decisions of one time and reason, in their order, from the second on.
    """
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
        if part is Part.DAILY:
            return Delivery(one.key, part, written(self.app.store, one.wanted.incident), ref=one.ref, since=since)
        incident = self.app.store.incident(one.wanted.incident)
        if incident is None:
            raise StateError(f"{self.app.store.directory}: no incident {one.wanted.incident}, of which a message waits")
        findings = self._explaining(incident)
        message = self._message(one, incident, findings, now)
        thread = "" if part is Part.CARD else self.app.store.ref(notifier.name, incident.id, Part.CARD)
        picture = self._picture(findings, message) if part is Part.CHART else b""
        return Delivery(one.key, part, message, ref=one.ref, thread=thread, picture=picture, since=since)

    def _message(self, one: Queued, incident: Incident, findings: Sequence[Finding], now: datetime) -> Message:
        store = self.app.store
        decisions = store.decisions(incident.id, one.wanted.notifier, SILENT) or store.decisions(incident.id)
        decision = _decision(one, decisions)
        links = store.links(incident.id)[:LINKED]
        others = {each.id: each for each in store.these([link.other for link in links])}
        linked = [(link, others[link.other]) for link in links if link.other in others]
        shown = [self._facts(each, self._rules[each.rule]) for each in self._strongest(findings)[:RULES]]
        facts = [each for each in shown if each is not None]
        query, link = self._point(findings)
        entries = store.entries(incident.id)
        return compose(
            Told(
                decision,
                incident,
                findings,
                now,
                rules=self._rules,
                names=store.names(
                    _named(findings, [incident, *others.values()]) | {row.target for each in facts for row in each.rows}
                ),
                owners=self.app.owners,
                decisions=decisions,
                entries=[
                    *entries,
                    *quieted(store, incident, findings, entries, self._rules, self.app.owners),
                ],
                linked=linked,
                shown=facts,
                query=query,
                link=link,
                mention=decision.because if decision.reason is Reason.ESCALATED else "",
                hush=self._hush(incident, findings, now),
                streams={each.name: each.stream for each in self.app.sources},
            )
        )

    def _hush(self, incident: Incident, findings: Sequence[Finding], now: datetime) -> Hush:
        """The silences that mute it: those that muted some of its findings, and those that would mute the next."""
        active = [each for each in silences(self.app, now) if each.active(now)]
        if not active or not incident.state.live:
            return Hush()
        owner, by, whole = owned(self.app, [incident]).get(incident.subject), set[str](), True
        for each in strongest(findings)[:MATCHED]:
            said = labels(each, owner, self._rules.get(each.rule))
            found = [silence.id for silence in active if matches(silence.matchers, said)]
            by.update(found)
            whole = whole and bool(found)
        by.update(incident.muted_by, incident.expected_by)
        return Hush(tuple(each for each in active if each.id in by), whole)

    def _digest(self, one: Queued, now: datetime) -> Digest:
        store, storm = self.app.store, one.wanted.incident
        members = store.these([each.incident for each in store.stormed(storm, one.wanted.notifier)])
        findings = {each.id: self._explaining(each) for each in worst(members)}
        named = [found for each in findings.values() for found in each]
        names = store.names(_named(named, worst(members)))
        return gathered(storm, one.wanted.notifier, members, findings, self._rules, names, now)

    def _explaining(self, incident: Incident) -> list[Finding]:
        """Its strongest findings, the strongest first: those by which it speaks, or of all if there are none.

        It speaks by what came since it was opened, or opened again, and nobody silenced or expected.
        """
        store, since = self.app.store, incident.reopened_at
        ids = {*incident.muted_by, *incident.expected_by}
        by = [one for one in silences(self.app) if one.id in ids] if ids else []
        spoken = self._unmuted(incident, by) if by else store.strongest(incident.id, MOST, since)
        return spoken or store.strongest(incident.id, MOST, since) or store.strongest(incident.id, MOST)

    def _unmuted(self, incident: Incident, by: Sequence[Silence]) -> list[Finding]:
        names = self.app.store.names([incident.subject.removeprefix("identity:")])
        whose = self.app.owners.of(incident.subject, next(iter(names.values()), None))
        found: list[Finding] = []
        for page in range(PAGES):
            read = self.app.store.strongest(incident.id, MOST, incident.reopened_at, page * MOST)
            for each in read:
                said = labels(each, whose, self._rules.get(each.rule))
                if not any(one.active(each.judged_at) and matches(one.matchers, said) for one in by):
                    found.append(each)
            if len(found) >= MOST or len(read) < MOST:
                break
        return found[:MOST]

    def _strongest(self, findings: Sequence[Finding]) -> list[Finding]:
        """The strongest finding of each rule that is still known and counts facts; `findings` come strongest first."""
        best: dict[str, Finding] = {}
        for each in strongest(findings):
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
                return Shown.of(finding, evidence(finding, rule, self.app.engine, tables, ROWS + 1), ROWS)

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
    time, _, words = one.wanted.about.partition(" ")
    reason, _, number = words.partition(" ")
    alike = [each for each in told if about(each) == f"{time} {reason}"]
    return alike[int(number or 1) - 1] if len(alike) >= int(number or 1) else told[-1]


def _named(findings: Iterable[Finding], incidents: Iterable[Incident]) -> set[str]:
    """The identities that a message may name."""
    found = list(findings)
    subjects = {each.subject for each in found} | {each.subject for each in incidents}
    members = {member for each in found for member in each.members}
    return members | {each.removeprefix("identity:") for each in subjects if each.startswith("identity:")}
