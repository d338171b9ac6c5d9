"""How much the service takes: sizes, and how often."""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final


@dataclass(frozen=True, slots=True)
class Pace:
    """So many calls in any stretch of this length."""

    calls: int
    per: timedelta


TIERS: Final[Mapping[int, Pace]] = {
    tier: Pace(calls, timedelta(minutes=1)) for tier, calls in {1: 5, 2: 20, 3: 50, 4: 100}.items()
}
"""Slack's tiers of Web API methods. It promises 1 a minute in tier 1 and lets some bursts pass; here five do."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused, and what is too fast.

    Attributes
    ----------
    posts
        Messages a channel takes; None: any number.
    methods
        Pace of a method over all channels, where it is limited.
    text, update_text, blocks
        Characters of a posted text (more is cut off); bytes of an updated one, entities as they are written (more is
        refused); characters of the JSON of all blocks together (more is refused though each block is legal). The last
        two are not documented.
    metadata
        Characters of the JSON of a message's metadata.
    """

    posts: Pace | None = Pace(1, timedelta(seconds=1))
    methods: Mapping[str, Pace] = field(
        default_factory=lambda: {
            "apps.connections.open": TIERS[1],
            "chat.update": TIERS[3],
            "conversations.history": TIERS[3],
            "conversations.replies": TIERS[3],
            "usergroups.list": TIERS[2],
            "usergroups.users.list": TIERS[2],
            "views.open": TIERS[4],
            "views.update": TIERS[4],
        }
    )
    text: int = 40_000
    update_text: int = 4_000
    blocks: int = 13_200
    metadata: int = 16_000


UNPACED: Final = Limits(posts=None, methods={})
"""Every size is enforced, no caller is too fast."""


class Meter:
    """Counts calls; `throttled` says how many of each method were too many."""

    def __init__(self) -> None:
        self.throttled: Counter[str] = Counter()
        self._seen: defaultdict[tuple[str, str], deque[datetime]] = defaultdict(deque)

    def wait(self, limits: Limits, method: str, channel: str, now: datetime) -> int | None:
        """Whole seconds a caller must wait before this call, None: it may go ahead and was counted."""
        asked = [((method, ""), limits.methods.get(method))]
        if method in {"chat.postMessage", "chat.postEphemeral"}:
            asked.append((("post", channel), limits.posts))
        paced = [(key, pace) for key, pace in asked if pace is not None]
        waits = [wait for key, pace in paced if (wait := self._wait(key, pace, now)) is not None]
        if waits:
            self.throttled[method] += 1
            return max(waits)
        for key, _ in paced:
            self._seen[key].append(now)
        return None

    def _wait(self, key: tuple[str, str], pace: Pace, now: datetime) -> int | None:
        seen = self._seen[key]
        while seen and now - seen[0] >= pace.per:
            seen.popleft()
        if len(seen) < pace.calls:
            return None
        return max(1, math.ceil((seen[0] + pace.per - now).total_seconds()))
