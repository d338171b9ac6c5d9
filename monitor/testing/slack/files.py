"""files.*: an upload in three steps, and Slack taking its time with the fourth."""

from __future__ import annotations

import email
import email.policy
import mimetypes
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from monitor.clock import EPOCH
from monitor.testing.slack.calls import Call, Method
from monitor.testing.slack.http import Body, Json, RefusedError, Reply, Request
from monitor.testing.slack.messages import Message
from monitor.testing.slack.workspace import Workspace

PICTURES: Final = frozenset({"image/png", "image/jpeg", "image/gif"})
"""What Slack shows as a picture."""


@dataclass(slots=True)
class File:
    """One file.

    Attributes
    ----------
    size
        Bytes that were announced.
    content
        Bytes that came; None before they did.
    ready_at
        When Slack has processed it: only then does it have a type, can a block show it, and is it in the channel.
    shared
        Channel -> stamp of the message that shows it.
    """

    id: str
    name: str
    size: int
    title: str = ""
    alt_text: str = ""
    content: bytes | None = None
    made: datetime = EPOCH
    ready_at: datetime | None = None
    shared: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Share:
    file: File
    channel: str
    thread_ts: str | None
    comment: str


class Files:
    """The files of the workspace.

    Attributes
    ----------
    delay
        How long Slack takes, by its own clock, to process a file once its upload is complete.
    lost
        How many of the next shares Slack says it does and never does.
    """

    def __init__(self, world: Workspace) -> None:
        self._world = world
        world.unfit = self.shown
        self.delay = timedelta(0)
        self.lost = 0
        self.held: dict[str, File] = {}
        self._secrets: dict[str, str] = {}
        self._shares: list[_Share] = []
        self.methods: Mapping[str, Method] = {
            "files.completeUploadExternal": Method(self._completed, "files:write"),
            "files.getUploadURLExternal": Method(self._promised, "files:write"),
            "files.info": Method(self._told, "files:read"),
        }

    def ready(self, file: File) -> bool:
        """Whether Slack has processed it."""
        return file.ready_at is not None and self._world.clock.now >= file.ready_at

    def settle(self) -> None:
        """Show what has been processed by now where it was shared."""
        for share in [each for each in self._shares if self.ready(each.file)]:
            self._shares.remove(share)
            if self.lost:
                self.lost -= 1
                continue
            world, app = self._world, self._world.app
            channel = world.channels[share.channel]
            message = Message(
                channel.id,
                world.stamps.next(),
                app.bot.id,
                share.comment,
                thread_ts=share.thread_ts,
                files=(share.file.id,),
                bot_id=app.bot_id,
            )
            share.file.shared[channel.id] = message.ts
            channel.put(message)

    def shown(self, blocks: Json, at: str = "/blocks") -> list[str]:
        """What is wrong with the files that blocks name: they must be there, processed and pictures."""
        if isinstance(blocks, list | tuple):
            return [each for place, block in enumerate(blocks) for each in self.shown(block, f"{at}/{place}")]
        if not isinstance(blocks, dict):
            return []
        found = [each for name, part in blocks.items() for each in self.shown(part, f"{at}/{name}")]
        named = blocks.get("slack_file")
        if isinstance(named, dict) and not self._picture(named):
            found.append(f"invalid slack file [json-pointer:{at}/slack_file]")
        return found

    def take(self, request: Request) -> Reply:
        """The bytes of a file, posted raw or in a form, to the address it was promised."""
        file = self.held.get(self._secrets.get(request.path, ""))
        if file is None:
            return Reply(404, b"not found", {"Content-Type": "text/plain"})
        file.content = _sent(request)
        if len(file.content) != file.size:
            return Reply(400, b"size mismatch", {"Content-Type": "text/plain"})
        return Reply(200, f"OK - {file.size}".encode(), {"Content-Type": "text/plain"})

    def give(self, request: Request) -> Reply:
        """The bytes of a file, to who has the bot's token."""
        file = self.held.get(request.path.removeprefix("/files-pri/").partition("/")[0])
        if file is None or file.content is None or request.bearer != self._world.app.token:
            return Reply(404, b"not found", {"Content-Type": "text/plain"})
        return Reply(200, file.content, {"Content-Type": kind(file)})

    def _picture(self, named: Body) -> bool:
        address = urlsplit(str(named.get("url", ""))).path.removeprefix("/files-pri/").partition("/")[0]
        file = self.held.get(str(named.get("id", address)))
        return file is not None and self.ready(file) and kind(file) in PICTURES

    def _promised(self, call: Call) -> Body:
        file = File(f"F{len(self.held) + 1:010}", call.needed("filename"), call.number("length", 0, 2**30))
        file.alt_text, file.made = call.text("alt_txt"), self._world.clock.now
        self.held[file.id] = file
        path = f"/upload/v1/{secrets.token_hex(16)}"
        self._secrets[path] = file.id
        return {"ok": True, "upload_url": call.base + path, "file_id": file.id}

    def _completed(self, call: Call) -> Body:
        asked = [(self.held.get(str(each.get("id"))), each) for each in call.items("files", "invalid_arguments")]
        files = [(file, str(each.get("title") or file.name)) for file, each in asked if file and file.content]
        if not asked or len(files) != len(asked):
            raise RefusedError("file_not_found")
        places = [place for place in [call.text("channel_id"), *call.text("channels").split(",")] if place]
        for place in places:
            self._world.writable(place)
        for file, title in files:
            file.title, file.ready_at = title, self._world.clock.now + self.delay
            thread = call.text("thread_ts") or None
            self._shares += [_Share(file, place, thread, call.text("initial_comment")) for place in places]
        self.settle()
        return {"ok": True, "files": [{"id": file.id, "title": title} for file, title in files]}

    def _told(self, call: Call) -> Body:
        file = self.held.get(call.text("file"))
        if file is None or file.content is None:
            raise RefusedError("file_not_found")
        ready = self.ready(file)
        media = kind(file) if ready else ""
        shares: dict[str, Json] = {place: [{"ts": ts}] for place, ts in file.shared.items()}
        body: Body = {
            "id": file.id,
            "created": int(file.made.timestamp()),
            "name": file.name,
            "title": file.title,
            "mimetype": media,
            "filetype": media.rpartition("/")[2],
            "size": file.size,
            "mode": "hosted",
            "user": self._world.app.bot.id,
            "url_private": f"{call.base}/files-pri/{file.id}/{file.name}",
            "shares": {"public": shares},
        }
        return {"ok": True, "file": body}


def kind(file: File) -> str:
    """What its name says it is."""
    return mimetypes.guess_type(file.name)[0] or "application/octet-stream"


def _sent(request: Request) -> bytes:
    """The file in a request: the first part of a form, or all of it."""
    kind = request.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        return request.body
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    for part in email.message_from_bytes(head + request.body, policy=email.policy.HTTP).iter_parts():
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            return content
    return b""
