"""Acting: what a person does to an incident, and to silences."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from monitor.clock import floor
from monitor.model import (
    UNNAMED,
    Act,
    Incident,
    Matcher,
    Outcome,
    Silence,
    State,
    Verb,
    digest,
    names_something,
)

LONGEST_SNOOZE: Final = timedelta(days=30)
LONGEST_SILENCE: Final = timedelta(days=366)
LONGEST_FROM: Final[Mapping[str, timedelta]] = {"slack": timedelta(days=30)}
"""The longest silence by where it is made: in Slack, whoever may press a button may make one."""
LONGEST_SWEEPING: Final = timedelta(hours=24)
"""The longest silence that names nothing, which has to be asked for as such."""
REASON: Final = 1000
"""Characters of a reason, at most."""

Scope: TypeAlias = Literal["both", "subject", "rules"]
"""Which findings a silence made from an incident is about: its rules' about its subject, any about it, its rules'."""


@dataclass(frozen=True, slots=True)
class Acted:
    """What became of an act: the incident and the silence if they changed, and what the person is told."""

    outcome: Outcome
    said: str
    incident: Incident | None = None
    silence: Silence | None = None


def act(act: Act, incident: Incident | None, now: datetime, silence: Silence | None = None) -> Acted:
    """What the act changes. Done twice, it changes what it changed once; what is over stays over.

    Parameters
    ----------
    incident
        The one it is about, None if there is none.
    silence
        The one it is about, None if there is none: of `EXPIRE` that of `act.silence`, else that of `silence_id`.
    """
    if act.verb is Verb.EXPIRE:
        return _expire(act, silence, now)
    if act.verb in {Verb.SILENCE, Verb.EXPECT}:
        return _silence(act, incident, silence, now)
    if act.verb is Verb.LOOK:
        return Acted(Outcome.HARMLESS, "looking changes nothing")
    if incident is None:
        return Acted(Outcome.REFUSED, "there is no such incident")
    if not incident.state.live:
        return Acted(Outcome.HARMLESS, f"{standing(incident)}; it stays so")
    return _HANDLED[act.verb](act, incident, now)


def silence_id(act: Act) -> str:
    """The id of the silence that an act makes."""
    return digest("silence", act.key)[:10]


def matchers_of(incident: Incident, scope: Scope = "both") -> tuple[Matcher, ...]:
    """What a silence made from an incident asks of findings."""
    subject = Matcher("subject", "=", incident.subject)
    rules = Matcher("rule", "=", incident.rules[0])
    if len(incident.rules) > 1:
        rules = Matcher("rule", "=~", "|".join(re.sub(r"([^\w-])", r"\\\1", one) for one in incident.rules))
    return {"both": (subject, rules), "subject": (subject,), "rules": (rules,)}[scope]


def standing(incident: Incident) -> str:
    """Where an incident stands in words: who made it so, when, and why.

    >>> when = datetime.fromisoformat("2026-05-01T10:00:00+00:00")
    >>> from monitor.model import Level
    >>> standing(Incident("i1", "ip:1.2.3.4", State.ACKNOWLEDGED, Level.LOW, 1.0, (), ("r",), 1, when, when, when, when,
    ...                   handled_by="ann", handled_at=when))
    'acknowledged by ann at 2026-05-01 10:00 UTC'
    """
    words = {State.RESOLVED: "resolved", State.FALSE_POSITIVE: "closed as false positive"}
    said = words.get(incident.state, str(incident.state))
    if incident.state is State.OPEN or (incident.state is State.RESOLVED and not by_hand(incident)):
        at = incident.opened_at if incident.state is State.OPEN else incident.updated_at
        return f"{said} since {_shown(at)}"
    if incident.handled_by:
        said += f" by {incident.handled_by}"
    if incident.handled_at:
        said += f" at {_shown(incident.handled_at)}"
    if incident.state is State.SNOOZED and incident.snoozed_until:
        said += f", until {_shown(incident.snoozed_until)}"
    return said


def by_hand(incident: Incident) -> bool:
    """Whether a person closed it, of what is closed."""
    return incident.handled_at is not None and incident.handled_at == incident.updated_at


def _acknowledge(act: Act, incident: Incident, now: datetime) -> Acted:
    if incident.state is State.ACKNOWLEDGED:
        return _already(incident)
    return _done("acknowledged", _handled(act, incident, State.ACKNOWLEDGED, now))


def _unacknowledge(act: Act, incident: Incident, now: datetime) -> Acted:
    if incident.state is State.OPEN:
        return _already(incident)
    return _done("open again, for somebody else to take", _handled(act, incident, State.OPEN, now))


def _snooze(act: Act, incident: Incident, now: datetime) -> Acted:
    if incident.state is State.SNOOZED and incident.snoozed_until == act.until:
        return _already(incident)
    if wrong := _end(act.until, now, LONGEST_SNOOZE):
        return Acted(Outcome.REFUSED, wrong)
    snoozed = replace(_handled(act, incident, State.SNOOZED, now), snoozed_until=act.until)
    return _done(f"snoozed until {_shown(act.until)}", snoozed)


def _resolve(act: Act, incident: Incident, now: datetime) -> Acted:
    if len(act.reason) > REASON:
        return _too_long()
    return _done("resolved", _handled(act, incident, State.RESOLVED, now))


def _false_positive(act: Act, incident: Incident, now: datetime) -> Acted:
    if wrong := _reasoned(act):
        return wrong
    return _done("closed as false positive", _handled(act, incident, State.FALSE_POSITIVE, now))


_HANDLED: Final[Mapping[Verb, Callable[[Act, Incident, datetime], Acted]]] = {
    Verb.ACKNOWLEDGE: _acknowledge,
    Verb.UNACKNOWLEDGE: _unacknowledge,
    Verb.SNOOZE: _snooze,
    Verb.RESOLVE: _resolve,
    Verb.FALSE_POSITIVE: _false_positive,
}


def _silence(act: Act, incident: Incident | None, made: Silence | None, now: datetime) -> Acted:
    """A silence; whoever makes one from an open incident has taken that, so nobody is reminded of it.

    It starts, and is ended, with the bin: a tick's time is the edge before it, and the next one is to know.
    """
    if made is not None:
        return Acted(Outcome.HARMLESS, f"{_named(made)} is there already")
    matchers = act.matchers or (matchers_of(incident) if incident else ())
    if not matchers:
        return Acted(Outcome.REFUSED, "expected at least one matcher: nobody means to silence everything")
    if wrong := _reasoned(act):
        return wrong
    if mistake := _sweeping(act, matchers) or _end(act.until, now, _longest(act, matchers)):
        return Acted(Outcome.REFUSED, mistake)
    silence = Silence(
        id=silence_id(act),
        matchers=matchers,
        author=act.who.shown,
        reason=act.reason,
        created_at=now,
        starts_at=floor(now),
        expires_at=act.until or now,
        kind="expected" if act.verb is Verb.EXPECT else "silence",
        via=act.via,
    )
    taken = _handled(act, incident, State.ACKNOWLEDGED, now) if incident and incident.state is State.OPEN else None
    return Acted(Outcome.DONE, _made(silence), taken, silence)


def _sweeping(act: Act, matchers: Sequence[Matcher]) -> str:
    """What is wrong with matchers that name nothing, '' if nothing is."""
    if names_something(matchers) or (act.everything and not _limited(act)):
        return ""
    return UNNAMED


def _limited(act: Act) -> timedelta | None:
    return LONGEST_FROM.get(act.via.partition(" ")[0])


def _longest(act: Act, matchers: Sequence[Matcher]) -> timedelta:
    return (_limited(act) or LONGEST_SILENCE) if names_something(matchers) else LONGEST_SWEEPING


def _expire(act: Act, silence: Silence | None, now: datetime) -> Acted:
    if silence is None:
        return Acted(Outcome.REFUSED, f"there is no silence {act.silence}")
    if silence.expires_at <= now:
        return Acted(Outcome.HARMLESS, f"{_named(silence)} expired at {_shown(silence.expires_at)} already")
    ended = replace(silence, starts_at=min(silence.starts_at, floor(now)), expires_at=floor(now))
    return Acted(Outcome.DONE, f"{_named(silence)} by {silence.author} expired", silence=ended)


def _handled(act: Act, incident: Incident, state: State, now: datetime) -> Incident:
    return replace(
        incident,
        state=state,
        handled_by=act.who.shown,
        handled_at=now,
        handled_findings=incident.heard,
        handled_level=incident.level,
        handled_surprise=incident.surprise,
        snoozed_until=None,
        note=act.reason,
        updated_at=now,
    )


def _done(said: str, incident: Incident) -> Acted:
    return Acted(Outcome.DONE, said, incident)


def _already(incident: Incident) -> Acted:
    return Acted(Outcome.HARMLESS, f"{standing(incident)} already")


def _reasoned(act: Act) -> Acted | None:
    """What is wrong with a reason that has to be there."""
    if not act.reason.strip():
        return Acted(Outcome.REFUSED, "expected a reason: whoever comes next wants to know why")
    return _too_long() if len(act.reason) > REASON else None


def _too_long() -> Acted:
    return Acted(Outcome.REFUSED, f"expected a reason of at most {REASON} characters")


def _end(until: datetime | None, now: datetime, longest: timedelta) -> str:
    """What is wrong with when it ends, '' if nothing is."""
    if until is None:
        return "expected a time until when"
    if until <= now:
        return f"expected a time to come, got {_shown(until)}"
    return f"expected at most {_days(longest)}" if until - now > longest else ""


def _days(length: timedelta) -> str:
    return f"{length.days} days" if length.days > 1 else f"{length // timedelta(hours=1)} hours"


def _made(silence: Silence) -> str:
    word = "expected" if silence.kind == "expected" else "silenced"
    return f"{word} until {_shown(silence.expires_at)} ({_named(silence)})"


def _named(silence: Silence) -> str:
    return f"silence {silence.id}"


def _shown(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "-"
