"""Which files there are, and whether they are as what they are made from would have them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from deploy.generate import dashboard

DEPLOY: Final = Path(__file__).parents[1]
ALERTS: Final = DEPLOY / "prometheus" / "alerts.yml"

HEAD: Final = """\
# The rules of deploy/prometheus/alerts.yml, for the Prometheus Operator. Made by `make docs`; change it there.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: mintwatch
  namespace: mintwatch
  labels:
    app.kubernetes.io/name: mintwatch
    # What your Prometheus selects rules by (its `ruleSelector`); kube-prometheus-stack asks for the label `release`.
spec:
"""


def prometheusrule() -> str:
    """The PrometheusRule: the groups of alerts.yml, word for word and with their comments, under `spec`."""
    _, found, groups = ALERTS.read_text("utf-8").partition("\ngroups:\n")
    if not found:
        raise ValueError(f"{ALERTS}: expected a line `groups:`")
    lines = ("groups:\n" + groups).splitlines()
    return HEAD + "".join(f"  {line}\n" if line else "\n" for line in lines)


MADE: Final[Mapping[str, Callable[[], str]]] = {
    "grafana/dashboard.json": dashboard.dashboard,
    "kubernetes/monitoring/prometheusrule.yml": prometheusrule,
}


def stale(folder: Path = DEPLOY) -> list[str]:
    """The files that are not as what they are made from would have them."""
    return [
        name
        for name, make in MADE.items()
        if not (folder / name).is_file() or (folder / name).read_text("utf-8") != make()
    ]


def main() -> int:
    """Write what is stale."""
    for name in stale():
        (DEPLOY / name).write_text(MADE[name](), "utf-8")
        sys.stdout.write(f"deploy/{name}\n")
    return 0
