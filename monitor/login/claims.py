"""Who we are: what the token that we were given says of its owner."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Final

APPLICATION: Final = ("appid", "azp")
"""The claim that names the application: in tokens of version 1, and of version 2."""


def application(token: str) -> str:
    """The application that an access token was issued to, lower case; '' if it does not say.

    The token is ours and was not sent by anybody else, so its signature is not looked at; and it is meant for its
    audience, so it need not be readable at all. Source: learn.microsoft.com, "Access token claims reference".

    >>> application("e30.eyJhcHBpZCI6ICJBQkMifQ.")
    'abc'
    >>> application("opaque"), application("e30.W10.")
    ('', '')
    """
    parts = token.split(".")
    if len(parts) != 3:
        return ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return ""
    named = [claims.get(name) for name in APPLICATION] if isinstance(claims, dict) else []
    return next((one.lower() for one in named if isinstance(one, str)), "")
