"""What Slack says instead of what was asked of it, as errors of ours; each says whether it may have been done.

`LaterError`, `TransientError` and `SlackRefusedError` mean that it was not done. `UnsureError` means that nobody can
say: Slack may have done it and not been heard.
"""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from urllib.error import URLError

from slack_sdk.errors import SlackApiError

from monitor.errors import LaterError, MintwatchError, PermanentError, TransientError, UnsureError
from monitor.hostile import clean, clip
from monitor.notifiers.slack.wire import Body, text

UNSAID: Final = timedelta(seconds=5)
"""How long to stay away when Slack throttles and does not say how long."""
LONGEST: Final = timedelta(hours=1)
DETAIL: Final = 300
"""Characters of what Slack says beside its code."""

_CODE: Final = re.compile(r"[A-Za-z0-9_.\-]{1,80}")
_LATER: Final = frozenset({"ratelimited", "rate_limited"})
_UNDONE: Final = frozenset(
    {"service_unavailable", "request_timeout", "team_added_to_org", "external_channel_migrating"}
)
_UNSURE: Final = frozenset({"internal_error", "fatal_error"})
"""Of both Slack's reference says that some of what was asked may have happened."""

_AGAIN: Final = "install the app again and give mintwatch the new token"
_SHORTER: Final = "what mintwatch wrote is over a limit of Slack's; please report it"
_SCREEN: Final = "press the button again"
_ADVICE: Final[Mapping[str, str]] = {
    "account_inactive": _AGAIN,
    "already_replied": "the person has the answer already",
    "cant_delete_message": "only what mintwatch's own app posted can be taken back",
    "cant_update_message": "only what mintwatch's own app posted can be changed",
    "channel_is_archived": "unarchive the channel, or name another",
    "channel_not_found": "check the channel's id (C..., not its name), and invite the bot: /invite @mintwatch",
    "duplicate_external_id": _SCREEN,
    "edit_window_closed": "the workspace does not let messages be changed for that long; allow it for apps",
    "exchanged_trigger_id": _SCREEN,
    "expired_trigger_id": _SCREEN,
    "expired_url": "a person's act can be answered for 30 minutes only",
    "fatal_error": "try again",
    "hash_conflict": "the screen was changed meanwhile",
    "invalid_auth": "check the token; a bot token starts with xoxb-, an app-level token with xapp-",
    "invalid_blocks": _SHORTER,
    "invalid_trigger_id": _SCREEN,
    "is_archived": "unarchive the channel, or name another",
    "link_disabled": "switch Socket Mode on in the app's settings",
    "message_not_found": "somebody deleted the message",
    "metadata_too_large": _SHORTER,
    "missing_scope": "add the scope to the app and install it again",
    "msg_blocks_too_long": _SHORTER,
    "msg_too_long": _SHORTER,
    "no_permission": "the workspace does not let this app do that; ask an administrator of it",
    "no_such_subteam": "check the user group's id (S...), and that it is enabled",
    "no_text": _SHORTER,
    "not_allowed_token_type": "the Web API needs a bot token (xoxb-...), Socket Mode an app-level token (xapp-...)",
    "not_authed": "give mintwatch a token",
    "not_in_channel": "invite the bot: /invite @mintwatch",
    "org_login_required": "the workspace is moving to an organisation; " + _AGAIN,
    "posting_to_general_channel_denied": "let apps post there, or name another channel",
    "restricted_action": "an administrator restricts who may post there; allow the app, or name another channel",
    "team_access_not_granted": "grant the app access to the workspace",
    "thread_not_found": "somebody deleted the message the thread hangs from",
    "token_expired": _AGAIN,
    "token_revoked": _AGAIN,
    "too_many_attachments": _SHORTER,
    "used_url": "a person's act can be answered five times only",
    "user_not_found": "the person is not in the workspace any more",
    "user_not_in_channel": "the person is not in the channel",
    "view_too_large": _SHORTER,
}

_NEVER_LEFT: Final = (ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError)
_NO_WAY: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN})


class SlackRefusedError(PermanentError):
    """Slack understood and will not do it until something is changed; `code` is Slack's word for why."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


def translated(method: str, error: Exception, where: str = "") -> MintwatchError:
    """What slack-sdk raised, in our words, without a word of what was sent or answered."""
    if isinstance(error, SlackApiError):
        found = error.response  # of the asynchronous client, at times aiohttp's own
        status = int(getattr(found, "status_code", 0) or getattr(found, "status", 0))
        return refusal(method, status, getattr(found, "headers", {}), getattr(found, "data", None), where)
    return broken(method, error)


def refusal(method: str, status: int, headers: Mapping[str, str], data: object, where: str = "") -> MintwatchError:
    """What an answer other than ok means.

    Parameters
    ----------
    data
        The answer, read; anything but a JSON object with an error is what something on the way said.
    where
        The channel it was for.
    """
    code, place = text(data, "error"), f"Slack, {method}"
    if not _CODE.fullmatch(code):
        code = ""
    if status == 429 or code in _LATER:
        after = retry_after(headers)
        return LaterError(f"{place}: too fast, come back in {after.total_seconds():.0f} s", after)
    if code in _UNDONE:
        return TransientError(f"{place}: {code}")
    if status >= 500 or code in _UNSURE:
        return UnsureError(f"{place}: {code or f'status {status}'}, it may have been done")
    if code:
        return _refused(f"{place} to {where}" if where else place, code, data if isinstance(data, Mapping) else {})
    if 400 <= status < 500 and status != 408:
        return TransientError(f"{place}: status {status} and no word of Slack's, is a proxy in the way?")
    return UnsureError(f"{place}: status {status} and an answer that cannot be read, it may have been done")


def broken(method: str, error: Exception) -> TransientError:
    """What it means that there is no answer at all."""
    cause = error.reason if isinstance(error, URLError) and isinstance(error.reason, Exception) else error
    what = f"Slack, {method}: {_named(cause)}"
    if isinstance(error, URLError) and _never_left(cause):
        return TransientError(f"{what}, it was not sent")
    return UnsureError(f"{what}, it may have been done")


def retry_after(headers: Mapping[str, str]) -> timedelta:
    """How long Slack says to stay away."""
    said = next((str(value) for name, value in headers.items() if name.lower() == "retry-after"), "")
    return min(timedelta(seconds=int(said)), LONGEST) if re.fullmatch(r"\d{1,9}", said) else UNSAID


def _refused(place: str, code: str, data: Body) -> SlackRefusedError:
    detail = clip(clean(text(data, "needed") or _messages(data)), DETAIL)
    said = f"{code} ({detail})" if detail else code
    advice = _ADVICE.get(code, "see what Slack's reference of the method says of it")
    return SlackRefusedError(f"{place}: {said}: {advice}", code)


def _messages(data: Body) -> str:
    """Slack's own words about what is wrong with blocks: which of them, and why."""
    metadata = data.get("response_metadata")
    messages = metadata.get("messages") if isinstance(metadata, Mapping) else None
    return "; ".join(str(each) for each in messages) if isinstance(messages, list) else ""


def _never_left(cause: Exception) -> bool:
    """Whether no connection was made, so that nothing can have been done."""
    tunnel = isinstance(cause, OSError) and str(cause).startswith("Tunnel connection failed")
    return tunnel or isinstance(cause, _NEVER_LEFT) or (isinstance(cause, OSError) and cause.errno in _NO_WAY)


def _named(cause: Exception) -> str:
    """An error's name, and what the system says of it; never its text, which may quote what was sent."""
    said = cause.strerror if isinstance(cause, OSError) else None
    return f"{type(cause).__name__} ({said})" if said else type(cause).__name__
