"""What happened, as compact columns: token requests and vault calls, before they become log rows."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monitor.testing.simulate.calendar import Times
from monitor.testing.simulate.chance import keys

Events = NDArray[np.void]

TOKEN: Final = np.dtype(
    [
        ("at", "i8"),  # microseconds since 1970 UTC: when the token endpoint answered
        ("key", "u8"),  # random, names the row; copies of the row share it
        ("who", "i4"),  # index of the persona
        ("resource", "i2"),  # index into apps.RESOURCES
        ("code", "i4"),  # ResultType, 0 is issued
        ("ip", "i4"),  # index into the world's addresses, -1 is none
        ("credential", "i4"),  # index into the world's credentials, -1 is none
        ("client", "i2"),  # index into apps.CLIENTS
        ("interactive", "?"),
        ("thread", "u8"),  # names the client's conversation (CorrelationId); its steps share it
    ]
)
CALL: Final = np.dtype(
    [
        ("at", "i8"),
        ("key", "u8"),
        ("who", "i4"),  # index of the persona, below 0: apps.CALLERS[-1 - who], who is no persona
        ("vault", "i4"),  # index into the world's vaults
        ("item", "i4"),  # index into the vault's items, -1 is none
        ("operation", "i2"),  # index into apps.OPERATIONS
        ("status", "i2"),  # HTTP status
        ("ip", "i4"),
        ("client", "i2"),  # index into apps.SDKS
    ]
)


def tokens(
    rng: np.random.Generator,
    who: int,
    at: Times,
    *,
    resource: ArrayLike,
    ip: ArrayLike = -1,
    credential: ArrayLike = -1,
    code: ArrayLike = 0,
    client: ArrayLike = 0,
    interactive: bool = False,
    thread: int | None = None,
) -> Events:
    """Token requests of one persona at these times; the other columns are one value or one per time."""
    rows = np.empty(len(at), dtype=TOKEN)
    rows["at"], rows["who"], rows["key"] = at, who, keys(rng, len(at))
    rows["resource"], rows["ip"], rows["credential"] = resource, ip, credential
    rows["code"], rows["client"], rows["interactive"] = code, client, interactive
    rows["thread"] = rows["key"] if thread is None else thread
    return rows


def calls(
    rng: np.random.Generator,
    who: int,
    at: Times,
    *,
    vault: ArrayLike,
    operation: ArrayLike,
    item: ArrayLike = -1,
    status: ArrayLike = 200,
    ip: ArrayLike = -1,
    client: ArrayLike = 0,
) -> Events:
    """Vault calls of one caller at these times; the other columns are one value or one per time."""
    rows = np.empty(len(at), dtype=CALL)
    rows["at"], rows["who"], rows["key"] = at, who, keys(rng, len(at))
    rows["vault"], rows["operation"], rows["item"] = vault, operation, item
    rows["status"], rows["ip"], rows["client"] = status, ip, client
    return rows


def gather(blocks: Sequence[Events], dtype: np.dtype[np.void]) -> Events:
    """All blocks in one, in the given order."""
    return np.concatenate(blocks) if blocks else np.empty(0, dtype=dtype)
