"""Notify: what a person is told of an incident, of what a person did about it, and of a storm."""

from monitor.notify.composing import Told, compose, strongest
from monitor.notify.showing import Shown
from monitor.notify.standing import Hush
from monitor.notify.storming import gathered, worst
from monitor.notify.wording import headline, number, rarity, short, unit, who

__all__ = [
    "Hush",
    "Shown",
    "Told",
    "compose",
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
