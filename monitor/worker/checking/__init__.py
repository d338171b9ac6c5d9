"""Checking before anything is watched: login, rights and every table, and what to do about each finding."""

from monitor.worker.checking.answers import Checked, Verdict
from monitor.worker.checking.checks import check

__all__ = ["Checked", "Verdict", "check"]
