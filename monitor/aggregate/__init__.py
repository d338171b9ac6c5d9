"""Aggregate: facts into what a rule counts (ACTIVITY), what it remembers (SPANS) and which days were judged.

The engine counts; nothing here loops over identities. The facts a rule asks for are picked by its predicate into a
narrow table whose text is numbered; the questions asked of that are the same text for every rule, so that each is
translated once. Facts are read as `facts(window, as_of)`: only those with `seen_at < as_of`.
"""

from monitor.aggregate.activity import activity
from monitor.aggregate.asking import Ask, asked, counted, earlier
from monitor.aggregate.holding import Held
from monitor.aggregate.memory import bins, home, members, spans
from monitor.aggregate.picking import FACTS_SEEN, Picked, Reading, Straight
from monitor.aggregate.shelf import Shelf

__all__ = [
    "FACTS_SEEN",
    "Ask",
    "Held",
    "Picked",
    "Reading",
    "Shelf",
    "Straight",
    "activity",
    "asked",
    "bins",
    "counted",
    "earlier",
    "home",
    "members",
    "spans",
]
