"""auth.*, users.* and usergroups.*: who is asking, and who is who."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from monitor.testing.slack.calls import Call, Method
from monitor.testing.slack.http import Body, Json, RefusedError
from monitor.testing.slack.workspace import Group, User


def test(call: Call) -> Body:
    """auth.test."""
    world = call.world
    return {
        "ok": True,
        "url": f"{call.base}/",
        "team": world.domain,
        "team_id": world.team,
        "user": world.app.bot.name,
        "user_id": world.app.bot.id,
        "bot_id": world.app.bot_id,
        "is_enterprise_install": False,
    }


def info(call: Call) -> Body:
    """users.info."""
    user = call.world.users.get(call.text("user"))
    if user is None:
        raise RefusedError("user_not_found")
    return {"ok": True, "user": _user(user)}


def groups(call: Call) -> Body:
    """usergroups.list."""
    listed: list[Json] = [_group(group, call.world.team) for group in call.world.groups.values() if group.enabled]
    return {"ok": True, "usergroups": listed}


def members(call: Call) -> Body:
    """usergroups.users.list."""
    group = call.world.groups.get(call.text("usergroup"))
    if group is None or not (group.enabled or call.flag("include_disabled")):
        raise RefusedError("no_such_subteam")
    return {"ok": True, "users": list(group.members)}


def _user(user: User) -> Body:
    return {
        "id": user.id,
        "team_id": user.team,
        "name": user.name,
        "deleted": False,
        "is_bot": user.bot,
        "is_restricted": user.guest,
        "is_ultra_restricted": False,
        "real_name": user.name,
        "tz": "Etc/UTC",
        "profile": {"real_name": user.name, "display_name": user.name},
    }


def _group(group: Group, team: str) -> Body:
    return {"id": group.id, "team_id": team, "is_usergroup": True, "handle": group.handle, "name": group.handle}


METHODS: Final[Mapping[str, Method]] = {
    "auth.test": Method(test, kinds=frozenset({"bot", "app"})),
    "usergroups.list": Method(groups, "usergroups:read"),
    "usergroups.users.list": Method(members, "usergroups:read"),
    "users.info": Method(info, "users:read"),
}
