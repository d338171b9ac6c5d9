"""What is wrong about settings that are right one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Final

from monitor.clock import DAY
from monitor.login import Kind
from monitor.settings.model import Settings
from monitor.settings.notifying import NEEDED, USES, NotifierSettings, SlackSettings, used
from monitor.settings.parts import Reference
from monitor.settings.routing import RouteSettings
from monitor.settings.watched import watched
from monitor.written import Place, nearest


def crossed(settings: Settings) -> Iterator[tuple[Place, str]]:
    """What is wrong about settings that are right one by one."""
    yield from _watching(settings)
    yield from _telling(settings)
    yield from _looked_after(settings)


def _watching(settings: Settings) -> Iterator[tuple[Place, str]]:
    for short in settings.workspaces:
        yield from _of_workspace(settings, short)
    for one in watched(settings):
        short, source = one.name.split(".")
        if not one.overlap < one.bound:
            yield ("workspaces", short, "sources", source, "overlap"), "expected overlap < bound"
        if not one.query.settle < one.bound:
            yield ("workspaces", short, "sources", source, "bound"), "expected settle < bound"
        if one.step > DAY:
            yield ("workspaces", short, "sources", source, "step"), "expected at most a day, such as 1h, 6h or 1d"
    if not watched(settings):
        yield ("workspaces",), "nothing is watched: every source of every workspace has enabled: false"
    for name, chosen in settings.credentials.items():
        yield from _unused(name, chosen.kind, chosen.model_fields_set)
        if chosen.secret is not None and chosen.secret.key_vault:
            what = "a secret to log in with cannot be in a Key Vault that asks for a login; expected env or file"
            yield ("credentials", name, "secret"), what


def _telling(settings: Settings) -> Iterator[tuple[Place, str]]:
    if settings.slack is not None:
        yield from _slack(settings, settings.slack)
    for name, notifier in settings.notifiers.items():
        yield from _notifier(settings, name, notifier)
    yield from _doubled(settings)
    for index, route in enumerate(settings.routes):
        yield from _route(settings, route, ("routes", index))


def _looked_after(settings: Settings) -> Iterator[tuple[Place, str]]:
    if settings.heartbeat is not None:
        yield from _reference(settings, settings.heartbeat.url, ("heartbeat", "url"))
    for index, name in enumerate(settings.daily.to):
        if name not in settings.notifiers:
            yield ("daily", "to", index), _no("notifier", name, settings.notifiers)
    longest = max((one.history for one in settings.workspaces.values()), default=DAY)
    if settings.keep.facts < longest:
        yield ("keep", "facts"), f"expected at least {longest.days}d, the longest history of a workspace"


def _of_workspace(settings: Settings, short: str) -> Iterator[tuple[Place, str]]:
    known, workspace, at = settings.credentials, settings.workspaces[short], ("workspaces", short)
    named: list[tuple[Place, str]] = [((*at, "credential"), workspace.credential)]
    named += [((*at, "sources", name, "credential"), one.credential) for name, one in workspace.sources.items()]
    for place, credential in named:
        if credential and credential not in known:
            yield place, _no("credential", credential, known)
    first = next(name for name, one in settings.workspaces.items() if one.id.lower() == workspace.id.lower())
    if first != short:
        yield (*at, "id"), f"the same workspace as {first!r}: its rows would count twice"
    if not workspace.slice <= workspace.catch_up <= workspace.history:
        yield (*at, "catch_up"), "expected slice <= catch_up <= history"


def _unused(name: str, kind: Kind, given: set[str]) -> Iterator[tuple[Place, str]]:
    for key in sorted(given & set(LOGIN) - PROVEN[kind]):
        yield ("credentials", name, key), f"kind {kind.value!r} makes no use of the key {key!r}"


LOGIN: Final = ("tenant_id", "client_id", "token_file", "certificate", "secret")
PROVEN: Final = {
    Kind.WORKLOAD_IDENTITY: {"tenant_id", "client_id", "token_file"},
    Kind.MANAGED_IDENTITY: {"client_id"},
    Kind.CLIENT_CERTIFICATE: {"tenant_id", "client_id", "certificate", "secret"},
    Kind.AZURE_CLI: {"tenant_id"},
    Kind.CLIENT_SECRET: {"tenant_id", "client_id", "secret"},
}
"""The keys that each kind of credential looks at, of those that only some do."""


def _slack(settings: Settings, slack: SlackSettings) -> Iterator[tuple[Place, str]]:
    if slack.token is not None:
        yield from _reference(settings, slack.token, ("slack", "token"))
    elif needing := _needs_token(settings, slack):
        yield ("slack",), f"missing key 'slack.token'; {needing}"
    if slack.app_token is not None:
        yield from _reference(settings, slack.app_token, ("slack", "app_token"))
        if slack.app_token == slack.token:
            yield ("slack", "app_token"), "the same secret as token; expected the app-level token (xapp-)"
    elif slack.may_act is not None:
        yield ("slack", "may_act"), "nobody can act from Slack without app_token; expected it, too"


def _needs_token(settings: Settings, slack: SlackSettings) -> str:
    """What asks for the bot token, '' if nothing does: webhooks need to know at most which Slack is theirs."""
    kinds = {one.kind for one in settings.notifiers.values()}
    given = sorted(slack.model_fields_set & {"app_token", "may_act", "workspace"})
    if "slack" in kinds or given:
        return f"{f'slack.{given[0]}' if given else 'a notifier of kind slack'} needs it"
    return "" if "webhook" in kinds else "only notifiers of kind 'webhook' do without"


def _notifier(settings: Settings, name: str, one: NotifierSettings) -> Iterator[tuple[Place, str]]:
    at = ("notifiers", name)
    for key in sorted(one.model_fields_set & set(USES) - used(one.kind)):
        yield (*at, key), f"kind {one.kind!r} makes no use of the key {key!r}"
    for kind, key in NEEDED:
        if one.kind == kind and not getattr(one, key):
            yield at, f"kind {kind!r} needs the key {key!r}"
    if one.kind == "slack" and settings.slack is None:
        yield (*at, "kind"), "kind 'slack' needs the workspace; expected slack: {token: {env: SLACK_BOT_TOKEN}}, too"
    if one.url is not None:
        yield from _reference(settings, one.url, (*at, "url"))
    for key, secret in one.secrets.items():
        yield from _reference(settings, secret, (*at, "secrets", key))
        if key in one.options:
            yield (*at, "secrets", key), f"{key!r} is in options, too"


def _reference(settings: Settings, secret: Reference, at: Place) -> Iterator[tuple[Place, str]]:
    if secret.key_vault and secret.credential not in settings.credentials:
        yield (*at, "credential"), _no("credential", secret.credential, settings.credentials)


def _doubled(settings: Settings) -> Iterator[tuple[Place, str]]:
    """Notifiers that go to one place: everything would be said there twice."""
    for (first, one), (second, other) in combinations(settings.notifiers.items(), 2):
        for key in ("channel", "url", "directory"):
            if getattr(one, key) and getattr(one, key) == getattr(other, key):
                yield ("notifiers", second, key), f"the same {key} as {first!r}: everything would be said twice"


def _route(settings: Settings, route: RouteSettings, at: Place) -> Iterator[tuple[Place, str]]:
    known, escalate = settings.notifiers, route.escalate
    if route.teams and settings.identities is None:
        where = ".".join(map(str, at))
        what = "the file that says what belongs to whom; without it nothing is any team's, and nothing is told"
        yield (*at, "teams"), f"{where}.teams: needs identities: {what}"
    if route.to not in known:
        yield (*at, "to"), _no("notifier", route.to, known)
    if escalate is None:
        return
    last = escalate.to or route.to
    if last not in known:
        if escalate.to:
            yield (*at, "escalate", "to"), _no("notifier", last, known)
        return
    if last == route.to and not escalate.mention:
        yield (*at, "escalate", "to"), "the notifier it was told to already; expected another, or mention"
    if escalate.mention and known[last].kind not in {"slack", "webhook"}:
        yield (*at, "escalate", "mention"), f"notifier {last!r} is of kind {known[last].kind!r}, which calls nobody"


def _no(what: str, name: str, known: Iterable[str]) -> str:
    return f"no {what} {name!r}{nearest(name, known)}; there is {', '.join(known)}"
