"""What the routes leave untold: levels, streams, teams and rules that none of them fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from monitor.model import Level, Owners
from monitor.rules import Rule
from monitor.settings import RouteSettings, Settings
from monitor.worker.checking.answers import Checked, Verdict

NAMED: Final = 5
"""How many rules are named."""
SCORES: Final = "scores"
"""Rules over what other rules found: those say in which streams it was seen."""
END: Final = "it is kept, and told to nobody"


def untold(settings: Settings, rules: Mapping[str, Rule], said: Owners) -> Iterator[Checked]:
    """A line for each level, stream and team that fits no route at all, and one for what else does not.

    An incident of several rules fits if one of them does, so this speaks of those of one rule.
    """
    routes = settings.routes
    judged = [one for one in rules.values() if one.status == "stable" and one.stream != SCORES]
    if not routes:
        return
    below = [level.value for level in Level if level.rank < min(one.level.rank for one in routes)]
    if below:
        few = [one for one in judged if one.level.value in below]
        yield _note(f"what is of level {_either(below)} fits no route ({len(few):,} of {len(judged):,} rules): {END}")
    judged = [one for one in judged if one.level.value not in below]
    told = {one.stream for one in judged if any(_finds(route, one) for route in routes)}
    if streams := sorted({one.stream for one in judged} - told):
        yield _note(f"what is seen in the stream {_either(streams)} fits no route: {END}")
    teams = [one for one in _teams(routes, said) if any(_owns(route, one) for route in routes)]
    if unheard := [one for one in _teams(routes, said) if one not in teams]:
        named = [f"of the team {one!r}" if one else "of no team" for one in unheard]
        yield _note(f"what is {_either(named)} fits no route: {END}")
    if teams:
        yield from _rest(routes, [one for one in judged if one.stream in told], teams)


def _rest(routes: Sequence[RouteSettings], judged: Sequence[Rule], teams: Sequence[str]) -> Iterator[Checked]:
    """Single rules: those of which nothing fits, and those of which only that of some teams does."""
    found: dict[str, list[str]] = {
        rule.id: [team for team in teams if not any(_finds(one, rule) and _owns(one, team) for one in routes)]
        for rule in judged
    }
    for said, ids in (
        ("fits no route", [rule for rule, of in found.items() if len(of) == len(teams)]),
        (
            "fits no route, unless it is of certain teams",
            [rule for rule, of in found.items() if 0 < len(of) < len(teams)],
        ),
    ):
        if ids:
            more = f" and {len(ids) - NAMED:,} more" if len(ids) > NAMED else ""
            yield _note(
                f"what {', '.join(sorted(ids)[:NAMED])}{more} {'find' if len(ids) > 1 else 'finds'} {said}: {END}"
            )


def _teams(routes: Sequence[RouteSettings], said: Owners) -> list[str]:
    """Every team that there is, and '' for what has none."""
    entries = [*said.identities.values(), *said.applications.values(), *said.vaults.values()]
    if not any(one.teams for one in routes):
        return [""]
    return sorted({"", *said.teams, *(one.team for one in entries)})


def _finds(route: RouteSettings, rule: Rule) -> bool:
    """Whether the route takes what the rule finds, of some team."""
    return (
        rule.level.rank >= route.level.rank
        and (not route.rules or rule.id in route.rules)
        and (not route.streams or rule.stream in route.streams)
    )


def _owns(route: RouteSettings, team: str) -> bool:
    """Whether the route takes what is of that team, found by some rule."""
    return not route.teams or team.casefold() in {one.casefold() for one in route.teams}


def _either(words: Sequence[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _note(said: str) -> Checked:
    return Checked(
        Verdict.NOTE, "routes", said, ("# docs/howto/routing.md: a last route {to: NAME} takes what is left",)
    )
