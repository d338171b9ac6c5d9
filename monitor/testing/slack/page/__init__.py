"""The channel as a page: what a person would see in Slack, and can press, in a browser on this machine."""

from monitor.testing.slack.page.serving import PLACES, Page

__all__ = ["PLACES", "Page"]
