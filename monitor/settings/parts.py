"""What settings are made of: mappings that know their keys, names, lengths of time, and where secrets are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from monitor.model import Level
from monitor.rules.model import STREAMS, Duration
from monitor.written import nearest

IN_VAULT: Final = r"^https://[^/]+/secrets/[^/?#]+(/[^/?#]+)?$"
NAME: Final = r"^[a-z0-9]+([-_][a-z0-9]+)*$"
VARIABLE: Final = r"^[A-Za-z_][A-Za-z0-9_]*$"

File: TypeAlias = Annotated[Path, Field(strict=False)]


def like(pattern: str, expected: str) -> Callable[[str], str]:
    """A check that says in words what a pattern means."""

    def checked(value: str) -> str:
        if not re.search(pattern, value):
            raise ValueError(f"expected {expected}, got {value!r}")
        return value

    return checked


def _positive(value: timedelta) -> timedelta:
    if not value:
        raise ValueError("expected a length of time greater than 0")
    return value


def _variable(value: str) -> str:
    """A token put here by mistake is no name of a variable; it is not repeated."""
    if not re.search(VARIABLE, value):
        raise ValueError("expected the name of an environment variable, such as SLACK_BOT_TOKEN")
    return value


Name: TypeAlias = Annotated[
    str,
    AfterValidator(like(NAME, "a name of lower-case letters and digits, with - or _ between")),
    Field(json_schema_extra={"pattern": NAME}),
]
VariableName: TypeAlias = Annotated[str, AfterValidator(_variable), Field(json_schema_extra={"pattern": VARIABLE})]
SecretAddress: TypeAlias = Annotated[
    str,
    AfterValidator(like(IN_VAULT, "an address such as https://NAME.vault.azure.net/secrets/NAME")),
    Field(json_schema_extra={"pattern": IN_VAULT}),
]
Length: TypeAlias = Annotated[Duration, AfterValidator(_positive)]


class Part(BaseModel):
    """A mapping of the settings: no key but those it knows, no value of another kind."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Reference(Part):
    """Where a secret is to be found: exactly one of `env`, `file` and `key_vault`. It never holds the secret."""

    env: VariableName = Field(default="", description="Name of the environment variable that holds it.")
    file: File | None = Field(default=None, description="File that holds it; a final newline is not part of it.")
    key_vault: SecretAddress = Field(
        default="", description="Address of a Key Vault secret, such as https://NAME.vault.azure.net/secrets/NAME."
    )
    credential: str = Field(default="default", description="For `key_vault`: the credential that may read it.")

    @model_validator(mode="before")
    @classmethod
    def _not_in_clear(cls, value: object) -> object:
        if not isinstance(value, dict) and not isinstance(value, Reference):
            raise ValueError(
                "a secret in clear is refused; expected where it is: {env: NAME}, {file: PATH} or {key_vault: URL}"
            )
        return value

    @model_validator(mode="after")
    def _one(self) -> Reference:
        if sum(map(bool, (self.env, self.file, self.key_vault))) != 1:
            raise ValueError("expected exactly one of env, file and key_vault")
        return self


def among(words: Iterable[str], what: str) -> Callable[[object], str]:
    """A check that a text is one of `words`, which are `what`, and says which is nearest."""
    known = tuple(str(word) for word in words)

    def checked(value: object) -> str:
        if value not in known:
            raise ValueError(f"expected {what}, one of {', '.join(known)}, got {value!r}{nearest(str(value), known)}")
        return str(value)

    return checked


def zone(value: str) -> str:
    """A time zone's name as IANA has it.

    Raises
    ------
    ValueError
        If there is none of that name, with the nearest.
    """
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # also of a path, and of a folder such as Europe
        near = nearest(value, available_timezones())
        raise ValueError(f"expected a time zone such as Europe/Berlin, got {value!r}{near}") from error
    return value


Zone: TypeAlias = Annotated[str, AfterValidator(zone)]
StreamName: TypeAlias = Annotated[
    str, BeforeValidator(among(STREAMS, "a stream")), Field(json_schema_extra={"enum": list(STREAMS)})
]
LevelName: TypeAlias = Annotated[Level, BeforeValidator(lambda value: Level(among(Level, "a level")(value)))]
