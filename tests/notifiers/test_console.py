"""The console: compact, and no name reaches the terminal as anything but text."""

import io
from dataclasses import replace

from rich.console import Console

from monitor.model import Daily, Delivery, Digest, Message, Part
from monitor.notifiers.console import ConsoleNotifier


def printed(message: Message, *, colour: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=colour, color_system="standard" if colour else None)
    assert ConsoleNotifier(console).send(Delivery("key", Part.NEWS, message)) == message.incident
    return out.getvalue()


def test_one_message_in_a_dozen_lines(message: Message) -> None:
    text = printed(message)
    assert text.splitlines()[0].strip() == "HIGH  sp-build-agent: 412 tokens in 15 min, expected 30  opened"
    assert "expected 30.2 (12 to 60)" in text
    assert "2026-05-01 10:00 to 05-01 10:15 UTC" in text
    assert "Who owns the identity?" in text
    assert "a1b2c3d4e5, score 0.59" in text
    assert "Nobody has acknowledged it · 2 findings since 10:00 UTC" in text
    assert len(text.splitlines()) <= 14


def test_storm_is_printed_once(storm: Digest) -> None:
    out = io.StringIO()
    notifier = ConsoleNotifier(Console(file=out, width=100))
    ref = notifier.send(Delivery("key", Part.DIGEST, storm))
    notifier.send(Delivery("key", Part.DIGEST, storm, ref=ref))
    assert out.getvalue().count("STORM") == 1
    assert "sp-2: 412 tokens" in out.getvalue()


def test_next_is_the_first_step_whole(message: Message) -> None:
    steps = replace(message, runbook="1. See what it trusts,\n   and who added it.\n2. Revoke it.")
    (told,) = (line for line in printed(steps).splitlines() if "Next" in line)
    assert told.split("Next")[1].strip() == "1. See what it trusts, and who added it."
    assert "Revoke" not in printed(steps)


def test_no_name_controls_the_terminal(attacked: Message) -> None:
    text = printed(attacked)
    assert all(char == "\n" or char.isprintable() for char in text)
    assert "412 tokens" in text or len(attacked.headline) > 300


def test_markup_in_a_name_is_text(message: Message, attacked: Message) -> None:
    assert "[bold red]" not in printed(message)
    if "[bold red]" in attacked.headline:
        assert "[bold red]: 412" in printed(attacked, colour=True)


def test_daily_digest_is_printed_once_and_what_is_wrong_comes_first(day: Daily) -> None:
    out = io.StringIO()
    notifier = ConsoleNotifier(Console(file=out, width=100))
    ref = notifier.send(Delivery("key", Part.DAILY, day))
    notifier.send(Delivery("key", Part.DAILY, day, ref=ref))
    assert out.getvalue().count("DAILY") == 1
    assert out.getvalue().startswith(" DAILY  main.vault cannot be read since 05-04 03:10 UTC")
    assert "and 2 more open incidents" in out.getvalue()
