"""Text made fit to keep: whatever could let somebody in is taken out of it.

Two nets, because either has holes: the very secrets that this process was given, and whatever looks like one. Nothing
of ours writes a secret anywhere; this is for what libraries and other people's servers say.
"""

from __future__ import annotations

import json
import re
from threading import Lock
from typing import Final
from urllib.parse import quote, urlsplit

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

_known: Final[dict[str, tuple[str, ...]]] = {}
_alone: Final = Lock()


def hide(secret: str) -> str:
    """The same secret, which from now on `scrubbed` takes out of any text, also as JSON and addresses write it.

    Of an address the path alone is a secret, too: libraries tell it apart from the host.
    """
    bare = secret.strip()
    written = {bare, quote(bare), quote(bare, safe=""), json.dumps(bare)[1:-1]}
    if "://" in bare:
        written.add(urlsplit(bare).path)
    with _alone:
        if bare not in _known:
            _known[bare] = tuple(sorted((one for one in written if len(one) >= SHORTEST), key=len, reverse=True))
        while len(_known) > REMEMBERED:
            del _known[next(iter(_known))]
    return secret


def scrubbed(text: str) -> str:
    """`text` without secrets.

    >>> scrubbed('POST https://hooks.slack.com/services/T01/B02/abc "Authorization": "Bearer xoxb-1-2"')
    'POST https://hooks.slack.com/[redacted] "Authorization": [redacted]'
    >>> scrubbed("expected a token of three parts, got none: code 17")
    'expected a token of three parts, got none: code 17'
    """
    for forms in tuple(_known.values()):
        for one in forms:
            text = text.replace(one, GONE)
    for looks, instead in _LOOKS:
        text = looks.sub(instead, text)
    return text
