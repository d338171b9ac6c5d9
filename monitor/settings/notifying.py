"""Whom to tell: a Slack workspace, and notifiers by name."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, model_validator

from monitor.settings.parts import File, Part, Reference, like
from monitor.written import nearest

API: Final = "https://slack.com/api/"
CHANNEL: Final = r"^[CG][A-Z0-9]{5,}$"
GROUP: Final = r"^S[A-Z0-9]{5,}$"
USER: Final = r"^[UW][A-Z0-9]{5,}$"
MENTION: Final = r"^[SUW][A-Z0-9]{5,}$"
WORKSPACE: Final = r"^T[A-Z0-9]{2,}$"
PLACE: Final = r"^(https://[^/\s]+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?)/\S*$"
"""Where a secret may be sent to: over TLS, or to this machine."""

USED: Final = {
    "console": frozenset[str](),
    "files": frozenset({"directory"}),
    "slack": frozenset({"channel", "charts"}),
    "webhook": frozenset({"url"}),
}
"""Kinds of notifiers that come with mintwatch, and the keys that each looks at."""
USES: Final = ("channel", "charts", "url", "directory", "options", "secrets")
NEEDED: Final = (("slack", "channel"), ("webhook", "url"), ("files", "directory"))


def used(kind: str) -> frozenset[str]:
    """The keys that a kind of notifier looks at, of those that only some do."""
    return USED.get(kind, frozenset({"options", "secrets"}))


def installed() -> frozenset[str]:
    """Names of the kinds of notifiers that other distributions bring, none of which is loaded for it."""
    return frozenset(entry.name for entry in entry_points(group="mintwatch.notifiers")) - set(USED)


def _api(value: str) -> str:
    if not re.search(PLACE, value):
        raise ValueError(f"expected https:// and where Slack's methods are, such as {API}, got {value!r}")
    return value.rstrip("/") + "/"


def _kind(value: object) -> object:
    known = (*USED, *sorted(installed()))
    if value not in known:
        raise ValueError(
            f"expected a kind of notifier that is installed, one of {', '.join(known)}, got {value!r}"
            f"{nearest(str(value), known)}"
        )
    return value


ChannelId: TypeAlias = Annotated[
    str,
    AfterValidator(like(CHANNEL, "the channel ID (C...), from the channel's About tab, not its name")),
    Field(json_schema_extra={"pattern": CHANNEL}),
]
GroupId: TypeAlias = Annotated[
    str,
    AfterValidator(like(GROUP, "a user group's ID (S...), which its page's menu copies")),
    Field(json_schema_extra={"pattern": GROUP}),
]
UserId: TypeAlias = Annotated[
    str,
    AfterValidator(like(USER, "a member ID (U...), which the menu of a profile copies")),
    Field(json_schema_extra={"pattern": USER}),
]
MentionId: TypeAlias = Annotated[
    str,
    AfterValidator(like(MENTION, "the ID of a user group (S...) or of a member (U...)")),
    Field(json_schema_extra={"pattern": MENTION}),
]
WorkspaceId: TypeAlias = Annotated[
    str,
    AfterValidator(like(WORKSPACE, "the workspace's ID (T...), which mintwatch check shows")),
    Field(json_schema_extra={"pattern": WORKSPACE}),
]
ApiUrl: TypeAlias = Annotated[str, AfterValidator(_api)]


class MayAct(Part):
    """Who may acknowledge, snooze, close and silence from Slack: these people, and the members of these groups."""

    users: tuple[UserId, ...] = Field(default=(), strict=False, description="Member IDs.")
    groups: tuple[GroupId, ...] = Field(default=(), strict=False, description="User group IDs.")

    @model_validator(mode="after")
    def _somebody(self) -> MayAct:
        if not self.users and not self.groups:
            raise ValueError("expected users or groups; left out, every full member of the workspace may act")
        return self


class SlackSettings(Part):
    """The Slack workspace that messages go to and people act from."""

    token: Reference | None = Field(
        default=None, description="Where the bot token (xoxb-) is; only webhooks do without."
    )
    app_token: Reference | None = Field(
        default=None,
        description="Where the app-level token (xapp-) is; left out, mintwatch only posts: nobody can act from Slack,"
        " and messages carry no buttons.",
    )
    workspace: WorkspaceId = Field(
        default="", description="ID of the workspace (T...); left out, the one the bot token belongs to."
    )
    may_act: MayAct | None = Field(
        default=None, description="Left out, every full member of the workspace: no guests, nobody from another one."
    )
    api_url: ApiUrl = Field(
        default=API, description="Where Slack's methods are: https://slack-gov.com/api/ for GovSlack, else for tests."
    )


class NotifierSettings(Part):
    """One place that messages go to."""

    kind: Annotated[str, BeforeValidator(_kind)] = Field(
        description="`slack`, `webhook` (posts to Slack only), `console`, `files`, or the name of an entry point"
        " `mintwatch.notifiers` of another distribution."
    )
    channel: ChannelId = Field(default="", description="For `slack`: the channel's ID (C...), from its About tab.")
    charts: bool = Field(default=True, description="For `slack`: whether a chart follows in the thread.")
    url: Reference | None = Field(
        default=None, description="For `webhook`: where its address is, which is a secret: who has it can post."
    )
    directory: File | None = Field(default=None, description="For `files`: the folder they are written to.")
    options: dict[str, JsonValue] = Field(
        default_factory=dict, description="For kinds of other distributions: what its class takes, by name."
    )
    secrets: dict[str, Reference] = Field(
        default_factory=dict,
        description="For kinds of other distributions: where the secrets are that its class takes, by name.",
    )
