"""Slack: what a message looks like there, and the two ways to it: the Web API, and Socket Mode."""

from monitor.notifiers.slack.escaping import code, escape, plain
from monitor.notifiers.slack.rendering import bare, rendered

__all__ = ["bare", "code", "escape", "plain", "rendered"]
