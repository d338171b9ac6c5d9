"""`mintwatch demo-slack`: what a person sees of it in a browser, and what happens when they press something."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.testing.browser import Browser, needed

needed()

SMALL = ("--days", "14", "--identities", "30", "--seed", "3")
LIVE = "[...document.querySelectorAll('article.message')].filter(one => one.querySelector('[data-act=acknowledge]'))"


@contextmanager
def playing() -> Iterator[str]:
    """The demo as a process of its own; the address of its page. SIGTERM ends it, quietly and well."""
    command = [sys.executable, "-m", "monitor", "demo-slack", *SMALL]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        try:
            address = next(
                filter(None, (re.search(r"http://127\.0\.0\.1:\d+/page/\w+", line) for line in running.stdout))
            )
            yield address.group()
        finally:
            running.send_signal(signal.SIGTERM)
            code, said = running.wait(30), running.stderr.read()
        assert (code, said) == (0, "")


@pytest.mark.slow
def test_a_press_of_acknowledge_changes_the_message_and_the_log_in_its_thread(browser: Browser) -> None:
    with playing() as address, browser.page(address, width=1360, height=900) as page:
        page.wait("document.querySelector('article.message')")
        assert page.wait(f"{LIVE}.length > 0"), "expected an incident that is open"
        stamp = page.evaluate(f"{LIVE}.at(-1).dataset.ts")
        card = f"article.message[data-ts='{stamp}']"
        before = page.text(f"{card} h3, {card} .header")
        page.click(f"{card} [data-act=acknowledge]")
        page.shows("ACKNOWLEDGED", card)
        page.shows("Acknowledged by ann", card)
        assert "ACKNOWLEDGED" not in before
        page.click(f"{card} .replies")
        page.shows("ann acknowledged it", ".thread")
        page.wait("document.querySelector('.thread img.picture')?.naturalWidth > 100")
        assert page.complaints == []
