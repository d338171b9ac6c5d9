"""Text made fit to keep: whatever could let somebody in is taken out of it.

Two nets, because either has holes: the very secrets that this process was given, and whatever looks like one. Nothing
of ours writes a secret anywhere; this is for what libraries and other people's servers say.
"""

from __future__ import annotations

import re
from collections import deque
from threading import Lock
from typing import Final

GONE: Final = "[redacted]"
SHORTEST: Final = 6
"""What is shorter hides nothing, and would be cut out of innocent words."""
REMEMBERED: Final = 64
"""How many secrets are known: renewed ones push out the oldest."""

_NAMES: Final = (
    r"authorization|proxy-authorization|x-ms-authorization-auxiliary|cookie|set-cookie|api[-_]?key|client_secret"
    r"|client_assertion|assertion|access_token|refresh_token|id_token|app_token|bot_token|token|ticket|secret|password"
    r"|passwd|pwd|sig|signature|x-identity-header|identity_header|connection_string|accountkey|sharedaccesskey"
)
NAMED: Final = re.compile(rf"(?:{_NAMES})\Z", re.IGNORECASE)
"""Names of fields whose value is never shown."""

_LOOKS: Final = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), GONE),
    (re.compile(r"\bxox[a-z](?:\.xox[a-z])?-[\w-]+|\bxapp-[\w-]+", re.IGNORECASE), GONE),  # Slack's
    (re.compile(r"\beyJ[\w-]{4,}(?:\.[\w-]*){0,4}"), GONE),  # JSON Web Tokens, whole or cut
    (re.compile(r"[\w~.-]{3}\dQ~[\w~.-]{20,40}"), GONE),  # Entra's client secrets
    (re.compile(r"/(?:services|workflows|triggers)/[TE][A-Z0-9]+/[\w/-]+"), f"/{GONE}"),  # of hooks.slack.com, any host
    (re.compile(r"(://)[^\s/@:]*:[^\s/@]+@"), rf"\1{GONE}@"),
    (re.compile(r"([?&](?:ticket|code|sig|token|key|secret)=)[^&\s\"']+", re.IGNORECASE), rf"\1{GONE}"),
    (
        re.compile(r"\b(bearer|basic|sharedkey)(\s+)(?!realm\b|authori[sz]ation\b)[\w.~+/:=-]{8,}", re.IGNORECASE),
        rf"\1\2{GONE}",
    ),
    (
        re.compile(
            rf"""\b((?:{_NAMES})["']?\s*[:=]\s*)(b?"[^"\n]*"|b?'[^'\n]*'|[^\s"',;&\)\]\}}]+)""",
            re.IGNORECASE,
        ),
        rf"\1{GONE}",
    ),
)

_known: Final[deque[str]] = deque(maxlen=REMEMBERED)
_alone: Final = Lock()


def hide(secret: str) -> str:
    """The same secret, which from now on `scrubbed` takes out of any text."""
    bare = secret.strip()
    if len(bare) >= SHORTEST and bare not in _known:
        with _alone:
            _known.append(bare)
    return secret


def scrubbed(text: str) -> str:
    """`text` without secrets.

    >>> scrubbed('POST https://hooks.slack.com/services/T01/B02/abc "Authorization": "Bearer xoxb-1-2"')
    'POST https://hooks.slack.com/[redacted] "Authorization": [redacted]'
    >>> scrubbed("expected a token of three parts, got none: code 17")
    'expected a token of three parts, got none: code 17'
    """
    for secret in tuple(_known):
        text = text.replace(secret, GONE)
    for looks, instead in _LOOKS:
        text = looks.sub(instead, text)
    return text
