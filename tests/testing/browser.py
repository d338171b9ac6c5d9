"""A browser without a window, driven as a person would: Debian's chromium, over the DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

import aiohttp
import pytest

from monitor.testing.slack.http import Json

Result = TypeVar("Result")
Told: TypeAlias = "Mapping[str, Json]"

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
MISSING: Final = "chromium is not installed: apt-get install --no-install-recommends chromium"
FLAGS: Final = (
    "--headless",
    "--no-sandbox",  # tests run as root in containers
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--hide-scrollbars",
    "--no-first-run",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
    "--remote-debugging-address=127.0.0.1",
)
_LISTENING: Final = re.compile(r"DevTools listening on (ws://\S+)")
_PATIENCE: Final = 10.0


class BrowserError(AssertionError):
    """What the browser has against what it was told."""


def found() -> str | None:
    """Where chromium is."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def needed() -> None:
    """Said at the top of a module: without chromium all of it is skipped in one line; in CI, each test fails."""
    if found() is None and os.environ.get("CI") != "true":
        pytest.skip(MISSING, allow_module_level=True)


def installed() -> str:
    """Where chromium is; without it the test is skipped, in CI failed."""
    path = found()
    if path is None:
        needed()
        pytest.fail(f"{MISSING} (as .ci/run does)", pytrace=False)
    return path


class Browser:
    """One running chromium; its pages share nothing but that."""

    def __init__(self, address: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="browser", daemon=True)
        self._thread.start()
        self._wire = self.do(_connected(address))

    def do(self, work: Coroutine[object, object, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def close(self) -> None:
        self.do(self._wire.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextmanager
    def page(self, url: str, *, width: int = 1280, height: int = 800, zone: str = "UTC") -> Iterator[Page]:
        """A page that has loaded, in a profile of its own."""
        context = _text(self.do(self._wire.tell("Target.createBrowserContext")), "browserContextId")
        target: Told = {"url": "about:blank", "browserContextId": context, "width": width, "height": height}
        opened = _text(self.do(self._wire.tell("Target.createTarget", target)), "targetId")
        attached = self.do(self._wire.tell("Target.attachToTarget", {"targetId": opened, "flatten": True}))
        page = Page(self, self._wire, _text(attached, "sessionId"))
        try:
            page.prepare(width, height, zone)
            page.open(url)
            yield page
        finally:
            self.do(self._wire.tell("Target.disposeBrowserContext", {"browserContextId": context}))


class Page:
    """One page. `complaints`: what the browser wrote to its console: errors, refusals by the page's policy."""

    def __init__(self, browser: Browser, wire: _Wire, session: str) -> None:
        self._browser, self._wire, self._session = browser, wire, session

    @property
    def complaints(self) -> list[str]:
        return [text for session, text in self._wire.complaints if session == self._session]

    def tell(self, method: str, told: Told | None = None) -> Told:
        return self._browser.do(self._wire.tell(method, told or {}, self._session))

    def prepare(self, width: int, height: int, zone: str) -> None:
        for domain in ("Page", "Runtime", "Log"):
            self.tell(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.tell("Emulation.setDeviceMetricsOverride", size)
        self.tell("Emulation.setTimezoneOverride", {"timezoneId": zone})

    def open(self, url: str) -> None:
        answer = self.tell("Page.navigate", {"url": url})
        if answer.get("errorText"):
            raise BrowserError(f"{url}: {answer['errorText']}")
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def evaluate(self, script: str) -> Json:
        """The value of a script, awaited if it is a promise."""
        told: Told = {"expression": script, "awaitPromise": True, "returnByValue": True, "userGesture": True}
        answer = self.tell("Runtime.evaluate", told)
        if "exceptionDetails" in answer:
            raise BrowserError(_complaint({"method": "Runtime.exceptionThrown", "params": answer}))
        result = answer["result"]
        assert isinstance(result, dict)
        return result.get("value")

    def wait(self, claim: str, seconds: float = _PATIENCE) -> Json:
        """The value of the claim, once it is true of the page."""
        script = f"""new Promise((done, failed) => {{
            const end = performance.now() + {1000 * seconds};
            (function look() {{
                let value; try {{ value = {claim}; }} catch (error) {{ value = null; }}
                if (value) return done(value);
                if (performance.now() > end) return failed(new Error("not in time: " + {json.dumps(claim)}));
                setTimeout(look, 10);
            }})();
        }})"""
        return self.evaluate(script)

    def text(self, selector: str) -> str:
        """What there is to read in the first element found."""
        return str(self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText"))

    def shows(self, text: str, selector: str = "body") -> None:
        """Wait until a text can be read."""
        self.wait(f"document.querySelector({json.dumps(selector)})?.innerText.includes({json.dumps(text)})")

    def click(self, selector: str) -> None:
        """Press the mouse on the middle of the first element found, once it is there and nothing covers it."""
        place = self.wait(f"""(() => {{
            const node = document.querySelector({json.dumps(selector)});
            node.scrollIntoView({{ block: "nearest" }});
            const box = node.getBoundingClientRect();
            const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
            const hit = document.elementFromPoint(x, y);
            return box.width && (node.contains(hit) || hit?.closest("label")?.contains(node)) && [x, y];
        }})()""")
        assert isinstance(place, list)
        told = {"x": place[0], "y": place[1], "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            self.tell("Input.dispatchMouseEvent", {"type": kind, **told})

    def write(self, selector: str, text: str) -> None:
        """Type into a field."""
        self.click(selector)
        self.tell("Input.insertText", {"text": text})

    def press(self, key: str) -> None:
        """Press a key that writes nothing, or Enter."""
        code = {"Enter": 13, "Escape": 27}[key]
        told: Told = {"key": key, "code": key, "windowsVirtualKeyCode": code, **({"text": "\r"} if code == 13 else {})}
        for kind in ("keyDown", "keyUp"):
            self.tell("Input.dispatchKeyEvent", {"type": kind, **told})

    def choose(self, selector: str, value: str) -> None:
        """Choose from a menu, or set a date, as its own picker does."""
        self.wait(f"document.querySelector({json.dumps(selector)})")
        self.evaluate(f"""(() => {{
            const node = document.querySelector({json.dumps(selector)});
            node.value = {json.dumps(value)};
            node.dispatchEvent(new Event("change", {{ bubbles: true }}));
        }})()""")

    def screenshot(self, path: Path) -> None:
        """A picture of the window, as PNG."""
        path.write_bytes(base64.b64decode(_text(self.tell("Page.captureScreenshot", {"format": "png"}), "data")))


class _Wire:
    """The one connection to the browser: commands, each with its answer, and what the pages complain of."""

    def __init__(self, session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.complaints: list[tuple[str, str]] = []
        self._session, self._socket = session, socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Told]] = {}
        self._reading = asyncio.get_running_loop().create_task(self._read())

    async def tell(self, method: str, told: Told | None = None, session: str = "") -> Told:
        number = next(self._numbers)
        answer: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        command = {"id": number, "method": method, "params": told or {}, **({"sessionId": session} if session else {})}
        await self._socket.send_json(command)
        return await answer

    async def close(self) -> None:
        await self._socket.close()
        await self._reading
        await self._session.close()

    async def _read(self) -> None:
        async for message in self._socket:
            told = json.loads(message.data)
            if answer := self._waiting.pop(told.get("id", 0), None):
                if "error" in told:
                    answer.set_exception(BrowserError(json.dumps(told["error"])))
                else:
                    answer.set_result(told["result"])
                continue
            if complaint := _complaint(told):
                self.complaints.append((told.get("sessionId", ""), complaint))


def _complaint(told: Told) -> str:
    """What an event says went wrong in a page; empty: nothing did."""
    method, params = told.get("method"), told.get("params")
    assert isinstance(params, dict)
    if method == "Runtime.exceptionThrown":
        details = params["exceptionDetails"]
        assert isinstance(details, dict)
        thrown = details.get("exception")
        return str(thrown.get("description", thrown)) if isinstance(thrown, dict) else str(details["text"])
    entry = params.get("entry")
    if method == "Log.entryAdded" and isinstance(entry, dict) and entry["level"] in {"error", "warning"}:
        return str(entry["text"])
    return ""


async def _connected(address: str) -> _Wire:
    session = aiohttp.ClientSession()
    return _Wire(session, await session.ws_connect(address, max_msg_size=0, heartbeat=None))


def _text(told: Told, name: str) -> str:
    return str(told[name])


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running browser; it and its profile are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as home:
        command = [installed(), *FLAGS, f"--user-data-dir={home}", "about:blank"]
        environment = {**os.environ, "HOME": home}
        with subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment
        ) as process:
            try:
                browser = Browser(_address(process))
                try:
                    yield browser
                finally:
                    browser.close()
            finally:
                process.terminate()
                process.communicate(timeout=10)


def _address(process: subprocess.Popen[str]) -> str:
    """Where it listens, which it says when it is ready."""
    assert process.stderr is not None
    said: list[str] = []
    for line in process.stderr:
        said.append(line)
        if place := _LISTENING.search(line):
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return place[1]
    raise BrowserError("chromium did not start:\n" + "".join(said[-20:]))
