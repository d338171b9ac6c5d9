"""Slack: what a message looks like there, and the two ways to it: the Web API, and Socket Mode."""

from monitor.notifiers.slack.rendering import blocks, code, escape, plain

__all__ = ["blocks", "code", "escape", "plain"]
