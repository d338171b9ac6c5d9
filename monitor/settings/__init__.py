"""What a person configures: one YAML file and the environment over it, checked whole before anything is done."""

from monitor.settings.daemon import DailySettings, HeartbeatSettings, KeepSettings, LogSettings, ServeSettings
from monitor.settings.identities import IdentitiesFile, load_identities
from monitor.settings.logins import Logins
from monitor.settings.model import Addresses, CredentialSettings, Settings, SourceSettings, WorkspaceSettings
from monitor.settings.notifying import MayAct, NotifierSettings, SlackSettings
from monitor.settings.parts import Reference
from monitor.settings.reading import PREFIX, load
from monitor.settings.routed import policy, routes
from monitor.settings.routing import EscalationSettings, HoursSettings, PolicySettings, RouteSettings
from monitor.settings.schema import identities_schema, schema
from monitor.settings.watched import Watched, watched

__all__ = [
    "PREFIX",
    "Addresses",
    "CredentialSettings",
    "DailySettings",
    "EscalationSettings",
    "HeartbeatSettings",
    "HoursSettings",
    "IdentitiesFile",
    "KeepSettings",
    "LogSettings",
    "Logins",
    "MayAct",
    "NotifierSettings",
    "PolicySettings",
    "Reference",
    "RouteSettings",
    "ServeSettings",
    "Settings",
    "SlackSettings",
    "SourceSettings",
    "Watched",
    "WorkspaceSettings",
    "identities_schema",
    "load",
    "load_identities",
    "policy",
    "routes",
    "schema",
    "watched",
]
