"""Which metrics there are and what PromQL asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import promql_parser
from ruamel.yaml import YAML

ROOT: Final = Path(__file__).resolve().parents[2]
DEPLOY: Final = ROOT / "deploy"
TARGET: Final = frozenset({"job", "instance"})
"""Labels that Prometheus gives to whatever it scrapes."""
FOREIGN: Final = {
    "kubelet_volume_stats_available_bytes": frozenset({"namespace", "persistentvolumeclaim"}),
    "kubelet_volume_stats_capacity_bytes": frozenset({"namespace", "persistentvolumeclaim"}),
}
"""Metrics of others that are asked for, and their labels."""


def read(path: Path) -> dict[str, object]:
    """A YAML file of one document, as YAML 1.2 has it."""
    document = YAML(typ="safe").load(path.read_text("utf-8"))
    assert isinstance(document, dict), path
    return document


@dataclass(frozen=True, slots=True)
class Asked:
    """A metric that a query selects, and the labels that it is matched, grouped or joined by."""

    metric: str
    labels: frozenset[str]


def asked(query: str) -> Iterator[Asked]:
    """What a query selects; of an aggregation, each metric in it with the labels it is grouped by."""
    yield from _asked(promql_parser.parse(query), frozenset())


def _asked(node: object, by: frozenset[str]) -> Iterator[Asked]:
    match node:
        case promql_parser.VectorSelector():
            yield Asked(node.name or "", by | {one.name for one in node.matchers.matchers})
        case promql_parser.MatrixSelector():
            yield from _asked(node.vector_selector, by)
        case promql_parser.AggregateExpr():
            within = by | set(node.modifier.labels if node.modifier else ())
            yield from _asked(node.expr, within)
        case promql_parser.BinaryExpr():
            within = by | _joined(node)
            yield from _asked(node.lhs, by if _joined(node.lhs) else within)  # a join's right side need not have them
            yield from _asked(node.rhs, within)
        case promql_parser.Call():
            for one in node.args:
                yield from _asked(one, by)
        case promql_parser.ParenExpr() | promql_parser.SubqueryExpr() | promql_parser.UnaryExpr():
            yield from _asked(node.expr, by)
        case promql_parser.NumberLiteral() | promql_parser.StringLiteral():
            pass
        case _:
            raise TypeError(f"unknown kind of PromQL: {node!r}")


def _joined(node: object) -> frozenset[str]:
    """The labels that the two sides of an operation are joined by."""
    if not isinstance(node, promql_parser.BinaryExpr) or not node.modifier or not node.modifier.matching:
        return frozenset()
    return frozenset(node.modifier.matching.labels)
