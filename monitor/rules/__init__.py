"""Rules: what to count and how to judge it, one YAML file each; metadata follows Sigma's conventions."""

from monitor.rules.model import (
    AFTER,
    HEALTH,
    KUSTO_FACTS,
    STREAMS,
    Dimension,
    Duration,
    Measure,
    Rule,
    bracketed,
    duration,
)
from monitor.rules.reading import load, read, shipped

__all__ = [
    "AFTER",
    "HEALTH",
    "KUSTO_FACTS",
    "STREAMS",
    "Dimension",
    "Duration",
    "Measure",
    "Rule",
    "bracketed",
    "duration",
    "load",
    "read",
    "shipped",
]
