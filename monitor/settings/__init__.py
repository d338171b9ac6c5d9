"""What a person configures: one YAML file and the environment over it, checked whole before anything is done."""

from monitor.settings.logins import Logins
from monitor.settings.model import Addresses, CredentialSettings, Settings, SourceSettings, WorkspaceSettings
from monitor.settings.notifying import MayAct, NotifierSettings, SlackSettings
from monitor.settings.parts import Reference
from monitor.settings.reading import PREFIX, load
from monitor.settings.routing import EscalationSettings, HoursSettings, PolicySettings, RouteSettings
from monitor.settings.schema import schema
from monitor.settings.watched import Watched, watched

__all__ = [
    "PREFIX",
    "Addresses",
    "CredentialSettings",
    "EscalationSettings",
    "HoursSettings",
    "Logins",
    "MayAct",
    "NotifierSettings",
    "PolicySettings",
    "Reference",
    "RouteSettings",
    "Settings",
    "SlackSettings",
    "SourceSettings",
    "Watched",
    "WorkspaceSettings",
    "load",
    "schema",
    "watched",
]
