"""Emoji by the names Slack has for them: those that alerts are made of."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Final

_WORDS: Final = (files("monitor.testing.slack.page") / "emoji.txt").read_text(encoding="utf-8").split()

EMOJI: Final[Mapping[str, str]] = dict(zip(_WORDS[::2], _WORDS[1::2], strict=True))
