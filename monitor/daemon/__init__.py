"""The daemon: what only a process that stays needs. Its schedule, its sign of life, and what it shows of itself."""

from monitor.daemon.running import Outside, run
from monitor.daemon.vitals import Vitals

__all__ = ["Outside", "Vitals", "run"]
