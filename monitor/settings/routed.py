"""Routes and policy as triage takes them."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from monitor.settings.model import Settings
from monitor.settings.routing import EscalationSettings, HoursSettings, RouteSettings
from monitor.triage import Policy
from monitor.triage.routing import Escalation, Hours, Route, everything


def routes(settings: Settings) -> tuple[Route, ...]:
    """The routes that are configured; without any, every notifier is told everything."""
    return tuple(map(_route, settings.routes)) or everything(settings.notifiers)


def policy(settings: Settings) -> Policy:
    """How patient triage is to be."""
    return Policy(**dict(settings.policy))


def _route(one: RouteSettings) -> Route:
    return Route(
        notifier=one.to,
        level=one.level,
        streams=frozenset(one.streams),
        teams=frozenset(one.teams),
        rules=frozenset(one.rules),
        hours=_hours(one.hours) if one.hours else None,
        escalate=_escalation(one.escalate) if one.escalate else None,
    )


def _hours(one: HoursSettings) -> Hours:
    return Hours(one.days, one.start, one.end, ZoneInfo(one.zone))


def _escalation(one: EscalationSettings) -> Escalation:
    return Escalation(one.after, one.to, one.mention)
