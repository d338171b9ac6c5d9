"""Answering: what people do in Slack, from the envelope to the act, and what they are told.

Who may act and which incident is meant follows from what Slack vouches for and the store knows: the person's ids, the
channel and the time of the message. What a button carries decides nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Event
from typing import Final

from monitor import clock
from monitor.errors import InputError, MintwatchError
from monitor.hostile import clip
from monitor.model import Act, Entry, Incident, Matcher, Outcome, Verb
from monitor.notifiers.slack import commands, modals, naming
from monitor.notifiers.slack.client import SlackApi
from monitor.notifiers.slack.modals import Draft, Filled
from monitor.notifiers.slack.payloads import Changed, Form, Origin, Pressed, Submitted, Typed, read
from monitor.notifiers.slack.reading import Screen
from monitor.notifiers.slack.wire import Body
from monitor.notify import who
from monitor.rules.model import duration
from monitor.triage.acting import Scope, matchers_of
from monitor.triage.silencing import LABELS
from monitor.worker import overview
from monitor.worker.acting import perform, refuse
from monitor.worker.allowing import Allowed
from monitor.worker.app import App
from monitor.worker.deciding import silences
from monitor.worker.previewing import BACK, Lately

log = logging.getLogger("mintwatch.worker")
VIA: Final = "slack"
EXPECTED_FOR: Final = timedelta(hours=4)
"""How long something is expected unless somebody says otherwise."""
SETTLING: Final = timedelta(milliseconds=500)
"""How long it may take until it is kept that a message was posted which somebody sees already."""
NONE_OF_OURS: Final = "mintwatch does not know this message; if it is new, try again in a moment"
DIRECT: Final[Mapping[str, Verb]] = {
    naming.ACKNOWLEDGE: Verb.ACKNOWLEDGE,
    naming.UNACKNOWLEDGE: Verb.UNACKNOWLEDGE,
    naming.RESOLVE: Verb.RESOLVE,
    naming.SNOOZE: Verb.SNOOZE,
}
ASKING: Final[Mapping[str, Verb]] = {
    naming.SILENCE: Verb.SILENCE,
    naming.EXPECTED: Verb.EXPECT,
    naming.FALSE_POSITIVE: Verb.FALSE_POSITIVE,
}
"""What opens a modal first."""
SCOPES: Final[Mapping[str, Scope]] = {"both": "both", "subject": "subject", "rules": "rules"}


class Answers:
    """What a listener gives what it hears to: `answer` within the acknowledgement, `handle` after it.

    Parameters
    ----------
    channels
        Channel id -> the notifiers that write there.
    present
        The time.
    """

    def __init__(
        self,
        app: App,
        api: SlackApi,
        allowed: Allowed,
        channels: Mapping[str, tuple[str, ...]],
        present: Callable[[], datetime] = clock.now,
    ) -> None:
        self._app, self._api, self._allowed, self._channels, self._now = app, api, allowed, channels, present

    def answer(self, kind: str, payload: Body) -> Body | None:
        """What the acknowledgement carries: what is wrong with a modal. Asks nobody, and looks nothing up."""
        said = read(kind, payload)
        if not isinstance(said, Submitted) or said.form.name not in ASKING:
            return None
        _, wrong = modals.filled(said.form, self._now(), LABELS)
        return {"response_action": "errors", "errors": wrong} if wrong else None

    def handle(self, kind: str, payload: Body) -> None:
        """What follows; done twice it is done once."""
        match read(kind, payload):
            case Pressed() as pressed:
                self._press(pressed)
            case Changed() as changed:
                self._change(changed)
            case Submitted() as sent:
                self._submit(sent)
            case Typed() as typed:
                self._command(typed)
            case None:
                log.info("not understood", extra={"part": VIA, "kind": clip(kind, 40)})

    # --- buttons and menus -------------------------------------------------------------------------------------------

    def _press(self, pressed: Pressed) -> None:
        name = pressed.chosen if pressed.action == naming.MORE else pressed.action
        verb = DIRECT.get(name) or ASKING.get(name)
        if verb is None:  # a link, for one: Slack tells of those too
            return
        origin = pressed.origin
        incident = self._about(origin.channel, pressed.message)
        act = self._act(verb, origin, pressed.key, incident)
        if verb is Verb.SNOOZE:
            act = replace(act, until=_after(pressed.chosen, act.at))
        if why := self._refusal(origin, incident):
            self._refused(act, why, origin, pressed.thread)
        elif name in ASKING and self._open(incident, verb):
            about = {"channel": origin.channel, "message": pressed.message}
            self._ask(name, origin, about, incident)
        else:
            self._say_unless_seen(origin, perform(self._app, act, act.at), pressed.thread)

    def _open(self, incident: str, verb: Verb) -> bool:
        """Whether it makes sense to ask more: what is over cannot be a false positive any more."""
        found = self._app.store.incident(incident)
        return found is not None and (found.state.live or verb is not Verb.FALSE_POSITIVE)

    # --- modals ------------------------------------------------------------------------------------------------------

    def _ask(self, name: str, origin: Origin, about: Mapping[str, str], incident: str, own: str = "") -> None:
        """Open a modal within the 3 s a press is good for, and count what it would mute when it is there."""
        found = self._app.store.incident(incident) if incident else None
        draft = self._draft(found, own)
        try:
            screen = self._api.open_view(origin.trigger, self._view(name, about, draft))
            if name != naming.FALSE_POSITIVE:
                filled = Filled(scope="both") if found else Filled(matchers=modals.own(own, LABELS)[0])
                self._api.update_view(screen, self._view(name, about, draft, self._preview(found, filled)))
        except MintwatchError as error:
            log.warning("failed", extra={"part": VIA, "error": str(error)})

    def _change(self, changed: Changed) -> None:
        """Count anew for what was chosen; who may not act, or is late, sees what was there."""
        form = changed.form
        if form.name not in ASKING or self._allowed.refusal(changed.origin):
            return
        found = self._found(form)
        filled, _ = modals.filled(form, self._now(), LABELS)
        view = self._view(form.name, form.about, self._draft(found, ""), self._preview(found, filled))
        try:
            self._api.update_view(Screen(form.id, form.hash), view)
        except MintwatchError as error:
            log.warning("failed", extra={"part": VIA, "error": str(error)})

    def _submit(self, sent: Submitted) -> None:
        form, verb = sent.form, ASKING.get(sent.form.name)
        if verb is None:
            return
        filled, wrong = modals.filled(form, self._now(), LABELS)
        found = self._found(form)
        origin = replace(sent.origin, channel=form.about.get("channel", ""))
        act = self._act(verb, origin, sent.key, found.id if found else "", reason=filled.reason)
        act = replace(act, until=filled.until, matchers=_matchers(filled, found))
        lost = form.about.get("message") and found is None
        if why := self._allowed.refusal(origin) or (NONE_OF_OURS if lost else "") or "; ".join(wrong.values()):
            self._refused(act, why, origin)
            return
        entry = perform(self._app, act, act.at)
        words = f" {self._preview(found, filled)}" if verb is not Verb.FALSE_POSITIVE and act.matchers else ""
        self._say(origin, commands.note(f"{entry.said}.{words}"))

    def _view(self, name: str, about: Mapping[str, str], draft: Draft, preview: str = modals.COUNTING) -> Body:
        if name == naming.SILENCE:
            return modals.silence(about, draft, preview)
        if name == naming.EXPECTED:
            return modals.expected(about, draft, self._now() + EXPECTED_FOR, preview)
        return modals.false_positive(about, draft)

    def _draft(self, incident: Incident | None, own: str) -> Draft:
        if incident is None:
            return Draft(own=own)
        headline = f"{who(incident.subject, self._app.store.names())}: {', '.join(incident.rules)}"
        scopes = tuple((name, matchers_of(incident, scope)) for name, scope in SCOPES.items())
        return Draft(headline, scopes, "\n".join(map(str, matchers_of(incident))))

    def _preview(self, incident: Incident | None, filled: Filled) -> str:
        matchers = _matchers(filled, incident)
        if not matchers:
            return "Write matchers to see what they would have muted."
        preview = self._lately().preview(matchers)
        return f"{preview.words} {preview.warning}".strip()

    def _lately(self) -> Lately:
        return Lately.of(self._app.store, self._app.rules, self._app.owners, self._now())

    # --- /mintwatch --------------------------------------------------------------------------------------------------

    def _command(self, typed: Typed) -> None:
        asked, origin = commands.asked(typed.text), typed.origin
        if asked.verb == commands.ACK:
            self._acknowledge(typed, asked.rest)
        elif why := self._allowed.refusal(origin):
            self._say(origin, commands.note(f"Refused: {why}."))
        elif asked.verb == commands.SILENCE:
            self._ask(naming.SILENCE, origin, {"channel": origin.channel}, "", "\n".join(asked.rest.split()))
        else:
            self._say(origin, self._told(asked.verb, asked.rest))

    def _told(self, verb: str, rest: str) -> Body:
        store, rooms, now = self._app.store, self._rooms(), self._now()
        if verb == commands.OPEN:
            live = overview.live(store)
            notes = overview.ending(silences(self._app, now), self._lately(), now)
            return commands.listed(overview.rows(store, live, rooms), len(live), notes)
        if verb == commands.NOISY:
            return commands.told(f"The last {BACK.days} days", overview.noisy(store, now - BACK))
        if verb == commands.EXPLAIN:
            return self._explained(rest, rooms)
        return commands.helped("" if verb == commands.HELP else verb)

    def _explained(self, start: str, rooms: overview.Rooms) -> Body:
        store = self._app.store
        try:
            one = overview.one_of(store, start)
        except InputError as error:
            return commands.note(str(error))
        findings = [finding for finding, _, _ in store.findings(one.id)]
        said = overview.explained(one, findings, store.decisions(one.id), store.entries(one.id))
        title = f"{who(one.subject, store.names())}: {', '.join(one.rules)}"
        return commands.told(title, said, rooms.link(store, one.id), [f"mintwatch explain {one.id} says more"])

    def _acknowledge(self, typed: Typed, start: str) -> None:
        store, why = self._app.store, self._allowed.refusal(typed.origin)
        incident = ""
        try:
            incident = overview.one_of(store, start).id
        except InputError as error:
            why = why or str(error)
        act = self._act(Verb.ACKNOWLEDGE, typed.origin, typed.key, incident)
        if why:
            self._refused(act, why, typed.origin)
        else:
            self._say(typed.origin, commands.note(f"{incident}: {perform(self._app, act, act.at).said}."))

    # --- what all have in common -------------------------------------------------------------------------------------

    def _rooms(self) -> overview.Rooms:
        account = self._allowed.account
        return overview.Rooms(self._channels, account.url if account else "")

    def _about(self, channel: str, message: str) -> str:
        """The incident; who presses at once may be faster than the answer that the message is posted."""
        found = self._rooms().incident(self._app.store, channel, message)
        if not found and message and channel in self._channels:
            Event().wait(SETTLING.total_seconds())
            found = self._rooms().incident(self._app.store, channel, message)
        return found

    def _found(self, form: Form) -> Incident | None:
        incident = self._about(form.about.get("channel", ""), form.about.get("message", ""))
        return self._app.store.incident(incident) if incident else None

    def _refusal(self, origin: Origin, incident: str) -> str:
        return self._allowed.refusal(origin) or ("" if incident else NONE_OF_OURS)

    def _act(self, verb: Verb, origin: Origin, key: str, incident: str, *, reason: str = "") -> Act:
        return Act(key, verb, origin.who, f"{VIA} {origin.channel}".strip(), self._now(), incident, reason=reason)

    def _refused(self, act: Act, why: str, origin: Origin, thread: str = "") -> None:
        """Keep that it was refused, and say so once."""
        if refuse(self._app.store, act, why).outcome is Outcome.REFUSED:
            self._say(origin, commands.note(f"Refused: {why}."), thread)

    def _say_unless_seen(self, origin: Origin, entry: Entry, thread: str) -> None:
        """What was done shows in the message; what was not is said to whoever tried, once."""
        if entry.outcome not in {Outcome.DONE, Outcome.REPEATED}:
            self._say(origin, commands.note(f"{entry.said[:1].upper()}{entry.said[1:]}."), thread)

    def _say(self, origin: Origin, body: Body, thread: str = "") -> None:
        """Tell one person; that it cannot be told changes nothing."""
        try:
            if origin.response_url:
                self._api.respond(origin.response_url, {**body, "thread_ts": thread} if thread else body)
            elif origin.channel:
                said = {name: part for name, part in body.items() if name in {"text", "blocks"}}
                self._api.whisper(origin.channel, origin.who.id, said, thread=thread)
        except MintwatchError as error:
            log.warning("failed", extra={"part": VIA, "error": str(error)})


def _after(chosen: str, now: datetime) -> datetime | None:
    """When a snooze of that length ends; None if it is no length."""
    try:
        return now + duration(chosen)
    except (ValueError, OverflowError):
        return None


def _matchers(filled: Filled, incident: Incident | None) -> tuple[Matcher, ...]:
    """Those that somebody wrote, else those of the scope."""
    scope = SCOPES.get(filled.scope)
    return matchers_of(incident, scope) if incident and scope else filled.matchers
