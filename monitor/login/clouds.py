"""The Azure clouds: addresses that belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Cloud:
    """Addresses of one Azure cloud. They move together: a token of one is refused by every other.

    `authority` issues tokens, `query` answers KQL, `arm` knows workspaces and role assignments; `audience` and `vault`
    are whom tokens for Log Analytics and Key Vault are made out to. `portal` is for people; '' is unknown.
    """

    authority: str
    query: str
    audience: str
    arm: str
    vault: str = "https://vault.azure.net"
    portal: str = ""


PUBLIC: Final = Cloud(
    authority="https://login.microsoftonline.com",
    query="https://api.loganalytics.azure.com",
    audience="https://api.loganalytics.io",  # asked for by the current name of the endpoint, too
    arm="https://management.azure.com",
    portal="https://portal.azure.com",
)
US_GOVERNMENT: Final = Cloud(
    authority="https://login.microsoftonline.us",
    query="https://api.loganalytics.us",
    audience="https://api.loganalytics.us",
    arm="https://management.usgovcloudapi.net",
    vault="https://vault.usgovcloudapi.net",
    portal="https://portal.azure.us",
)
CHINA: Final = Cloud(
    authority="https://login.chinacloudapi.cn",
    query="https://api.loganalytics.azure.cn",
    audience="https://api.loganalytics.azure.cn",
    arm="https://management.chinacloudapi.cn",
    vault="https://vault.azure.cn",
    portal="https://portal.azure.cn",
)
CLOUDS: Final = {"public": PUBLIC, "us_government": US_GOVERNMENT, "china": CHINA}
"""The clouds by the name a configuration uses."""
