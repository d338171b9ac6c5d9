"""The daemon: what only a process that stays needs. Its schedule, its sign of life, and what it shows of itself."""

from monitor.daemon.reloading import Configuration, Generation, Halt, Making, Reloader, content, watched
from monitor.daemon.running import Outside, run
from monitor.daemon.vitals import Vitals

__all__ = [
    "Configuration",
    "Generation",
    "Halt",
    "Making",
    "Outside",
    "Reloader",
    "Vitals",
    "content",
    "run",
    "watched",
]
