"""The scoring unit: one piece of code scores mintwatch and whatever it is compared with.

A *claim* is all findings of one subject whose `time` falls in one UTC day, scored by their maximum. It is true if its
subject (or, where the subject is no identity, its own value or the majority of a finding's `members`) belongs to an
attack and the bucket of such a finding overlaps [start, end + 1 h]. An attack is found by a true claim; further ones on
it are ignored; every other claim is false. The time to detect is read at a threshold: from the attack's start to its
first finding that makes a claim true and itself scores that much, for only then would somebody have been told.

Choices where that leaves room:

- A bucket is [`bucket`, `bucket_end`). Without `bucket_end` it lasts to `time`, by when it had been judged, and at most
  1 h.
- In the warm-up neither claims nor attacks count: findings timed before its end are left out, attacks that start before
  it are no one's to find, and a claim on such an attack alone is neither true nor false.
- Precision at a score is attacks found / (attacks found + false claims). For claims that meet one attack each it is the
  precision over claims; it does not depend on their order.
- Claims of equal score stand or fall together, as no threshold parts them.
- A claim scored NaN says nothing, and is left out.
- A claim may owe its maximum to a finding on something else. The attack then counts as found at that score, but has no
  time to detect there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from monitor.clock import aware, iso
from monitor.errors import InputError
from monitor.ports import Engine, Tables
from monitor.testing.scoreboard import Outcome, Scoreboard, table, to_json
from monitor.testing.simulate.label import Label

__all__ = [
    "Label",
    "Scoreboard",
    "claims",
    "identity_days",
    "read_findings",
    "read_labels",
    "score",
    "table",
    "to_json",
]

GRACE: Final = timedelta(hours=1)
"""How long after its end an attack may still be noticed; also the longest a bucket of unsaid length lasts."""

Bools = npt.NDArray[np.bool_]


def read_labels(path: Path) -> tuple[Label, ...]:
    """The attacks of an NDJSON file, in order of start.

    Raises
    ------
    InputError
        Naming file and line where one cannot be read.
    """
    labels = []
    for where, row in _lines(path):
        try:
            label = Label.parse(row)
            labels.append(replace(label, start=aware(label.start, "start"), end=aware(label.end, "end")))
        except ValueError as error:
            raise InputError(f"{where}: {error}") from error
    return tuple(sorted(labels, key=lambda one: (one.start, one.attack)))


def read_findings(path: Path) -> list[Mapping[str, object]]:
    """The findings of an NDJSON file as `mintwatch backtest` writes it, or another finder's.

    Raises
    ------
    InputError
        Naming file and line that is no JSON object, or lacks time, bucket, subject or score.
    """
    found = []
    for where, row in _lines(path):
        if missing := {"time", "bucket", "subject", "score"} - row.keys():
            raise InputError(f"{where}: expected a finding, it lacks {', '.join(sorted(missing))}")
        found.append(row)
    return found


def claims(findings: Iterable[Mapping[str, object]]) -> pd.DataFrame:
    """Findings as rows of claims.

    Returns
    -------
    DataFrame
        One row per finding: `claim` (number of its (subject, UTC day of `time`)), `claim_score` (the claim's maximum),
        `subject`, `value` (subject without its word and issuer, lower case), `is_identity`, `members` (a frozenset of
        bare ids), `time`, `bucket`, `bucket_end` (aware UTC). The order of the findings does not matter.
    """
    frame = pd.DataFrame(
        [
            (row["subject"], row["score"], row["time"], row["bucket"], row.get("bucket_end"), _members(row))
            for row in findings
        ],
        columns=["subject", "score", "time", "bucket", "bucket_end", "members"],
    ).astype({"subject": str, "score": float})
    frame = frame[frame["score"].notna()].reset_index(drop=True)
    for column in ("time", "bucket", "bucket_end"):
        frame[column] = pd.to_datetime(frame[column], utc=True, format="ISO8601").astype("datetime64[us, UTC]")
    latest = frame["bucket"] + GRACE
    unsaid = frame["time"].where(frame["time"] < latest, latest)
    value = frame["subject"].str.replace(r"^[^:]*:", "", regex=True).str.lower()
    is_identity = frame["subject"].str.startswith("identity:")
    grouped = frame.groupby([frame["subject"], frame["time"].dt.floor("D")], sort=True)
    return frame.assign(
        bucket_end=frame["bucket_end"].fillna(unsaid),
        value=value.where(~is_identity, value.str.replace(r"^.*:", "", regex=True)),
        is_identity=is_identity,
        claim=grouped.ngroup(),
        claim_score=grouped["score"].transform("max"),
    )


def score(
    findings: Iterable[Mapping[str, object]], labels: Sequence[Label], identity_days: int, warm_up_end: datetime
) -> Scoreboard:
    """The scoreboard of one finder on one world.

    Parameters
    ----------
    findings
        As `read_findings` gives them: `time`, `bucket`, `subject`, `score`, and `bucket_end`, `members` where known.
    identity_days
        As `identity_days` counts them.
    warm_up_end
        Before it neither claims nor attacks count.
    """
    rows = claims(row for row in findings if _moment(row["time"]) >= warm_up_end)
    outcomes, met = [], set()
    for label in labels:
        true = rows[_true(rows, label)]
        met |= set(true["claim"])
        if label.start >= warm_up_end:
            found = true.groupby("claim")["claim_score"].first()
            after = (max(at - label.start, timedelta(0)) for at in true["time"])
            told = sorted(zip(map(float, true["score"]), after, strict=True))
            outcomes.append(Outcome(label, tuple(sorted(map(float, found))), tuple(told)))
    false = rows[~rows["claim"].isin(met)].groupby("claim")["claim_score"].first()
    return Scoreboard(identity_days, tuple(outcomes), tuple(sorted(map(float, false), reverse=True)))


def identity_days(engine: Engine, facts: Tables, warm_up_end: datetime) -> int:
    """How many (identity, UTC day) pairs have at least one fact after the warm-up; `facts` holds the table `facts`."""
    query = (
        f"facts\n| where at >= datetime({iso(warm_up_end)}) and isnotempty(identity)\n"
        "| distinct identity, day = bin(at, 1d)\n| count"
    )
    return int(engine.run(query, facts).column(0)[0].as_py())


def _true(rows: pd.DataFrame, label: Label) -> Bools:
    """Which findings make their claim true for this attack."""
    identities = frozenset(map(_bare, label.identities))
    things = [thing.lower() for thing in (*label.ips, *label.vaults)]
    mine = rows["value"].isin(identities) & rows["is_identity"]
    touched = rows["value"].isin(things) & ~rows["is_identity"]
    points = rows["bucket_end"] <= rows["bucket"]
    reaches = (rows["bucket_end"] > label.start) | (points & (rows["bucket"] >= label.start))
    near = (rows["bucket"] <= label.end + GRACE) & reaches
    crowd = np.array(
        [2 * len(members & identities) > len(members) for members in rows["members"].tolist()], dtype=np.bool_
    )
    return np.asarray(near & (mine | touched | (~rows["is_identity"] & crowd)), dtype=np.bool_)


def _bare(identity: str) -> str:
    """The object id without its issuer."""
    return identity.rpartition(":")[2].lower()


def _members(row: Mapping[str, object]) -> frozenset[str]:
    members = row.get("members") or ()
    if not isinstance(members, Sequence) or isinstance(members, str):
        raise InputError(f"finding of {row['subject']}: expected members to be a list, got {members!r}")
    return frozenset(_bare(str(member)) for member in members)


def _moment(value: object) -> datetime:
    at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return aware(at, "time")


def _lines(path: Path) -> Iterable[tuple[str, Mapping[str, object]]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise InputError(f"{path}:{number}: not JSON: {error}") from error
            if not isinstance(row, dict):
                raise InputError(f"{path}:{number}: expected a JSON object, got {type(row).__name__}")
            yield f"{path}:{number}", row
