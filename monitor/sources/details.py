"""What a directory change changed, from JSON inside JSON to one canonical line."""

from __future__ import annotations

import json
from typing import Final, TypeAlias

LONGEST: Final = 2048
"""Bytes of `detail` at most."""

CUT: Final = "…"
"""Ends a detail that was longer."""

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def canonical(targets: str) -> str:
    r"""Changed properties of AuditLogs' TargetResources as sorted JSON `[[name, old, new], ...]`; '' if there are none.

    Values that hold JSON as text are unwrapped, so that `"\"Group\""` and `"Group"` are one. Longer than 2 kB is cut
    and marked. What is no JSON is kept as text: an odd log must not stop the fold.

    >>> canonical('[{"modifiedProperties": [{"displayName": "Role", "newValue": "\\"Admin\\""}]}]')
    '[["Role",null,"Admin"]]'
    """
    if not targets:
        return ""
    try:
        parsed: Json = json.loads(targets)
    except (ValueError, RecursionError):
        return clipped(targets)
    changes = [change for target in _listed(parsed) if isinstance(target, dict) for change in _changes(target)]
    if not changes:
        return ""
    unique = {_text(change): None for change in changes}
    return clipped("[" + ",".join(sorted(unique)) + "]")


def clipped(text: str) -> str:
    """`text` in at most 2 kB of UTF-8, the cut marked."""
    data = text.encode("utf-8", "replace")
    if len(data) <= LONGEST:
        return data.decode()
    return data[: LONGEST - len(CUT.encode())].decode("utf-8", "ignore") + CUT


def _changes(target: dict[str, Json]) -> list[list[Json]]:
    return [
        [_unwrapped(change.get("displayName")), _unwrapped(change.get("oldValue")), _unwrapped(change.get("newValue"))]
        for change in _listed(target.get("modifiedProperties"))
        if isinstance(change, dict)
    ]


def _listed(value: Json) -> list[Json]:
    if isinstance(value, str):
        value = _unwrapped(value)
    return value if isinstance(value, list) else [] if value is None else [value]


def _unwrapped(value: Json) -> Json:
    """The value that text holds as JSON: quoted text, a list or an object; any other text is itself."""
    if isinstance(value, str) and value[:1] in {'"', "[", "{"}:
        try:
            inner: Json = json.loads(value)
        except (ValueError, RecursionError):
            return value
        return inner
    return value


def _text(value: Json) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
