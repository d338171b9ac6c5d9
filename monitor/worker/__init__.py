"""The worker: the only place that knows the order of the stages."""

from monitor.worker.app import App, Report, RuleReport, SourceReport
from monitor.worker.judging import Judged, hear, judge
from monitor.worker.replay import replay
from monitor.worker.ticking import gather, tick

__all__ = ["App", "Judged", "Report", "RuleReport", "SourceReport", "gather", "hear", "judge", "replay", "tick"]
