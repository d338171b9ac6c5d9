"""What the dashboard shows: rows of panels, each a question and the PromQL that answers it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

HERE: Final = '{instance=~"$instance"}'
"""Which mintwatch is looked at: a variable of the dashboard."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One question.

    Attributes
    ----------
    queries
        PromQL -> how its lines are called ("" in a panel of one number).
    unit
        As Grafana calls it; `dtdurations` and `s` are lengths in seconds, `percentunit` is 0 to 1.
    width
        Of 24.
    steps
        From which value on which colour, the first without a value; for a panel of one number.
    """

    title: str
    queries: dict[str, str]
    unit: str = "short"
    about: str = ""
    kind: Literal["stat", "timeseries"] = "timeseries"
    width: int = 8
    steps: tuple[tuple[float | None, str], ...] = ()
    stacked: bool = False


def _number(title: str, query: str, unit: str, about: str, *steps: tuple[float | None, str], width: int = 3) -> Panel:
    return Panel(title, {query: ""}, unit, about, kind="stat", width=width, steps=steps or ((None, "blue"),))


def _high(warning: float, critical: float) -> tuple[tuple[float | None, str], ...]:
    """Steps of what is bad when it is high."""
    return ((None, "green"), (warning, "orange"), (critical, "red"))


def _low(critical: float, warning: float) -> tuple[tuple[float | None, str], ...]:
    """Steps of what is bad when it is low."""
    return ((None, "red"), (critical, "orange"), (warning, "green"))


VERDICT: Final = (
    _number(
        "Sources read in time",
        f"count(time() - mintwatch_source_last_success_timestamp_seconds{HERE} < 1800)"
        f" / count(mintwatch_source_last_success_timestamp_seconds{HERE})",
        "percentunit",
        "Sources that were read within the last half hour, of all that are watched.",
        *_low(0.5, 1),
    ),
    _number(
        "Oldest watermark",
        f"max(time() - mintwatch_source_watermark_timestamp_seconds{HERE})",
        "s",
        "All that arrived before is collected, in every source.",
        *_high(1800, 5400),
    ),
    _number(
        "Coverage, 24 h",
        f"min(mintwatch_coverage_ratio{HERE})",
        "percentunit",
        "Of the last 24 hours, how much was seen; of the source that was seen least.",
        *_low(0.95, 0.99),
    ),
    _number(
        "Last judgement",
        f"max(time() - mintwatch_last_tick_timestamp_seconds{HERE})",
        "s",
        "How long ago the last tick ended; there is one every five minutes.",
        *_high(600, 1200),
    ),
    _number(
        "Open incidents",
        'sum(mintwatch_incidents{instance=~"$instance", state="open"})',
        "short",
        "Nobody has them yet.",
        *_high(1, 10),
    ),
    _number(
        "Oldest waiting message",
        f"max(mintwatch_outbox_oldest_age_seconds{HERE})",
        "s",
        "How long the oldest message has waited to be sent.",
        *_high(300, 900),
    ),
    _number("Identities", f"max(mintwatch_identities{HERE})", "short", "How many identities are watched."),
    _number(
        "Up for",
        f"min(time() - process_start_time_seconds{HERE} and on (job, instance) mintwatch_build_info)",
        "dtdurations",
        "Since it was last started.",
    ),
)

SEEING: Final = (
    Panel(
        "Watermark age",
        {f"time() - mintwatch_source_watermark_timestamp_seconds{HERE}": "{{source}}"},
        "s",
        "All that arrived before is collected. It rises while a source cannot be read.",
    ),
    Panel(
        "Newest event",
        {f"time() - mintwatch_source_heard_timestamp_seconds{HERE}": "{{source}}"},
        "s",
        "How long ago the newest event happened that has arrived. It rises while a source is silent or late.",
    ),
    Panel(
        "Arrival lag, 95th percentile",
        {
            "histogram_quantile(0.95, sum by (source, le)"
            f" (rate(mintwatch_arrival_lag_seconds_bucket{HERE}[1h])))": "{{source}}"
        },
        "s",
        "How long after it happened an event arrives.",
    ),
    Panel(
        "Rows read",
        {f"sum by (source) (rate(mintwatch_rows_total{HERE}[15m]))": "{{source}}"},
        "rowsps",
        "Rows of logs that were counted, where they lie.",
        stacked=True,
    ),
    Panel(
        "What became of rows",
        {f"sum by (fate) (rate(mintwatch_rows_total{HERE}[15m]))": "{{fate}}"},
        "rowsps",
        stacked=True,
    ),
    Panel(
        "Facts",
        {f"mintwatch_live_facts{HERE}": "{{source}}"},
        "short",
        "What is kept and judged; memory and the length of a tick follow it.",
        stacked=True,
    ),
    Panel(
        "Rounds that failed, or found no table",
        {
            'sum by (source, outcome) (increase(mintwatch_polls_total{instance=~"$instance", outcome!="ok"}[30m]))': (
                "{{source}} {{outcome}}"
            )
        },
        about="In half an hour.",
    ),
    Panel(
        "Questions to Azure, 95th percentile",
        {
            "histogram_quantile(0.95, sum by (purpose, le)"
            f" (rate(mintwatch_query_duration_seconds_bucket{HERE}[15m])))": "{{purpose}}"
        },
        "s",
    ),
    Panel(
        "Throttled, and gaps",
        {
            f"sum by (source) (increase(mintwatch_throttles_total{HERE}[15m]))": "{{source}} throttled",
            f"mintwatch_gaps{HERE} > 0": "{{source}} gaps",
        },
        about="Gaps are stretches of a source that were not seen, and are known to be missing.",
    ),
)

JUDGING: Final = (
    Panel(
        "Groups of the last judgement",
        {
            f"sum(mintwatch_groups_judged{HERE})": "judged",
            f"sum(mintwatch_groups_unjudged{HERE})": "too little of a past",
        },
        about="A group is what a rule counts by, mostly an identity.",
        stacked=True,
    ),
    Panel(
        "Findings",
        {f"sum by (level) (increase(mintwatch_findings_total{HERE}[1h]))": "{{level}}"},
        about="New in an hour.",
        stacked=True,
    ),
    Panel(
        "Rules that fail, and rules that speak most",
        {
            f"sum by (rule) (increase(mintwatch_rule_errors_total{HERE}[1h])) > 0": "{{rule}} fails",
            f"topk(5, sum by (rule) (increase(mintwatch_findings_total{HERE}[1d])))": "{{rule}}",
        },
        about="Findings of a day.",
    ),
)

TELLING: Final = (
    Panel(
        "Incidents that are not over",
        {
            'sum by (level, state) (mintwatch_incidents{instance=~"$instance", state=~"open|acknowledged|snoozed"})': (
                "{{level}} {{state}}"
            )
        },
        stacked=True,
    ),
    Panel(
        "Decisions",
        {f"sum by (reason) (increase(mintwatch_decisions_total{HERE}[1h]))": "{{reason}}"},
        about="Why somebody was told, or was not; in an hour.",
        stacked=True,
    ),
    Panel(
        "Messages",
        {f"sum by (notifier, outcome) (increase(mintwatch_messages_total{HERE}[1h]))": "{{notifier}} {{outcome}}"},
        about="In an hour.",
    ),
    Panel("Waiting messages", {f"mintwatch_outbox_messages{HERE}": "{{notifier}}"}),
    Panel("Oldest waiting message", {f"mintwatch_outbox_oldest_age_seconds{HERE}": "{{notifier}}"}, "s"),
    Panel(
        "Slack's socket",
        {
            f"mintwatch_slack_socket_connected{HERE}": "connected",
            f"time() - mintwatch_slack_socket_last_message_timestamp_seconds{HERE}": "seconds since it was heard",
        },
        about="1 is connected. Heard are pongs, too: seconds stay few.",
    ),
)

ITSELF: Final = (
    Panel(
        "Where a tick's time goes",
        {
            f"sum by (stage) (rate(mintwatch_stage_duration_seconds_sum{HERE}[30m]))"
            f" / sum by (stage) (rate(mintwatch_stage_duration_seconds_count{HERE}[30m]))": "{{stage}}",
            f"sum(rate(mintwatch_tick_duration_seconds_sum{HERE}[30m]))"
            f" / sum(rate(mintwatch_tick_duration_seconds_count{HERE}[30m]))": "whole tick",
        },
        "s",
        "Mean. A tick has five minutes; collecting runs beside it.",
    ),
    Panel(
        "Memory",
        {f"process_resident_memory_bytes{HERE} and on (job, instance) mintwatch_build_info": "resident"},
        "bytes",
        "Flat, or rising with facts; anything else is a leak.",
    ),
    Panel(
        "Processor",
        {f"rate(process_cpu_seconds_total{HERE}[5m]) and on (job, instance) mintwatch_build_info": "cores"},
    ),
    Panel(
        "Open files",
        {f"process_open_fds{HERE} and on (job, instance) mintwatch_build_info": "descriptors"},
    ),
    Panel("State on disk", {f"mintwatch_state_bytes{HERE}": "{{part}}"}, "bytes", stacked=True),
    Panel(
        "Times that were missed",
        {f"sum by (reason) (increase(mintwatch_jobs_missed_total{HERE}[1h]))": "{{reason}}"},
        about="A job was still at it when its time came again, or failed unexpectedly; in an hour.",
    ),
    Panel(
        "Calls of the heartbeat",
        {f"sum by (outcome) (increase(mintwatch_heartbeat_calls_total{HERE}[1h]))": "{{outcome}}"},
        about="In an hour.",
    ),
    Panel(
        "Signs of life",
        {
            f"time() - mintwatch_beat_timestamp_seconds{HERE}": "beat",
            f"time() - mintwatch_heartbeat_last_success_timestamp_seconds{HERE}": "heartbeat",
        },
        "s",
        "How long ago.",
    ),
    Panel(
        "Canary and settings",
        {
            f"time() - mintwatch_canary_last_seen_timestamp_seconds{HERE}": "canary came through",
            f"time() - mintwatch_config_last_reload_success_timestamp_seconds{HERE}": "settings were loaded",
        },
        "s",
        "How long ago.",
    ),
)

ROWS: Final = {
    "Is all well?": VERDICT,
    "Does it see?": SEEING,
    "Does it judge?": JUDGING,
    "Is it heard?": TELLING,
    "How is it itself?": ITSELF,
}
