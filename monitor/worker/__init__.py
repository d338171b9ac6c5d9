"""The worker: the only place that knows the order of the stages."""

from monitor.worker.app import App, Progress, Report, RuleReport, SourceReport, silent
from monitor.worker.gathering import gather
from monitor.worker.judging import Judged, hear, judge
from monitor.worker.replay import replay
from monitor.worker.ticking import tick
from monitor.worker.watching import Watch, watch

__all__ = [
    "App",
    "Judged",
    "Progress",
    "Report",
    "RuleReport",
    "SourceReport",
    "Watch",
    "gather",
    "hear",
    "judge",
    "replay",
    "silent",
    "tick",
    "watch",
]
