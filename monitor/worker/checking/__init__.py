"""Checking before anything is watched: login, rights, every table, who is told, and what to do about each finding."""

from monitor.worker.checking.answers import Checked, Verdict
from monitor.worker.checking.checks import check
from monitor.worker.checking.keeping import check_keeping
from monitor.worker.checking.telling import check_telling

__all__ = ["Checked", "Verdict", "check", "check_keeping", "check_telling"]
