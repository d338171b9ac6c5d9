"""What /metrics says, as far as it is ours."""

from __future__ import annotations

from docs.generate.words import heading, table
from monitor.daemon.heartbeat import LONGEST, TIMEOUT
from monitor.daemon.metrics import Metrics
from monitor.daemon.serving import PATIENCE


def metrics() -> str:
    """Every metric: its type, its labels, and what it says."""
    rows = [
        (
            f"`{family.name}{'_total' if family.type == 'counter' else ''}`",
            family.type,
            ", ".join(f"`{label}`" for label in labels),
            family.documentation,
        )
        for family, labels in sorted(Metrics().described(), key=lambda one: one[0].name)
    ]
    parts = [
        *heading(
            "Metrics",
            "`mintwatch run` answers four questions over HTTP at `serve.address` (GET and HEAD; no login, no orders).",
        ),
        *table(
            ("path", "answer"),
            [
                (
                    "`/livez`",
                    "200 while the scheduler beats and all threads are there, else 503: whether a new start could help",
                ),
                (
                    "`/healthz`",
                    "200 while the scheduler beats, all threads are there and the state can be written, else 503",
                ),
                (
                    "`/readyz`",
                    "200 once it runs by its settings, was let in, and every source has answered once, else 503",
                ),
                ("`/metrics`", "what is below, for Prometheus, as text or OpenMetrics"),
            ],
        ),
        "The first three say in JSON which check fails. None asks Azure or Slack anything: a process that is started",
        f"anew because they are down helps nobody. A question has {PATIENCE.seconds} s to arrive.\n",
        "Labels are names from the settings and words of the code, never an identity, an address or a vault: there",
        "are as many series as there are sources, rules and notifiers. What is a state of things is set after each",
        "round, so an answer waits for nothing. Times are Unix times in seconds; one that is not known yet has no",
        "series, or is 0 where that is said.\n",
        *table(("metric", "type", "labels", "says"), rows),
        "Besides, what every process says of itself: `process_*` and `python_info`.\n",
        "## Heartbeat\n",
        "After each complete cycle, `heartbeat.url` is called with GET: every source was collected in time, a",
        "judgement was concluded after that, and no message has waited for a quarter of an hour. In trouble it is",
        "called with POST at the same address with `/fail` behind its path, and the reason, which names sources, rules",
        f"and notifiers, in at most {LONGEST} characters. A call has {TIMEOUT.seconds} s, and two more tries; a",
        "redirect is not followed.",
    ]
    return "\n".join(parts) + "\n"
