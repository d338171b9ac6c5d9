"""How a mintwatch that stays is looked after: where it shows its health, whom it calls, what it logs and keeps."""

from __future__ import annotations

import ipaddress
import re
from datetime import time, timedelta
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from monitor.settings.parts import Length, Name, Part, Reference, Zone, among
from monitor.settings.routing import TimeOfDay

ADDRESS: Final = r"^(\[[0-9a-fA-F:]+\]|[0-9.]+|localhost):\d{1,5}$"
LOGGER: Final = r"^[A-Za-z_][\w]*(\.[A-Za-z_][\w]*)*$"
LEVELS: Final = ("debug", "info", "warning", "error")


def _address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not re.search(ADDRESS, value) or not int(port) < 2**16:
        raise ValueError(f"expected an IP address and a port, such as 127.0.0.1:9464 or 0.0.0.0:9464, got {value!r}")
    if host != "localhost":
        try:
            ipaddress.ip_address(host.strip("[]"))
        except ValueError as error:
            raise ValueError(f"expected an IP address before the port, got {host!r}") from error
    return value


def _logger(value: str) -> str:
    if not re.search(LOGGER, value):
        raise ValueError(f"expected the name of a logger, such as mintwatch.worker or azure.core, got {value!r}")
    return value


Address: TypeAlias = Annotated[str, AfterValidator(_address)]
LogLevel: TypeAlias = Annotated[
    str, BeforeValidator(among(LEVELS, "a level of logs")), Field(json_schema_extra={"enum": list(LEVELS)})
]
Logger: TypeAlias = Annotated[str, AfterValidator(_logger), Field(json_schema_extra={"pattern": LOGGER})]


class ServeSettings(Part):
    """Where `mintwatch run` answers `/livez`, `/healthz`, `/readyz` and `/metrics`.

    They name no identity, and take no orders.
    """

    address: Address = Field(
        default="127.0.0.1:9464",
        description="IP address and port; in a container 0.0.0.0:9464, which its image sets. Port 0 is any free one.",
    )


class HeartbeatSettings(Part):
    """Whom to call after each complete cycle, so that somebody notices when the calls stop: a dead man's switch."""

    url: Reference = Field(
        description="Where the address is, such as one of healthchecks.io; `/fail` is added when a cycle has trouble."
    )


class DailySettings(Part):
    """A message a day that says how mintwatch itself is, and that people miss when it does not come."""

    digest: bool = Field(default=True, description="Whether the daily digest is sent.")
    at: TimeOfDay = Field(default=time(8), description='When, such as "08:00".', json_schema_extra={"default": "08:00"})
    zone: Zone = Field(default="UTC", description="Whose clock, such as Europe/Berlin.")
    to: tuple[Name, ...] = Field(default=(), strict=False, description="Names of notifiers; left out, all of them.")
    canary: bool = Field(
        default=True, description="Whether an event of our own goes through the whole walk every day, and is missed."
    )


class LogSettings(Part):
    """What `mintwatch run` writes to standard error."""

    format: Literal["auto", "json", "text"] = Field(
        default="auto", description="`auto` is text on a terminal, and else one JSON object per line."
    )
    level: LogLevel = Field(default="info", description="The least that is written.")
    levels: dict[Logger, LogLevel] = Field(
        default_factory=dict,
        description="What differs per logger: those of mintwatch (mintwatch.worker, mintwatch.store, ...), and of"
        " libraries, which are silent below warning unless named here.",
    )


class KeepSettings(Part):
    """How long things are kept."""

    facts: Length = Field(
        default=timedelta(days=180),
        description="Facts, by when they happened; never less than rules look back. What is older is new again.",
    )
    incidents: Length = Field(
        default=timedelta(days=400), description="Incidents that are over, with findings, decisions and messages."
    )
    backups: Annotated[int, Field(ge=1, le=100)] = Field(
        default=3, description="Copies of control.db, one a day and one before an upgrade changes it."
    )
