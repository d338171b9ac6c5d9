"""Notify: what a person is told of an incident, of what a person did about it, of a storm, and of a day."""

from monitor.notify.composing import Told, compose, strongest
from monitor.notify.daily import Account, Covered, Stretch, accounted
from monitor.notify.showing import Shown
from monitor.notify.standing import Hush
from monitor.notify.storming import digest_line, gathered, worst
from monitor.notify.wording import headline, number, rarity, short, unit, who

__all__ = [
    "Account",
    "Covered",
    "Hush",
    "Shown",
    "Stretch",
    "Told",
    "accounted",
    "compose",
    "digest_line",
    "gathered",
    "headline",
    "number",
    "rarity",
    "short",
    "strongest",
    "unit",
    "who",
    "worst",
]
