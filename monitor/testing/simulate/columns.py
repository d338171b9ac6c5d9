"""Columns of log rows made all at once: GUIDs from keys, text from small tables, nulls where nothing is known."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monitor.testing.simulate.calendar import Times
from monitor.testing.simulate.chance import Keys, mix

Column: TypeAlias = pa.Array

ARROW: Final[Mapping[str, pa.DataType]] = {
    "string": pa.string(),
    "guid": pa.string(),
    "dynamic": pa.string(),
    "datetime": pa.timestamp("us", tz="UTC"),
    "long": pa.int64(),
    "int": pa.int32(),
    "real": pa.float64(),
    "bool": pa.bool_(),
}
"""Arrow type of each Kusto type; dynamic values travel as JSON text, as from the query API."""

_HEX: Final = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), dtype=np.uint8).reshape(256, 2)
_BASE64: Final = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", dtype=np.uint8)
_GUID_PLACES: Final = np.array([n for n in range(36) if n not in (8, 13, 18, 23)])


def _bytes(key: Keys, salt: int) -> NDArray[np.uint8]:
    """Sixteen bytes per key."""
    pair = np.stack([mix(key, salt), mix(key, salt + 500)], axis=1)
    return np.ascontiguousarray(pair).view(np.uint8).reshape(len(key), 16)


def _texts(letters: NDArray[np.uint8]) -> Column:
    """Text of equal length per row."""
    count, width = letters.shape
    offsets = np.arange(count + 1, dtype=np.int32) * width
    data = pa.py_buffer(np.ascontiguousarray(letters).tobytes())
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets.tobytes()), data)


def guids(key: Keys, salt: int) -> Column:
    """A GUID per key; the same key and salt give the same GUID anywhere."""
    raw = _bytes(key, salt)
    raw[:, 6] = raw[:, 6] & 0x0F | 0x40
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    letters = np.full((len(key), 36), ord("-"), dtype=np.uint8)
    letters[:, _GUID_PLACES] = _HEX[raw].reshape(len(key), 32)
    return _texts(letters)


def digests(key: Keys, salt: int) -> Column:
    """Thirty-two hex digits per key, as versions of secrets have."""
    return _texts(_HEX[_bytes(key, salt)].reshape(len(key), 32))


def token_ids(key: Keys, salt: int) -> Column:
    """Twenty-two base64url letters per key, as UniqueTokenIdentifier has since 2023."""
    drawn = np.concatenate([_bytes(key, salt), _bytes(key, salt + 1)[:, :6]], axis=1)
    return _texts(_BASE64[drawn & 63])


def taken(values: Sequence[str | None], index: NDArray[np.integer]) -> Column:
    """The value of each row by its index; null where the index is below 0 or the value None."""
    where = pa.array(index, mask=np.asarray(index < 0))
    return pa.array(values, type=pa.string()).take(where)


def labelled(values: Mapping[int, str | None], numbers: NDArray[np.integer]) -> Column:
    """The text of each row's number; numbers without a text stay null."""
    found, inverse = np.unique(numbers, return_inverse=True)
    return taken([values.get(int(number)) for number in found], inverse)


def constant(value: object, count: int) -> Column:
    """One value in every row."""
    return pa.repeat(value, count)


def stamps(at: Times) -> Column:
    """Timestamps in UTC."""
    return pa.array(at, type=pa.int64()).cast(pa.timestamp("us", tz="UTC"))


def joined(*parts: Column | str) -> Column:
    """The parts, row by row, in one text; null where a part is null."""
    return pc.binary_join_element_wise(*parts, "")


def blanked(column: Column, where: NDArray[np.bool_], value: str | None = "") -> Column:
    """The column with `value` where told."""
    return pc.if_else(pa.array(where), pa.scalar(value, type=pa.string()), column)


def framed(schema: Mapping[str, str], columns: Mapping[str, Column], count: int) -> pa.Table:
    """A table with exactly the schema's columns in its order; what is not given is null.

    Raises
    ------
    ValueError
        A given column is not in the schema.
    """
    strange = [name for name in columns if name not in schema]
    if strange:
        raise ValueError(f"columns not in the table's schema: {', '.join(strange)}")
    arrays = []
    for name, kind in schema.items():
        given = columns.get(name)
        arrays.append(pa.nulls(count, ARROW[kind]) if given is None else given.cast(ARROW[kind]))
    return pa.table(arrays, names=list(schema))
