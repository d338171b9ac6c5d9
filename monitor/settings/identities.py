"""identities.yml: who owns what, and what is expected until when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from threading import Lock
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, WithJsonSchema, model_validator
from ruamel.yaml.comments import CommentedMap

from monitor.clock import iso
from monitor.errors import InputError
from monitor.model import UNNAMED, Federated, Matcher, Owner, Owners, Silence, digest, matcher, names_something
from monitor.settings.parts import Part, Zone, among, like
from monitor.triage.silencing import LABELS
from monitor.written import Place, document, line, mistakes, plain

VIA: Final = "identities.yml"
IDENTITY: Final = r"^[A-Za-z0-9]+([-_][A-Za-z0-9]+)*:[^\s:]+$"
WEB: Final = r"^https?://[^\s/]+\S*$"
CRITICALITY: Final = ("low", "normal", "high")


def _moment(value: object) -> datetime:
    """Midnight UTC of a date, or a time with its zone in UTC."""
    expected = "expected a date such as 2026-05-01, or a time with its zone such as 2026-05-01T10:00:00Z"
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError(f"{expected}, got {value!r}") from error
    if isinstance(found, date) and not isinstance(found, datetime):
        return datetime.combine(found, time(), UTC)
    if not isinstance(found, datetime) or found.tzinfo is None:
        raise ValueError(f"{expected}, got {value!r}")
    return datetime.fromtimestamp(found.timestamp(), UTC)


def _matcher(value: object) -> Matcher:
    if isinstance(value, Matcher):
        return value
    if not isinstance(value, str):
        raise ValueError(f"expected a matcher such as identity=entra:... or rule=~sp-.*, got {value!r}")
    return matcher(value, LABELS)


IdentityKey: TypeAlias = Annotated[
    str,
    AfterValidator(like(IDENTITY, "an identity such as entra:OBJECT-ID: the short name of its directory, its id")),
    Field(json_schema_extra={"pattern": IDENTITY}),
]
Web: TypeAlias = Annotated[
    str,
    AfterValidator(like(WEB, "an address that starts with https://")),
    Field(json_schema_extra={"pattern": WEB}, max_length=2000),
]
Criticality: TypeAlias = Annotated[
    Literal["low", "normal", "high"], BeforeValidator(among(CRITICALITY, "a criticality"))
]
Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=300)]
Moment: TypeAlias = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string"})]
MatcherText: TypeAlias = Annotated[Matcher, BeforeValidator(_matcher), WithJsonSchema({"type": "string"})]


class TeamSettings(Part):
    """A team: what counts for everything of it that does not say otherwise."""

    owner: Text | None = Field(default=None, description="Whom to ask.")
    criticality: Criticality | None = Field(default=None, description="How bad it would be; left out, `normal`.")
    time_zone: Zone | None = Field(default=None, description="Where they work, such as Europe/Berlin.")
    runbook: Web | None = Field(default=None, description="Address of what to do about it, beside the rule's own.")


class OwnerSettings(TeamSettings):
    """Whose it is. What is left out, its team says."""

    team: Text | None = Field(default=None, description="The team, under whose name there may be more in `teams`.")
    note: Text | None = Field(default=None, description="What a person should know who sees a message about it.")


class FederatedSettings(Part):
    """Whom a federated credential trusts: rows of the log have its id only, and messages show this."""

    issuer: Text = Field(description="Such as https://token.actions.githubusercontent.com.")
    subject: Text = Field(description="Such as repo:ORGANISATION/NAME:ref:refs/heads/main.")


class ExceptionSettings(Part):
    """What is expected for a while: findings that fit all matchers are kept and not told."""

    matchers: tuple[MatcherText, ...] = Field(
        strict=False,
        min_length=1,
        description="Such as `identity=entra:...`, `team!=payments`, `rule=~sp-.*`; a pattern matches as a whole.",
    )
    author: Text = Field(description="Who says so.")
    reason: Text = Field(description="Why.")
    start: Moment = Field(alias="from", description="From when: a date (its midnight, UTC), or a time with its zone.")
    until: Moment = Field(description="Until when it is so, that moment excluded.")

    @model_validator(mode="after")
    def _some_time_of_something(self) -> ExceptionSettings:
        if not self.start < self.until:
            raise ValueError(f"expected from < until, got {iso(self.start)} and {iso(self.until)}")
        if not names_something(self.matchers):
            raise ValueError(UNNAMED)
        return self


class IdentitiesSettings(Part):
    """identities.yml, whole."""

    identities: dict[IdentityKey, OwnerSettings] = Field(
        default_factory=dict, description="By identity, such as `entra:OBJECT-ID`. Display names are no keys."
    )
    applications: dict[Text, OwnerSettings] = Field(
        default_factory=dict, description="By application (client) id: counts for its identities without an own entry."
    )
    vaults: dict[Text, OwnerSettings] = Field(default_factory=dict, description="By the vault's name.")
    teams: dict[Text, TeamSettings] = Field(default_factory=dict, description="By the team's name.")
    federated_credentials: dict[Text, FederatedSettings] = Field(
        default_factory=dict, description="By the federated credential's id."
    )
    exceptions: tuple[ExceptionSettings, ...] = Field(
        default=(), strict=False, description="What is expected, dated and signed."
    )


def load_identities(path: Path) -> Owners:
    """What the file says.

    Raises
    ------
    InputError
        With every mistake, a line each, as `file:line: ...`.
    """
    written = document(path)
    try:
        found = IdentitiesSettings.model_validate(plain(written))
    except ValidationError as error:
        raise _refused(path, written, mistakes(error, IdentitiesSettings)) from error
    if wrong := [*_doubled(found), *_spelt(found)]:
        raise _refused(path, written, wrong)
    teams = {name: _owner(OwnerSettings(team=name, **one.model_dump()), {}) for name, one in found.teams.items()}
    return Owners(
        identities=_lower(found.identities, found.teams),
        applications=_lower(found.applications, found.teams),
        vaults=_lower(found.vaults, found.teams),
        teams=teams,
        credentials={
            key.lower(): Federated(one.issuer, one.subject) for key, one in found.federated_credentials.items()
        },
        silences=tuple(_silence(one) for one in found.exceptions),
    )


class IdentitiesFile:
    """identities.yml over time: read when it has changed, and the last good one kept when it cannot be. For threads."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._owners = Owners()
        self._error = ""
        self._alone = Lock()

    def read(self) -> tuple[Owners, str]:
        """What the file says, and what is wrong with it, and then the first is as it was. Without a file, nothing."""
        with self._alone:
            if self._path is not None:
                self._look(self._path)
            return self._owners, self._error

    def _look(self, path: Path) -> None:
        try:
            state = path.stat()
        except OSError as error:
            self._seen, self._error = None, f"{path}: cannot be read: {error.strerror}"
            return
        seen = (state.st_mtime_ns, state.st_size, state.st_ino)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._owners, self._error = load_identities(path), ""
        except InputError as error:
            self._error = str(error)


def _refused(path: Path, written: CommentedMap, found: Iterable[tuple[Place, str]]) -> InputError:
    lines = sorted((line(written, place), mistake) for place, mistake in found)
    return InputError("\n".join(f"{path}:{number}: {mistake}" for number, mistake in lines))


def _doubled(found: IdentitiesSettings) -> Iterator[tuple[Place, str]]:
    """Keys that differ in case only: one of them would not count."""
    kinds: Mapping[str, Mapping[str, object]] = {
        "identities": found.identities,
        "applications": found.applications,
        "vaults": found.vaults,
        "teams": found.teams,
        "federated_credentials": found.federated_credentials,
    }
    for kind, entries in kinds.items():
        first: dict[str, str] = {}
        for key in entries:
            if first.setdefault(key.lower(), key) != key:
                yield (kind, key), f"the same as {first[key.lower()]!r}: capitals make no difference"


def _spelt(found: IdentitiesSettings) -> Iterator[tuple[Place, str]]:
    """Teams that are spelt with other capitals than elsewhere in the file: they would count as two."""
    spelling = {name.lower(): name for name in reversed(found.teams)}  # of two, the first

    def wrong(team: str, place: Place) -> Iterator[tuple[Place, str]]:
        first = spelling.setdefault(team.lower(), team)
        if first != team:
            yield place, f"{'.'.join(map(str, place))}: expected {first!r}, as it is spelt elsewhere here, got {team!r}"

    for kind in ("identities", "applications", "vaults"):
        entries: Mapping[str, OwnerSettings] = getattr(found, kind)
        for key, entry in entries.items():
            yield from wrong(entry.team or "", (kind, key, "team"))
    for index, exception in enumerate(found.exceptions):
        for place, one in enumerate(exception.matchers):
            if one.label == "team" and one.op in {"=", "!="}:
                yield from wrong(one.value, ("exceptions", index, "matchers", place))


def _lower(entries: Mapping[str, OwnerSettings], teams: Mapping[str, TeamSettings]) -> dict[str, Owner]:
    return {key.lower(): _owner(one, teams) for key, one in entries.items()}


def _owner(one: OwnerSettings, teams: Mapping[str, TeamSettings]) -> Owner:
    """The entry, and where it says nothing what its team says."""
    team = teams.get(one.team or "", TeamSettings())
    return Owner(
        owner=one.owner or team.owner or "",
        team=one.team or "",
        criticality=one.criticality or team.criticality or "normal",
        time_zone=one.time_zone or team.time_zone or "",
        runbook=one.runbook or team.runbook or "",
        note=one.note or "",
    )


def _silence(one: ExceptionSettings) -> Silence:
    """The exception as a silence; the same text has the same id at every reading."""
    text = [str(each) for each in one.matchers]
    return Silence(
        id=digest(VIA, *text, one.author, one.reason, iso(one.start), iso(one.until))[:10],
        matchers=one.matchers,
        author=one.author,
        reason=one.reason,
        created_at=one.start,
        starts_at=one.start,
        expires_at=one.until,
        kind="expected",
        via=VIA,
    )
