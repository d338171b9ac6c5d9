"""The pictures of the documentation: `python -m docs.images.make DEMO-OUTPUT INCIDENT`, from the checkout.

Run by hand when messages or charts change; it needs Debian's chromium, fonts-lato and fonts-noto-color-emoji. A demo's
incident is told to a local Slack by the Slack notifier, as it would be to the real one, and its page photographed.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from threading import Event

from PIL import Image

from monitor import plugins, rules
from monitor.kql import DuckEngine
from monitor.model import (
    Act,
    Decision,
    Delivery,
    Entry,
    Incident,
    Level,
    Link,
    Message,
    Name,
    Outcome,
    Owner,
    Owners,
    Part,
    Person,
    Reason,
    State,
    Verb,
)
from monitor.notifiers.slack.client import SlackApi
from monitor.notifiers.slack.notifier import SlackNotifier
from monitor.notifiers.slack.pacing import Pacer
from monitor.notify import Shown, Told, compose, gathered, worst
from monitor.store import Store
from monitor.tables import SCHEMAS
from monitor.testing.slack import UNPACED, Channel, LocalSlack, User
from monitor.worker.bands import counts
from monitor.worker.evidence import evidence
from monitor.worker.pointing import Portal, point
from tests.testing.browser import Browser, Page, chromium

HERE = Path(__file__).parent
MINUTE = timedelta(minutes=1)
DOWN = "for (const node of document.querySelectorAll('*')) node.scrollTop = node.scrollHeight"
"""Everything that scrolls shows its newest."""
PORTAL = Portal(
    "/subscriptions/0f3c9a51-7d2e-4b8a-9c1d-2e5f6a7b8c9d/resourceGroups/logs/providers/Microsoft.OperationalInsights"
    "/workspaces/logs",
    "2b6f1c77-5f7a-4f0e-9d43-0a2a6a1f5e10",
    "https://portal.azure.com",
)


@dataclass(frozen=True)
class Scene:
    """A local Slack with a channel, somebody who looks at it, and the notifier that tells them."""

    slack: LocalSlack
    alerts: Channel
    ann: User
    notifier: SlackNotifier

    def send(self, part: Part, message: Message, thread: str = "", ref: str = "", picture: bytes = b"") -> str:
        self.slack.clock.now = message.at
        return self.notifier.send(Delivery(f"{part}-{message.incident}", part, message, ref, thread, picture))


@contextmanager
def scene() -> Iterator[Scene]:
    with LocalSlack(limits=UNPACED) as slack:
        ann = slack.user("ann")
        alerts = slack.channel("alerts", [ann, slack.user("bob")])
        api = SlackApi(lambda: slack.token, Pacer(Event(), paces={}), url=slack.url)
        yield Scene(slack, alerts, ann, SlackNotifier("slack", api, alerts.id))


@dataclass(frozen=True)
class Demo:
    """What a demo left: everything that is known of one incident, and its chart."""

    told: Told
    picture: bytes
    incidents: tuple[Incident, ...]
    store: Store

    @property
    def message(self) -> Message:
        return compose(self.told)


@contextmanager
def demo(folder: Path, id: str) -> Iterator[Demo]:  # noqa: A002
    """The incident as it was told first."""
    with Store(folder / "state") as store, closing(DuckEngine(SCHEMAS)) as engine:
        incident = store.incident(id)
        if incident is None:
            raise SystemExit(f"{folder}: no incident {id}")
        by_id = {rule.id: rule for rule in rules.load(rules.shipped(), plugins.detectors())}
        tables, names = {"facts": store.live()}, store.names()
        findings = [finding for finding, _, _ in store.findings(id)]
        ordered = sorted(findings, key=lambda one: (-one.surprise, one.key))
        plain = [one for one in {one.rule: one for one in reversed(ordered)}.values() if counts(by_id[one.rule])][::-1]
        shown = [Shown.of(one, evidence(one, by_id[one.rule], engine, tables, 20)) for one in plain[:3]]
        query, link = point(plain[0], by_id[plain[0].rule], dict.fromkeys(plain[0].sources, PORTAL))
        opened = incident.opened_at
        decision = Decision(
            id, "slack", opened, Reason.OPENED, "", incident.surprise, incident.level, incident.findings
        )
        owned = {
            incident.subject.removeprefix("identity:"): Owner(
                "Ada Okafor", "payments", "high", note="rotates on Mondays"
            )
        }
        told = Told(
            decision, replace(incident, state=State.OPEN), findings, opened, by_id, names,
            owners=Owners(identities=owned), decisions=(decision,), shown=shown,
            query=query, link=link,
        )  # fmt: skip
        (drawn,) = (folder / "charts").glob(f"*-{id}.png")
        yield Demo(told, drawn.read_bytes(), tuple(store.incidents()), store)


def handled(told: Told, verb: Verb, state: State, minutes: int, reason: str) -> Told:
    """It, after somebody did something about it."""
    at = told.now + minutes * MINUTE
    act = Act("key", verb, Person("U1", "ann"), "Slack", at, told.incident.id, reason=reason)
    changed = replace(told.incident, state=state, handled_by="ann", handled_at=at, note=reason)
    return replace(told, incident=changed, now=at, entries=(*told.entries, Entry(act, Outcome.DONE, "")))


def opened(place: Scene, found: Demo) -> str:
    """A card and what hangs from it."""
    card = place.send(Part.CARD, found.message)
    for part in (Part.EVIDENCE, Part.LOG):
        place.send(part, found.message, card)
    place.send(Part.CHART, found.message, card, picture=found.picture)
    return card


def lived(place: Scene, found: Demo) -> None:
    """Three incidents that stand differently, and news."""
    told = found.told
    ack = handled(told, Verb.ACKNOWLEDGE, State.ACKNOWLEDGED, 4, "asking payments what ran")
    place.send(Part.CARD, compose(ack))
    over = replace(
        told, incident=replace(told.incident, id="c0ffee1234", state=State.RESOLVED), now=told.now + 200 * MINUTE
    )
    place.send(Part.CARD, compose(over))
    before = replace(told.decision, level=Level.MEDIUM, surprise=4.3, findings=1)
    later = replace(told.decision, at=told.now + 30 * MINUTE, reason=Reason.WORSENED)
    worse = replace(
        told, incident=replace(told.incident, id="beef001234"), decision=later, now=later.at, decisions=(before, later),
        linked=((Link("beef001234", told.incident.id, "same address 203.0.113.7"), told.incident),),
        mention=place.slack.group("oncall").id,
    )  # fmt: skip
    card = place.send(Part.CARD, compose(worse))
    place.send(Part.NEWS, compose(worse), card)


def stormed(place: Scene, found: Demo) -> None:
    incidents = found.incidents
    findings = {one.id: [finding for finding, _, _ in found.store.findings(one.id)] for one in worst(incidents)}
    told = found.told
    digest = gathered("storm-1", "slack", incidents, findings, told.rules, told.names, told.now)
    place.slack.clock.now = told.now
    place.notifier.send(Delivery("storm", Part.DIGEST, digest))


def attacked(place: Scene, found: Demo) -> None:
    """The same with a name chosen to harm whoever reads it."""
    told = found.told
    harm = "<!channel> :white_check_mark: RESOLVED `*_~ <https://evil.example|Portal> \u202egnp.exe\u202c e\u0301"
    key = told.incident.subject.removeprefix("identity:")
    name = told.names.get(key) or Name(key, "", "", "", told.now, told.now)
    opened(place, replace(found, told=replace(told, names={key: replace(name, name=harm)}, mention="U012AB3CD")))


def photographed(browser: Browser, place: Scene, target: str, width: int, height: int, thread: str = "") -> None:
    """The channel, and a thread beside it, cut off below what it shows."""
    url = f"{place.slack.page(place.alerts)}?as={place.ann.id}" + (
        f"&thread={thread.partition(':')[2]}" if thread else ""
    )
    with browser.page(url, width=width, height=height) as page:
        page.shows("mintwatch")
        page.evaluate(DOWN)
        taken(page, HERE / target)


def taken(page: Page, target: Path) -> None:
    page.screenshot(target)
    with Image.open(io.BytesIO(target.read_bytes())) as opened:
        picture = opened.convert("RGB")
    picture.quantize(128, dither=Image.Dither.NONE).save(target, optimize=True)


def main(folder: Path, incident: str) -> None:
    """Every picture."""
    with demo(folder, incident) as found, chromium() as browser:
        (HERE / "chart.png").write_bytes(found.picture)
        for target, play, size in (
            ("message.png", opened, (900, 920)),
            ("message-states.png", lived, (900, 2300)),
            ("message-storm.png", stormed, (900, 700)),
            ("message-hostile.png", attacked, (900, 960)),
        ):
            with scene() as place:
                play(place, found)
                photographed(browser, place, target, *size)
        with scene() as place:
            photographed(browser, place, "message-thread.png", 1500, 1040, opened(place, found))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("usage: python -m docs.images.make DEMO-OUTPUT INCIDENT")
    main(Path(sys.argv[1]), sys.argv[2])
