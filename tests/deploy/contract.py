"""The metrics that were agreed upon, until the daemon's own registry can be asked."""

from __future__ import annotations

from typing import Final

_AGREED: Final = """
build_info{version} source_watermark_timestamp_seconds{source} source_last_success_timestamp_seconds{source}
source_heard_timestamp_seconds{source} rows_total{source,fate} facts_total{source} live_facts{source}
coverage_ratio{source} gaps{source} polls_total{source,outcome} queries_total{source,purpose,outcome}
throttles_total{source} groups_judged{rule} groups_unjudged{rule} findings_total{rule,level} rule_errors_total{rule}
incidents{level,state} decisions_total{notifier,reason} outbox_messages{notifier} outbox_oldest_age_seconds{notifier}
messages_total{notifier,outcome} slack_socket_connected slack_socket_last_message_timestamp_seconds
last_tick_timestamp_seconds jobs_missed_total{job,reason} beat_timestamp_seconds identities state_bytes{part}
state_writable heartbeat_last_success_timestamp_seconds canary_last_seen_timestamp_seconds
config_last_reload_successful config_last_reload_success_timestamp_seconds
"""
_HISTOGRAMS: Final = """
arrival_lag_seconds{source} poll_duration_seconds{source} query_duration_seconds{source,purpose}
stage_duration_seconds{stage} tick_duration_seconds
"""
_PROCESS: Final = ("start_time_seconds", "resident_memory_bytes", "cpu_seconds_total", "open_fds")


def _named(text: str) -> tuple[str, frozenset[str]]:
    name, _, labels = text.rstrip("}").partition("{")
    return f"mintwatch_{name}", frozenset(labels.split(",")) - {""}


METRICS: Final = (
    dict(map(_named, _AGREED.split()))
    | {f"{name}_{part}": labels for name, labels in map(_named, _HISTOGRAMS.split()) for part in ("sum", "count")}
    | {f"{name}_bucket": labels | {"le"} for name, labels in map(_named, _HISTOGRAMS.split())}
    | {f"process_{name}": frozenset() for name in _PROCESS}
)
