"""Logging in to Entra ID: which cloud, which credential, and what to do when it is refused."""

from monitor.login.clouds import CHINA, CLOUDS, PUBLIC, US_GOVERNMENT, Cloud
from monitor.login.credentials import Credential, credential
from monitor.login.kinds import Kind, Login

__all__ = [
    "CHINA",
    "CLOUDS",
    "PUBLIC",
    "US_GOVERNMENT",
    "Cloud",
    "Credential",
    "Kind",
    "Login",
    "credential",
]
