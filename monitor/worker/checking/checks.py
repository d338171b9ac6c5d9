"""The order of the checks: each credential, then each workspace as each of its credentials meets it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from threading import Event
from typing import Final

from monitor.errors import MintwatchError
from monitor.login import Credential, Kind
from monitor.settings import Logins, Settings, Watched, watched
from monitor.worker.checking.advice import Place
from monitor.worker.checking.answers import Checked, Verdict
from monitor.worker.checking.asking import Asker, Shut
from monitor.worker.checking.plans import Plans
from monitor.worker.checking.tables import tables
from monitor.worker.places import Places

TAKEN_TOO: Final = ("Usage", "Heartbeat", "SecurityEvent", "SecurityAlert", "AzureMetrics")
"""Tables mintwatch has no need of. The first is in every workspace that ever got a row, the others in many."""


def check(settings: Settings, logins: Logins, now: datetime, stop: Event) -> Iterator[Checked]:
    """Everything there is to say, one thing at a time, as it is found out. Nothing is written anywhere.

    Raises
    ------
    InputError
        If a credential cannot be made of what is configured.
    """
    with ExitStack() as closing:
        yield from _all(settings, logins, Places(logins, stop, closing), now)


def _all(settings: Settings, logins: Logins, places: Places, now: datetime) -> Iterator[Checked]:
    """The same, in workspaces that are closed afterwards."""
    sources = watched(settings)
    opened: dict[str, Credential] = {}
    for name in dict.fromkeys(one.credential for one in sources):
        found, made = _logged_in(logins, name)
        yield found
        if made is not None:
            opened[name] = made
            if made.login.kind is Kind.CLIENT_SECRET:
                said = "a secret can be stolen and used elsewhere; a federated credential or managed identity cannot"
                yield Checked(Verdict.NOTE, _about(name), said, ("# docs/azure.md, A login without a secret",))
    for short, credential in dict.fromkeys((one.name.split(".")[0], one.credential) for one in sources):
        if credential not in opened:
            said = f"not looked at: credential {credential!r} cannot log in"
            yield Checked(Verdict.UNKNOWN, f"workspace {short}", said)
            continue
        mine = [one for one in sources if one.credential == credential and one.name.startswith(f"{short}.")]
        yield from _workspace(short, mine, opened[credential], places, now)


def _about(credential: str) -> str:
    return f"credential {credential}"


def _logged_in(logins: Logins, name: str) -> tuple[Checked, Credential | None]:
    """Whether the credential gets a token; `InputError` if it cannot even be made of what is configured."""
    made = logins.credential(name)
    kind = made.login.kind.value
    try:
        made.warm(made.login.cloud.audience)
    except MintwatchError as error:
        said = str(error).removeprefix(f"{made.login}: ")
        return Checked(Verdict.WRONG, _about(name), f"{kind}: {said}", (_LOGIN,)), None
    return Checked(Verdict.FINE, _about(name), f"{kind}: logs in"), made


_LOGIN: Final = "# docs/azure.md, A login without a secret; and there: When something is wrong"


def _workspace(
    short: str, sources: Sequence[Watched], credential: Credential, places: Places, now: datetime
) -> Iterator[Checked]:
    """What one credential finds in one workspace; nothing more after it was refused altogether."""
    chosen = sources[0].workspace
    place = Place(chosen.id, chosen.resource_id, credential.login)
    asker, plans = Asker(places.workspace(chosen.id, sources[0].credential), now), Plans(place, credential)
    about = f"workspace {short}"
    try:
        for one in sources:
            yield from tables(about, one, place, asker, plans)
        yield _broad(about, place, asker)
    except Shut as refusal:
        yield refusal.checked(about, place)
        return
    yield from plans.of_all(about, asker.there)


def _broad(about: str, place: Place, asker: Asker) -> Checked:
    """Whether the credential may read what mintwatch has no need of."""
    absent = []
    for table in TAKEN_TOO:
        try:
            if asker.readable(table):
                said = f"the role is too broad: it may read {table}, too, which mintwatch does not need"
                todo = "# take away Reader, Log Analytics Reader and the like, inherited ones too, and give instead:"
                return Checked(Verdict.NOTE, about, said, (*place.roles(), todo, place.role()[-1]))
        except MintwatchError as error:
            return Checked(Verdict.UNKNOWN, about, f"whether the role is too broad: {error}", place.roles())
        absent.append(table)
    said = f"whether the role is too broad: {', '.join(absent)} cannot be read, or are not there; see for yourself"
    return Checked(Verdict.UNKNOWN, about, said, place.roles())
