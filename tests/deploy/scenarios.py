"""For each alert what makes it fire, and the nearest thing that does not: series as promtool writes them.

`A+BxN` is A and then N more, each larger by B; `AxN` is A and N more of the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

ME: Final = 'job="mintwatch", instance="10.1.2.3:9464"'
LABELS: Final = {"job": "mintwatch", "instance": "10.1.2.3:9464"}
HOUR: Final = "5m"
DAY: Final = "30m"
"""The steps of what takes more than an hour, and of what takes most of a day: a minute's would make them slow."""
UP: Final = {
    f"mintwatch_build_info{{{ME}, version='1'}}": "1x200",
    f"process_start_time_seconds{{{ME}}}": "0x200",
    f'mintwatch_polls_total{{{ME}, source="mintwatch", outcome="ok"}}': "0+1x200",
}
"""A mintwatch that was started at 0 and stays; its own journal it can read whatever else it cannot."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What was scraped, and what one alert says of it `at` some time.

    Attributes
    ----------
    fires
        The labels it fires with, besides its severity; None if it keeps quiet.
    value
        What its description calls the value.
    step
        How far apart samples and evaluations are.
    """

    alert: str
    at: str
    series: dict[str, str] = field(default_factory=dict)
    fires: dict[str, str] | None = None
    value: str = ""
    step: str = "1m"


def mine(name: str, values: str, **labels: str) -> dict[str, str]:
    """One series of a metric of mintwatch."""
    more = "".join(f', {key}="{value}"' for key, value in labels.items())
    return {f"mintwatch_{name}{{{ME}{more}}}": values}


def started(values: str) -> dict[str, str]:
    """UP, but started when `values` say."""
    return UP | {f"process_start_time_seconds{{{ME}}}": values}


def volume(name: str, values: str, claim: str = "state-mintwatch-0") -> dict[str, str]:
    """One of the kubelet's numbers of a volume."""
    labels = f'namespace="mintwatch", persistentvolumeclaim="{claim}"'
    return {f"kubelet_volume_stats_{name}_bytes{{{labels}}}": values}


VAULT: Final = LABELS | {"source": "prod.vault"}
CLAIM: Final = {"namespace": "mintwatch", "persistentvolumeclaim": "state-mintwatch-0"}

SCENARIOS: Final = (
    Scenario("MintwatchDown", "6m", fires={}),
    Scenario("MintwatchDown", "30m", UP),
    Scenario("MintwatchDown", "12m", mine("build_info", "1x4 stale stale 1x20")),  # an upgrade
    Scenario("MintwatchRestarting", "25m", started("0x3 240x3 480x3 720x3 960x20"), LABELS, "4"),
    Scenario("MintwatchRestarting", "25m", started("0x3 240x40")),
    Scenario("MintwatchBeatOld", "10m", UP | mine("beat_timestamp_seconds", "0x60"), LABELS, "10m 0s"),
    Scenario("MintwatchBeatOld", "10m", UP | mine("beat_timestamp_seconds", "-9+60x60")),
    Scenario(
        "MintwatchNotReady",
        "40m",
        UP | mine("polls_total", "0+1x60", source="prod.vault", outcome="failed"),
        LABELS | {"version": "1"},
    ),
    Scenario("MintwatchNotReady", "40m", UP | mine("polls_total", "0x9 1x60", source="prod.vault", outcome="ok")),
    Scenario("MintwatchNotReady", "40m", UP | mine("polls_total", "0x9 1x60", source="prod.risk", outcome="absent")),
    Scenario("MintwatchNotReady", "29m", UP),
    Scenario("MintwatchTickOld", "30m", UP | mine("last_tick_timestamp_seconds", "60x60"), LABELS),
    Scenario("MintwatchTickOld", "60m", UP | mine("last_tick_timestamp_seconds", "-240+300x20"), step=HOUR),
    Scenario("MintwatchTickOld", "60m", started("3000x20") | mine("last_tick_timestamp_seconds", "0x20"), step=HOUR),
    Scenario(
        "MintwatchTickSlow",
        "70m",
        UP | mine("tick_duration_seconds_sum", "0+200x20") | mine("tick_duration_seconds_count", "0+1x20"),
        LABELS,
        "3m 20s",
        HOUR,
    ),
    Scenario(
        "MintwatchTickSlow",
        "70m",
        UP | mine("tick_duration_seconds_sum", "0+10x20") | mine("tick_duration_seconds_count", "0+1x20"),
        step=HOUR,
    ),
    Scenario(
        "MintwatchNoSuccessfulPoll",
        "65m",
        UP
        | mine("polls_total", "0x20", source="prod.vault", outcome="ok")
        | mine("polls_total", "0x20", source="prod.vault", outcome="absent")
        | mine("polls_total", "0+1x20", source="prod.vault", outcome="failed"),
        VAULT,
        step=HOUR,
    ),
    Scenario(  # now and then a round that goes well
        "MintwatchNoSuccessfulPoll",
        "65m",
        UP | mine("polls_total", "0x4 1x4 2x4 3x4 4x4", source="prod.vault", outcome="ok"),
        step=HOUR,
    ),
    Scenario(
        "MintwatchNoSuccessfulPoll",
        "65m",
        UP
        | mine("polls_total", "0x20", source="prod.risk", outcome="ok")
        | mine("polls_total", "0+1x20", source="prod.risk", outcome="absent"),
        step=HOUR,
    ),
    Scenario(  # the round of a first history
        "MintwatchNoSuccessfulPoll",
        "55m",
        UP | mine("polls_total", "0x9 1x20", source="prod.vault", outcome="ok"),
        step=HOUR,
    ),
    Scenario(
        "MintwatchWatermarkOld",
        "2h10m",
        UP | mine("source_watermark_timestamp_seconds", "0x30", source="prod.vault"),
        VAULT,
        "2h 10m 0s",
        HOUR,
    ),
    Scenario(
        "MintwatchWatermarkOld",
        "2h10m",
        UP | mine("source_watermark_timestamp_seconds", "-3600+300x30", source="prod.vault"),
        step=HOUR,
    ),
    Scenario(
        "MintwatchWatermarkOld",  # a first history: five weeks, made up for in twenty minutes
        "40m",
        UP | mine("source_watermark_timestamp_seconds", "-3024000+150000x19 1140+60x60", source="prod.vault"),
    ),
    Scenario(
        "MintwatchCoverageGap", "65m", UP | mine("coverage_ratio", "0.97x20", source="prod.vault"), VAULT, "97%", HOUR
    ),
    Scenario("MintwatchCoverageGap", "65m", UP | mine("coverage_ratio", "0.995x20", source="prod.vault"), step=HOUR),
    Scenario(
        "MintwatchThrottled", "65m", UP | mine("throttles_total", "0+10x20", source="prod.vault"), VAULT, "60", HOUR
    ),
    Scenario("MintwatchThrottled", "65m", UP | mine("throttles_total", "0+2.5x20", source="prod.vault"), step=HOUR),
    Scenario(
        "MintwatchRuleErrors",
        "50m",
        UP | mine("rule_errors_total", "0+0.2x90", rule="vault-spike"),
        LABELS | {"rule": "vault-spike"},
        "6",
    ),
    Scenario("MintwatchRuleErrors", "50m", UP | mine("rule_errors_total", "3x90", rule="vault-spike")),
    Scenario(
        "MintwatchUnjudged",
        "13h",
        UP
        | mine("groups_judged", "10x30", rule="vault-spike")
        | mine("groups_unjudged", "50x30", rule="vault-spike")
        | mine("groups_unjudged", "40x30", rule="sp-new-network"),
        LABELS,
        "90%",
        DAY,
    ),
    Scenario(
        "MintwatchUnjudged",
        "13h",
        UP | mine("groups_judged", "60x30", rule="vault-spike") | mine("groups_unjudged", "40x30", rule="vault-spike"),
        step=DAY,
    ),
    Scenario(
        "MintwatchStorm",
        "70m",
        UP | mine("decisions_total", "0+5x20", notifier="oncall", reason="storm"),
        LABELS | {"notifier": "oncall"},
        "60",
        HOUR,
    ),
    Scenario(
        "MintwatchStorm", "70m", UP | mine("decisions_total", "0+5x20", notifier="oncall", reason="opened"), step=HOUR
    ),
    Scenario(
        "MintwatchOutboxOld",
        "10m",
        UP | mine("outbox_oldest_age_seconds", "1000x60", notifier="oncall"),
        LABELS | {"notifier": "oncall"},
        "16m 40s",
    ),
    Scenario("MintwatchOutboxOld", "10m", UP | mine("outbox_oldest_age_seconds", "600x60", notifier="oncall")),
    Scenario("MintwatchSocketDisconnected", "15m", UP | mine("slack_socket_connected", "0x60"), LABELS),
    Scenario(
        "MintwatchSocketDisconnected",  # connected, and deaf
        "20m",
        UP | mine("slack_socket_connected", "1x60") | mine("slack_socket_last_message_timestamp_seconds", "0x60"),
        LABELS,
    ),
    Scenario(
        "MintwatchSocketDisconnected",
        "20m",
        UP | mine("slack_socket_connected", "1x60") | mine("slack_socket_last_message_timestamp_seconds", "-9+60x60"),
    ),
    Scenario("MintwatchSocketDisconnected", "20m", UP),  # no Slack
    Scenario(
        "MintwatchCanaryLost",
        "27h",
        UP | mine("canary_last_seen_timestamp_seconds", "60x60"),
        LABELS,
        "1d 2h 59m 0s",
        DAY,
    ),
    Scenario("MintwatchCanaryLost", "27h", UP | mine("canary_last_seen_timestamp_seconds", "60x47 86400x20"), step=DAY),
    Scenario(  # not asked for
        "MintwatchCanaryLost", "27h", UP | mine("canary_last_seen_timestamp_seconds", "0x60"), step=DAY
    ),
    Scenario(
        "MintwatchHeartbeatFailing",
        "40m",
        UP | mine("heartbeat_calls_total", "0+0.2x60", outcome="failed"),
        LABELS,
        "6",
    ),
    Scenario(
        "MintwatchHeartbeatFailing",
        "40m",
        UP
        | mine("heartbeat_calls_total", "0+0.2x60", outcome="failed")
        | mine("heartbeat_calls_total", "0x20 1x60", outcome="ok"),
    ),
    Scenario("MintwatchHeartbeatFailing", "40m", UP),  # there is none
    Scenario("MintwatchStateUnwritable", "5m", UP | mine("state_writable", "0x60"), LABELS),
    Scenario("MintwatchStateUnwritable", "5m", UP | mine("state_writable", "1 0 1x60")),
    Scenario(
        "MintwatchDiskFilling", "70m", volume("available", "10x20") | volume("capacity", "100x20"), CLAIM, step=HOUR
    ),
    Scenario(
        "MintwatchDiskFilling",
        "90m",
        volume("available", "50-0.05x20") | volume("capacity", "100x20"),
        CLAIM,
        step=HOUR,
    ),
    Scenario(
        "MintwatchDiskFilling",
        "90m",
        volume("available", "50-0.005x20")
        | volume("capacity", "100x20")
        | volume("available", "1x20", "somebody-elses")
        | volume("capacity", "100x20", "somebody-elses"),
        step=HOUR,
    ),
    Scenario("MintwatchReloadFailed", "10m", UP | mine("config_last_reload_successful", "0x60"), LABELS),
    Scenario("MintwatchReloadFailed", "10m", UP | mine("config_last_reload_successful", "1x60")),
)
