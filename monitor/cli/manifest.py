"""`mintwatch slack-manifest`: what Slack is told of the app, once."""

from __future__ import annotations

import sys
from importlib.resources import files


def slack_manifest() -> None:
    """Print what Slack makes the app from: https://api.slack.com/apps, Create New App, From a manifest."""
    sys.stdout.write((files("monitor.notifiers.slack") / "manifest.yml").read_text("utf-8"))
