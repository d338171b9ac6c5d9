"""What is written beside the logs: one label per attack, one line of truth per identity."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, Literal

Grade = Literal["blatant", "moderate", "subtle"]
GRADES: Final[tuple[Grade, ...]] = ("blatant", "moderate", "subtle")


@dataclass(frozen=True, slots=True)
class Label:
    """What an attack was, for scoring.

    `kind` is an id listed in `attacks.ATTACKS` (D1, D43, ...); identities are bare lower-case object ids; the attack
    covers [start, end].
    """

    attack: str
    kind: str
    title: str
    grade: Grade
    identities: tuple[str, ...]
    ips: tuple[str, ...]
    vaults: tuple[str, ...]
    start: datetime
    end: datetime

    def row(self) -> dict[str, object]:
        """The label as a JSON row; times are ISO text with Z."""
        return asdict(self) | {"start": _iso(self.start), "end": _iso(self.end)}

    @classmethod
    def parse(cls, row: Mapping[str, object]) -> "Label":
        """The label of a JSON row as `row` writes it; keys it does not know are ignored.

        Raises
        ------
        ValueError
            A key is missing, the grade is none of GRADES, or a time is no ISO text.
        """
        missing = [key for key in _KEYS if key not in row]
        if missing:
            raise ValueError(f"label without {', '.join(missing)}; expected {', '.join(_KEYS)}")
        grade = next((one for one in GRADES if one == row["grade"]), None)
        if grade is None:
            raise ValueError(f"label {row['attack']}: grade must be one of {', '.join(GRADES)}, got {row['grade']!r}")
        return cls(
            str(row["attack"]),
            str(row["kind"]),
            str(row.get("title", "")),
            grade,
            _texts(row["identities"]),
            _texts(row["ips"]),
            _texts(row["vaults"]),
            datetime.fromisoformat(str(row["start"])),
            datetime.fromisoformat(str(row["end"])),
        )


@dataclass(frozen=True, slots=True)
class Resident:
    """The truth about one identity of a simulated tenant."""

    oid: str
    name: str
    kind: str
    behaviour: str


_KEYS: Final = ("attack", "kind", "grade", "identities", "ips", "vaults", "start", "end")


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f"label: expected a list of texts, got {value!r}")
    return tuple(str(one) for one in value)
