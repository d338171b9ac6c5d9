"""What rules over other rules' findings hear of them: in the window that is judged, and before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Final, TypeAlias

import numpy as np
import pandas as pd

from monitor.clock import BIN
from monitor.coverage import Hearing
from monitor.frames import ACTIVITY, SPANS, empty
from monitor.model import Finding, kind_of_evidence
from monitor.ports import Past
from monitor.rules import Rule

MOST_MEMBERS: Final = 1000
"""How many identities a finding about many of them names, at most; the most surprising first."""

Spoken: TypeAlias = tuple[str, str, str, str, datetime, datetime]
"""(rule, its stream and measure family, subject, bucket, time) of a finding made in an earlier window."""

_NAMES: Final = ["rule", "stream", "family", "subject", "term", "bucket", "seen_at", "surprise"]
_KINDS: Final = {"bucket": "datetime64[us, UTC]", "seen_at": "datetime64[us, UTC]", "surprise": "float64"}


def overhear(
    rule: Rule, said: Iterable[Finding], before: Iterable[Spoken], hearing: Mapping[str, Hearing], as_of: datetime
) -> Past:
    """The past of a rule over other rules' findings: those of stable rules about its kind of subject.

    For a rule about directories, those about their identities.
    """
    rows = chain(((*one[:4], "", one[4], one[5] - BIN, np.nan) for one in before), map(_row, said))
    scores = pd.DataFrame(rows, columns=_NAMES).astype(_KINDS)
    return Past(
        by=rule.by,
        about=rule.about,
        bucket=rule.bucket,
        settle=max((one.settle for one in hearing.values()), default=timedelta(0)),
        as_of=as_of,
        activity=empty(ACTIVITY, rule.by),
        spans=empty(SPANS, rule.by),
        after=empty({}),
        days=empty({}, rule.about),
        scores=_about(rule, scores),
        home=empty({"source": "str"}, rule.by),
        hearing=hearing,
    )


def _row(one: Finding) -> tuple[str, str, str, str, str, datetime, datetime, float]:
    return one.rule, one.stream, one.family, one.subject, one.term, one.bucket, one.time - BIN, one.surprise


def _about(rule: Rule, scores: pd.DataFrame) -> pd.DataFrame:
    """Those about the rule's kind of subject, which gets a column, and what kind of evidence they are."""
    (word, column) = rule.subject
    kind = "identity" if word == "tenant" else word
    mine = scores[scores["subject"].str.startswith(f"{kind}:")] if len(scores) else scores
    who = mine["subject"].astype("str").str.removeprefix(f"{kind}:")
    pairs = zip(mine["stream"], mine["family"], strict=True)
    return mine.assign(
        **{column: who.str.partition(":")[0] if word == "tenant" and len(mine) else who},
        evidence=pd.Series([": ".join(kind_of_evidence(*pair)) for pair in pairs], index=mine.index, dtype="str"),
    )


def surging(finding: Finding, scores: pd.DataFrame) -> Finding:
    """The finding with the identities it is about, where it is about many, and as the kind of evidence they share.

    So it stands beside what was found of each of them: one that has that kind of evidence and no other says no more
    than the finding about all.
    """
    if not finding.subject.startswith("tenant:"):
        return finding
    ((column, value),) = finding.group
    start, end = pd.Timestamp(finding.bucket), pd.Timestamp(finding.bucket_end)
    rows = scores[(scores[column] == value) & (scores["evidence"] == finding.term)]
    rows = rows[(rows["bucket"] >= start) & (rows["bucket"] < end) & (rows["seen_at"] < finding.time)]
    worst = rows.groupby("subject")["surprise"].max().reset_index()
    worst = worst.sort_values(["surprise", "subject"], ascending=[False, True])
    members = worst["subject"].str.removeprefix("identity:")[:MOST_MEMBERS]
    stream, family = rows.sort_values(["stream", "family"])[["stream", "family"]].iloc[0]
    return replace(finding, members=tuple(members), stream=str(stream), family=str(family))


def spoken(rules: Iterable[Rule], found: Iterable[tuple[str, str, datetime, datetime]]) -> list[Spoken]:
    """What of the (rule, subject, bucket, time) kept in a store counts as said: findings of stable rules over facts."""
    stable = {rule.id: rule for rule in rules if rule.status == "stable" and "scores" not in rule.judge.needs}
    return [
        (rule, stable[rule].stream, stable[rule].family, subject, bucket, time)
        for rule, subject, bucket, time in found
        if rule in stable
    ]
