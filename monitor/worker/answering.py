"""Answering: what people do in Slack, from the envelope to the act, and what they are told.

Who may act and which incident is meant follows from what Slack vouches for and the store knows: the person's ids, the
channel and the time of the message. What a button carries decides nothing.
"""

from __future__ import annotations

import logging
import re
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
from monitor.worker import commanding, overview
from monitor.worker.acting import perform, refuse
from monitor.worker.allowing import Allowed
from monitor.worker.app import App
from monitor.worker.replying import Replies

log = logging.getLogger("mintwatch.worker")
VIA: Final = "slack"
EXPECTED_FOR: Final = timedelta(hours=4)
"""How long something is expected unless somebody says otherwise."""
SETTLING: Final = timedelta(milliseconds=500)
"""How long it may take until it is kept that a message was posted which somebody sees already."""
NONE_OF_OURS: Final = "mintwatch does not know this message; if it is new, try again in a moment"
NOT_OPENED: Final = "Slack did not open the form; press again."
SAID: Final = 200
"""Characters of a command that the audit trail keeps."""
DIRECT: Final[Mapping[str, Verb]] = {
    naming.ACKNOWLEDGE: Verb.ACKNOWLEDGE,
    naming.UNACKNOWLEDGE: Verb.UNACKNOWLEDGE,
    naming.RESOLVE: Verb.RESOLVE,
    naming.SNOOZE: Verb.SNOOZE,
}
TYPED: Final[Mapping[str, Verb]] = {
    commands.ACK: Verb.ACKNOWLEDGE,
    commands.EXPIRE: Verb.EXPIRE,
    commands.SILENCE: Verb.SILENCE,
}
"""Commands that change something; all others ask."""
ASKING: Final[Mapping[str, Verb]] = {
    naming.SILENCE: Verb.SILENCE,
    naming.EXPECTED: Verb.EXPECT,
    naming.FALSE_POSITIVE: Verb.FALSE_POSITIVE,
}
"""What opens a modal first."""
SCOPES: Final[Mapping[str, Scope]] = {"both": "both", "subject": "subject", "rules": "rules"}
_WRITTEN: Final = re.compile(r'(?:[^\s"]|"(?:[^"\\]|\\.)*")+|"')
"""Matchers in one line: what blanks part, unless they stand between quotes."""


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
        self._replies = Replies(api)

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
            self._ask(name, origin, about, incident, thread=pressed.thread)
        else:
            self._say_unless_seen(origin, perform(self._app, act, act.at), pressed.thread)

    def _open(self, incident: str, verb: Verb) -> bool:
        """Whether it makes sense to ask more: what is over cannot be a false positive any more."""
        found = self._app.store.incident(incident)
        return found is not None and (found.state.live or verb is not Verb.FALSE_POSITIVE)

    # --- modals ------------------------------------------------------------------------------------------------------

    def _ask(
        self, name: str, origin: Origin, about: Mapping[str, str], incident: str, *, own: str = "", thread: str = ""
    ) -> None:
        """Open a modal within the 3 s a press is good for, and count what it would mute when it is there."""
        found = self._app.store.incident(incident) if incident else None
        draft = self._draft(found, own)
        try:
            screen = self._api.open_view(origin.trigger, self._view(name, about, draft))
        except MintwatchError as error:
            log.warning("failed", extra={"part": VIA, "error": str(error)})
            self._replies.say(origin, commands.note(NOT_OPENED), thread)
            return
        self._replies.remember(screen.id, origin)
        if name != naming.FALSE_POSITIVE:
            filled = Filled(scope="both") if found else Filled(matchers=modals.own(own, LABELS)[0])
            self._count(screen, self._view(name, about, draft, self._preview(found, filled)))

    def _count(self, screen: Screen, view: Body) -> None:
        try:
            self._api.update_view(screen, view)
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
        self._count(Screen(form.id, form.hash), view)

    def _submit(self, sent: Submitted) -> None:
        form, verb = sent.form, ASKING.get(sent.form.name)
        if verb is None:
            return
        filled, wrong = modals.filled(form, self._now(), LABELS)
        found = self._found(form)
        origin = self._replies.recalled(form.id, replace(sent.origin, channel=form.about.get("channel", "")))
        act = self._act(verb, origin, sent.key, found.id if found else "", reason=filled.reason)
        act = replace(act, until=filled.until, matchers=_matchers(filled, found))
        lost = form.about.get("message") and found is None
        if why := self._allowed.refusal(origin) or (NONE_OF_OURS if lost else "") or "; ".join(wrong.values()):
            self._refused(act, why, origin)
            return
        entry = perform(self._app, act, act.at)
        words = f" {self._preview(found, filled)}" if verb is not Verb.FALSE_POSITIVE and act.matchers else ""
        self._replies.say(origin, commands.note(f"{_sentence(entry.said)}{words}"))

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
        preview = commanding.lately(self._app, self._now()).preview(matchers)
        return f"{preview.words} {preview.warning}".strip()

    # --- /mintwatch --------------------------------------------------------------------------------------------------

    def _command(self, typed: Typed) -> None:
        asked, origin = commands.asked(typed.text), typed.origin
        verb = TYPED.get(asked.verb, Verb.LOOK)
        incident, silence, wrong = self._meant(verb, asked.rest)
        act = self._act(verb, origin, typed.key, incident)
        act = replace(act, silence=silence, reason=clip(typed.text.strip(), SAID) if verb is not Verb.EXPIRE else "")
        if why := self._allowed.refusal(origin):
            self._refused(act, why, origin)
        elif wrong:
            self._refused(act, wrong, origin, head="")
        elif verb is Verb.LOOK:
            now = self._now()
            self._replies.say(origin, commanding.told(self._app, self._rooms(), asked.verb, asked.rest, now))
        elif verb is Verb.SILENCE:
            own = "\n".join(_WRITTEN.findall(asked.rest))
            self._ask(naming.SILENCE, origin, {"channel": origin.channel}, "", own=own)
        else:
            entry = perform(self._app, replace(act, reason=""), act.at)
            about = "" if silence else f"{incident}: "
            self._replies.say(origin, commands.note(f"{about}{entry.said if about else _sentence(entry.said)}"))

    def _meant(self, verb: Verb, start: str) -> tuple[str, str, str]:
        """The incident or the silence that a command is about, or what is wrong with how it is named."""
        name = {Verb.ACKNOWLEDGE: commands.ACK, Verb.EXPIRE: commands.EXPIRE}.get(verb)
        if name is None:
            return "", "", ""
        if not start:
            return "", "", commands.which(name)
        try:
            if verb is Verb.EXPIRE:
                return "", commanding.silence_of(self._app, start), ""
            return overview.one_of(self._app.store, start).id, "", ""
        except InputError as error:
            return "", "", str(error)

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

    def _refused(self, act: Act, why: str, origin: Origin, thread: str = "", *, head: str = "refused: ") -> None:
        """Keep that it was refused, however often it comes, and say so once."""
        seen = self._app.store.entry(act.key)
        refuse(self._app.store, act, why)
        if seen is None:
            self._replies.say(origin, commands.note(_sentence(f"{head}{why}")), thread)

    def _say_unless_seen(self, origin: Origin, entry: Entry, thread: str) -> None:
        """What was done shows in the message; what was not is said to whoever tried, once."""
        if entry.outcome not in {Outcome.DONE, Outcome.REPEATED}:
            self._replies.say(origin, commands.note(_sentence(entry.said)), thread)


def _sentence(said: str) -> str:
    return f"{said[:1].upper()}{said[1:]}" + ("" if said.endswith(("?", ".")) else ".")


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
