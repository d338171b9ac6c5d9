"""Everything in the window: channels at the side, the channel, a thread beside it, a modal above."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from monitor.hostile import clip
from monitor.testing.slack.messages import Channel, Message, Whisper
from monitor.testing.slack.page.dates import day
from monitor.testing.slack.page.kit import drawn
from monitor.testing.slack.page.letters import clock, letter, whispered
from monitor.testing.slack.page.marks import marked
from monitor.testing.slack.page.parts import label, part, parts
from monitor.testing.slack.page.reader import Reader
from monitor.testing.slack.page.tree import Element, Node, el
from monitor.testing.slack.views import View

MOST: Final = 100
"""Messages that are shown, the last ones; Slack, too, loads older ones only when somebody looks for them."""


def screen(channel: Channel, reader: Reader, view: View | None) -> Element:
    """The window of a reader who looks at a channel, with the modal they have open."""
    head = channel.held.get(reader.thread)
    return el(
        "div.window",
        _side(channel, reader),
        el(
            "main",
            _top(channel),
            el("div.scroll", el("div.feed", *_feed(channel, reader))),
            _composer(f"Message #{channel.name}, or /mintwatch …", "", reader),
        ),
        _thread(channel, head, reader) if head else None,
        _modal(view, reader) if view else None,
    )


def _side(channel: Channel, reader: Reader) -> Element:
    """Other channels, and who looks."""
    places = [
        el(
            "a.place.here" if each is channel else "a.place",
            f"{'🔒' if each.private else '#'} {each.name}",
            of={"href": f"/page/{each.id}?as={reader.user}"},
        )
        for each in reader.world.channels.values()
    ]
    people = [user.id for user in reader.world.users.values() if user.id in channel.members and not user.bot]
    people += {reader.user} - {*people, ""}
    chosen = [
        el("option", reader.name(user), of={"value": user, **({"selected": ""} if user == reader.user else {})})
        for user in people
    ]
    menu = el("select", *(chosen or [el("option", "nobody is here")]), of={"data-reader": "", "aria-label": "You are"})
    return el(
        "nav.side",
        el("h1", reader.world.domain.capitalize()),
        el("h2", "Channels"),
        *places,
        el("label.you", el("span", "You are"), menu),
    )


def _top(channel: Channel) -> Element:
    count = len(channel.members)
    said = "archived" if channel.archived else f"{count} {'member' if count == 1 else 'members'}"
    return el("header.top", el("h2", f"{'🔒' if channel.private else '#'} {channel.name}"), el("small", said))


def _feed(channel: Channel, reader: Reader) -> Iterator[Node]:
    """The channel: messages and what was whispered to the reader, day by day."""
    whispers = [each for each in reader.world.whispers if _heard(each, channel, reader, thread=None)]
    entries = _ordered(channel.messages, whispers)[-MOST:]
    if not entries:
        yield el("p.empty", f"This is the very beginning of #{channel.name}.")
    last = ""
    for entry in entries:
        today = day(reader.at(entry.ts), reader.now)
        if today != last:
            yield el("h3.day", el("span", today), of={"id": f"d{reader.at(entry.ts):%Y%m%d}"})
        last = today
        if isinstance(entry, Whisper):
            yield whispered(entry, reader)
        elif entry.thread_ts is not None:
            yield _broadcast(entry, channel, reader)
        else:
            yield letter(entry, reader, more=_replies(entry, channel, reader))


def _ordered(messages: Sequence[Message], whispers: Sequence[Whisper]) -> list[Message | Whisper]:
    entries: list[Message | Whisper] = [*messages, *whispers]
    return sorted(entries, key=lambda each: each.ts)


def _heard(whisper: Whisper, channel: Channel, reader: Reader, *, thread: str | None) -> bool:
    return (whisper.channel, whisper.user, whisper.thread_ts) == (channel.id, reader.user, thread)


def _broadcast(reply: Message, channel: Channel, reader: Reader) -> Element:
    """A reply that stands in the channel, too."""
    head = channel.held.get(reply.thread_ts or "")
    said = el("p", *marked(head.text.partition("\n")[0], reader)).text if head else "a message that was deleted"
    link = _opener(reply.thread_ts or "", clip(said, 80), "thread-link")
    return letter(reply, reader, mark=el("p.mark", "replied to a thread: ", link))


def _opener(ts: str, text: str, name: str, *more: Node) -> Element:
    return el(f"button.{name}", text, *more, of={"type": "button", "data-thread": ts})


def _replies(message: Message, channel: Channel, reader: Reader) -> Sequence[Node]:
    """What a message says of its thread; nothing if it has none."""
    replies = channel.thread(message)
    whispers = [each for each in reader.world.whispers if _heard(each, channel, reader, thread=message.ts)]
    if not replies and not whispers:
        return [_opener(message.ts, "Reply in thread", "begin")]
    if not replies:
        return [_opener(message.ts, "View thread", "replies")]
    last = clock(replies[-1].ts, reader, "Last reply {date_short_pretty} at {time}")
    count = f"{len(replies)} {'reply' if len(replies) == 1 else 'replies'}"
    return [_opener(message.ts, count, "replies", el("small", last))]


def _thread(channel: Channel, head: Message, reader: Reader) -> Element:
    """The thread beside the channel."""
    replies = channel.thread(head)
    whispers = [each for each in reader.world.whispers if _heard(each, channel, reader, thread=head.ts)]
    entries = _ordered(replies, whispers)
    count = f"{len(replies)} {'reply' if len(replies) == 1 else 'replies'}"
    also = el("p.mark", f"Also sent to #{channel.name}")
    shown = [
        whispered(entry, reader)
        if isinstance(entry, Whisper)
        else letter(entry, reader, mark=also if entry.broadcast else None)
        for entry in entries
    ]
    closing = el("button.close", "✕", of={"type": "button", "data-thread": "", "aria-label": "Close the thread"})
    return el(
        "aside.thread",
        el("header.top", el("h2", "Thread"), el("small", f"# {channel.name}"), closing),
        el("div.replied", letter(head, reader), el("h3.count", el("span", count)) if replies else None, *shown),
        _composer("Reply…", head.ts, reader),
        of={"id": f"t{head.ts}"},
    )


def _composer(prompt: str, thread: str, reader: Reader) -> Element:
    of = {"name": "text", "placeholder": prompt, "autocomplete": "off", "aria-label": prompt}
    field = el("input", of={**of, **({} if reader.user else {"disabled": ""})})
    send = el("button", "➤", of={"aria-label": "Send"})
    return el("form.composer", field, send, of={"data-say": thread})


def _modal(view: View, reader: Reader) -> Element:
    """What the reader has to fill in or close."""
    body = view.body
    inner = drawn(parts(body, "blocks"), reader)
    closing = label(part(body, "close")) or "Cancel"
    sending = label(part(body, "submit"))
    cross = el("button.close", "✕", of={"type": "button", "data-dismiss": "", "aria-label": "Close"})
    form = el(
        "form.modal",
        el("header.top", el("h2", label(part(body, "title"))), cross),
        el("div.inner", *inner),
        el(
            "footer",
            el("button.button.plain", closing, of={"type": "button", "data-dismiss": ""}),
            el("button.button.primary", sending) if sending else None,
        ),
        of={"data-view": view.id, "role": "dialog", "aria-modal": "true"},
    )
    return el("div.shade", form, of={"id": f"v{view.id}"})
