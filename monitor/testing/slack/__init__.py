"""A local Slack that slack-sdk talks to unmodified: messages, threads, buttons, and everything that goes wrong.

For tests of notifiers and for demos. `LocalSlack` serves, over HTTP on this machine, what mintwatch asks of Slack, and
enforces the limits Slack enforces. Needs the extra `mintwatch[testing]`.

>>> from slack_sdk import WebClient
>>> with LocalSlack() as slack:
...     alerts = slack.channel("alerts")
...     client = WebClient(slack.token, base_url=slack.url, retry_handlers=[])
...     told = client.chat_postMessage(channel=alerts.id, text="Mass consent grant by <build-agent>")
...     print(alerts.messages[0].text, told["ts"] == alerts.messages[0].ts)
Mass consent grant by &lt;build-agent&gt; True
"""

from monitor.testing.clocks import Clock
from monitor.testing.slack import faults
from monitor.testing.slack.acting import Act
from monitor.testing.slack.appointments import Faults
from monitor.testing.slack.faults import Effect, Fault
from monitor.testing.slack.files import File
from monitor.testing.slack.http import Reply, Request
from monitor.testing.slack.limits import UNPACED, Limits, Pace
from monitor.testing.slack.messages import Channel, Message, Whisper
from monitor.testing.slack.mrkdwn import Link, links, pings
from monitor.testing.slack.service import LocalSlack
from monitor.testing.slack.sockets import Ack, Sockets
from monitor.testing.slack.views import View
from monitor.testing.slack.workspace import App, Group, User

__all__ = [
    "UNPACED",
    "Ack",
    "Act",
    "App",
    "Channel",
    "Clock",
    "Effect",
    "Fault",
    "Faults",
    "File",
    "Group",
    "Limits",
    "Link",
    "LocalSlack",
    "Message",
    "Pace",
    "Reply",
    "Request",
    "Sockets",
    "User",
    "View",
    "Whisper",
    "faults",
    "links",
    "pings",
]
