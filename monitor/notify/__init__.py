"""Notify: what a person is told of an incident, of what a person did about it, and of a storm."""

from monitor.notify.composing import Told, compose
from monitor.notify.showing import Shown
from monitor.notify.storming import gathered, worst
from monitor.notify.wording import headline, number, rarity, short, unit, who

__all__ = ["Shown", "Told", "compose", "gathered", "headline", "number", "rarity", "short", "unit", "who", "worst"]
