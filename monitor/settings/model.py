"""The settings: where things are kept, how to log in, what is watched and how patiently."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from monitor.clock import BIN, DAY
from monitor.login import CLOUDS, Kind
from monitor.rules.model import Duration
from monitor.settings.daemon import DailySettings, HeartbeatSettings, KeepSettings, LogSettings, ServeSettings
from monitor.settings.notifying import NotifierSettings, SlackSettings
from monitor.settings.parts import File, Length, Name, Part, Reference, like
from monitor.settings.routing import PolicySettings, RouteSettings
from monitor.sources.fold import BOUND, QUERIES
from monitor.written import nearest

GUID: Final = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
RESOURCE: Final = (
    r"^/subscriptions/[^/]+/resource[gG]roups/[^/]+/providers/[mM]icrosoft\.[oO]perational[iI]nsights/workspaces/[^/]+$"
)


def _kind(value: object) -> Kind:
    if value not in list(Kind):
        raise ValueError(
            f"expected one of {', '.join(Kind)}, got {value!r}{nearest(str(value), [one.value for one in Kind])}"
        )
    return Kind(str(value))


def _cloud(value: object) -> object:
    if value not in list(CLOUDS):
        raise ValueError(f"expected one of {', '.join(CLOUDS)}, got {value!r}{nearest(str(value), CLOUDS)}")
    return value


def _https(value: str) -> str:
    if not value.startswith("https://") or value.rstrip("/").endswith("/v1"):
        raise ValueError(f"expected https:// and a host, without a path, got {value!r}")
    return value.rstrip("/")


def _source(value: str) -> str:
    if value not in QUERIES:
        raise ValueError(f"no such source{nearest(value, QUERIES)}; known are {', '.join(QUERIES)}")
    return value


def _whole(value: timedelta) -> timedelta:
    if not value or value % BIN or (value % DAY if value > DAY else DAY % value):
        raise ValueError("expected a multiple of 5m that divides a day, or whole days, such as 1h, 6h or 1d")
    return value


Guid: TypeAlias = Annotated[
    str,
    AfterValidator(
        like(GUID, "the workspace's id, a GUID; az monitor log-analytics workspace show --query customerId")
    ),
    Field(json_schema_extra={"pattern": GUID}),
]
ResourceId: TypeAlias = Annotated[
    str,
    AfterValidator(like(RESOURCE, "what az monitor log-analytics workspace show --query id says, /subscriptions/...")),
    Field(json_schema_extra={"pattern": RESOURCE}),
]
Https: TypeAlias = Annotated[str, AfterValidator(_https)]
SourceName: TypeAlias = Annotated[str, AfterValidator(_source)]
Whole: TypeAlias = Annotated[Duration, AfterValidator(_whole)]


class Addresses(Part):
    """A cloud that is not among the known: all its addresses, because they move together."""

    authority: Https = Field(description="Issues tokens.")
    query: Https = Field(description="Answers KQL.")
    audience: Https = Field(description="Whom tokens for `query` are made out to.")
    arm: Https = Field(description="Azure Resource Manager.")
    vault: Https = Field(default="https://vault.azure.net", description="Whom tokens for Key Vault are made out to.")


class CredentialSettings(Part):
    """How to prove who we are."""

    kind: Annotated[Kind, BeforeValidator(_kind)] = Field(
        default=Kind.WORKLOAD_IDENTITY, description="`azure_cli` is for development; `client_secret` works, and warns."
    )
    cloud: Annotated[Literal["public", "us_government", "china"], BeforeValidator(_cloud)] = Field(
        default="public", description="Which Azure: endpoints and audiences belong together."
    )
    addresses: Addresses | None = Field(default=None, description="A cloud of your own, instead of `cloud`.")
    tenant_id: str = Field(default="", description="Directory (tenant) id; left out, `AZURE_TENANT_ID`.")
    client_id: str = Field(default="", description="Application (client) id; left out, `AZURE_CLIENT_ID`.")
    token_file: File | None = Field(
        default=None, description="For `workload_identity`: the OIDC token; left out, `AZURE_FEDERATED_TOKEN_FILE`."
    )
    certificate: File | None = Field(
        default=None, description="For `client_certificate`: PEM file with certificate and private key."
    )
    secret: Reference | None = Field(
        default=None, description="Where the client secret is, or the certificate's password."
    )
    ca_bundle: File | None = Field(
        default=None, description="PEM file of authorities to trust instead of the usual, behind an inspecting proxy."
    )


class SourceSettings(Part):
    """How one source of a workspace is watched."""

    enabled: bool = Field(default=True, description="Whether it is watched.")
    interval: Length = Field(default=timedelta(minutes=5), description="How often it is asked what arrived.")
    settle: Length | None = Field(
        default=None,
        description="How long after its end a bucket counts as whole; left out, as [sources](sources.md) says.",
    )
    overlap: Length = Field(
        default=timedelta(minutes=15), description="How far back of what was seen arrivals are looked at again."
    )
    bound: Length = Field(default=BOUND, description="Rows that arrive later than this are counted and not folded.")
    step: Whole = Field(default=timedelta(hours=1), description="Length of the windows it is fetched and replaced in.")
    credential: str = Field(default="", description="Another credential than the workspace's.")


class WorkspaceSettings(Part):
    """One Log Analytics workspace."""

    id: Guid = Field(description="Workspace id (`customerId`), not its name.")
    resource_id: ResourceId = Field(
        default="",
        description="Azure resource id; with it messages lead to their rows in the Azure portal, and `mintwatch check`"
        " sees the plan of the tables.",
    )
    credential: str = Field(default="default", description="Name of a credential.")
    issuer: Name = Field(default="entra", description="Short name of the directory its identities belong to.")
    history: Whole = Field(default=timedelta(days=35), description="How much is fetched at the first start.")
    catch_up: Whole = Field(
        default=timedelta(days=3), description="How much is fetched after a longer outage; the rest is a gap, and told."
    )
    slice: Whole = Field(default=timedelta(days=1), description="How much of it is fetched at once, oldest first.")
    sources: dict[SourceName, SourceSettings] = Field(
        default_factory=dict, description="What differs per source; all are watched unless `enabled: false`."
    )


def _credentials() -> dict[str, CredentialSettings]:
    return {"default": CredentialSettings()}


def _console() -> dict[str, NotifierSettings]:
    return {"console": NotifierSettings(kind="console")}


class Settings(BaseSettings):
    """Everything a person may configure. `load` makes it; paths in it are relative to the file's folder."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", strict=True)

    state: File = Field(default=Path("state"), description="Folder in which facts, findings and incidents are kept.")
    rules: File | None = Field(default=None, description="Folder of rules; left out, the shipped ones.")
    credentials: dict[Name, CredentialSettings] = Field(
        default_factory=_credentials, description="Credentials by name; left out, one `default` workload identity."
    )
    workspaces: dict[Name, WorkspaceSettings] = Field(
        min_length=1,
        description="Workspaces by a short name, under which all that is read of them is kept: a state refuses a"
        " workspace that it knows by another name.",
    )
    slack: SlackSettings | None = Field(default=None, description="Left out, no Slack.")
    notifiers: dict[Name, NotifierSettings] = Field(
        default_factory=_console,
        min_length=1,
        description="Where messages go, by a short name; left out, one `console`.",
    )
    routes: tuple[RouteSettings, ...] = Field(
        default=(), strict=False, description="Who is told of what; left out, every notifier of everything."
    )
    identities: File | None = Field(
        default=None, description="File that says [who owns what](identities.md), read again whenever it changes."
    )
    policy: PolicySettings = Field(default_factory=PolicySettings, description="How patient triage is.")
    serve: ServeSettings = Field(
        default_factory=ServeSettings, description="Where `mintwatch run` shows its health and its metrics."
    )
    heartbeat: HeartbeatSettings | None = Field(
        default=None, description="Whom to call after each complete cycle; left out, nobody."
    )
    daily: DailySettings = Field(default_factory=DailySettings, description="The daily digest, and the daily canary.")
    logs: LogSettings = Field(default_factory=LogSettings, description="What `mintwatch run` logs, and how.")
    keep: KeepSettings = Field(default_factory=KeepSettings, description="For how long what is in the state is kept.")
