"""The pictures of the README, made from a demo's output: `python docs/images/make.py demo-output INCIDENT`.

It needs Debian's chromium, fonts-lato and fonts-noto-color-emoji, and is run by hand when messages or charts change.
The chart is copied as it is. The message is what Slack would get (Block Kit), laid out by the page below the way Slack
lays such blocks out, and photographed by a browser without a screen.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops

HERE = Path(__file__).parent
WIDTH = 760
BROWSER = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --hide-scrollbars --force-device-scale-factor=2"
)

STYLE = """
body { margin: 0; background: #fff; font: 15px/1.46 Lato, "Helvetica Neue", "DejaVu Sans", sans-serif; color: #1d1c1d }
main { display: flex; gap: 10px; padding: 14px 18px; width: 724px }
.face { flex: none; width: 36px; height: 36px; border-radius: 6px; background: #1f4e5f; color: #fff; font: 700 18px/36px
  sans-serif; text-align: center }
.from { margin-bottom: 3px } .from b { font-weight: 900 } .from i, .context, time { color: #616061; font-style: normal }
.from i { background: #e8e8e8; border-radius: 3px; font-size: 10px; padding: 1px 4px; margin: 0 5px; font-weight: 700 }
time { font-size: 12px }
h3 { font-size: 18px; line-height: 1.33; margin: 4px 0 8px; font-weight: 900 }
section { margin: 0 0 9px; white-space: pre-wrap; overflow-wrap: anywhere }
.fields { display: grid; grid-template-columns: 1fr 1fr; gap: 7px 16px; white-space: normal }
.fields div { white-space: pre-wrap; overflow-wrap: anywhere }
code { font: 12px/1.5 Menlo, "DejaVu Sans Mono", monospace; color: #c01343; background: #f6f6f6; border: 1px solid #ddd;
  border-radius: 3px; padding: 1px 3px }
.context { font-size: 12.5px; display: flex; flex-wrap: wrap; gap: 3px 12px } .context code { font-size: 11px }
.actions { display: flex; gap: 8px } button { font: 700 13px Lato, "DejaVu Sans", sans-serif; background: #fff;
  border: 1px solid #bbb; border-radius: 7px; padding: 6px 12px; color: #1d1c1d }
"""


def page(message: Mapping[str, Any]) -> str:
    """The message as a web page that looks like Slack's."""
    parts = "".join(shown(block) for block in message["blocks"])
    head = '<div class="from"><b>mintwatch</b><i>APP</i></div>'
    body = f'<main><div class="face">m</div><div>{head}{parts}</div></main>'
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{body}"


def shown(block: Mapping[str, Any]) -> str:
    """One block."""
    match block["type"]:
        case "header":
            return f"<h3>{text(block['text'])}</h3>"
        case "section" if "fields" in block:
            fields = "".join(f"<div>{text(one)}</div>" for one in block["fields"])
            return f'<section class="fields">{fields}</section>'
        case "section":
            return f"<section>{text(block['text'])}</section>"
        case "context":
            elements = "".join(f"<span>{text(one)}</span>" for one in block["elements"])
            return f'<section class="context">{elements}</section>'
        case "actions":
            buttons = "".join(f"<button>{text(one['text'])}</button>" for one in block["elements"])
            return f'<section class="actions">{buttons}</section>'
        case other:
            raise SystemExit(f"a block of type {other!r}, which this page cannot show")


def text(given: Mapping[str, str]) -> str:
    """A text object: plain as it is, mrkdwn with what we use of it, which is bold, code and dates."""
    if given["type"] == "plain_text":
        return html.escape(given["text"])
    dated = re.sub(r"<!date\^(\d+)\^[^>]*>", lambda found: day(int(found[1])), given["text"])
    safe = html.escape(html.unescape(dated))
    safe = re.sub(r"`([^`]+)`", r"<code>\1</code>", safe)
    return re.sub(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])", r"<b>\1</b>", safe)


def day(seconds: int) -> str:
    """As Slack shows `{date_short_pretty} {time}` to a reader whose clock is UTC."""
    at = datetime.fromtimestamp(seconds, UTC)
    return f"{at:%b} {at.day}, {at.year} {at:%I:%M %p}".replace(" 0", " ")


def photograph(source: str, target: Path) -> None:
    """The page as a PNG, cut off below what it shows."""
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "page.html").write_text(source, "utf-8")
        asked = ["chromium", *BROWSER.split(), f"--user-data-dir={place}/profile", f"--window-size={WIDTH},1400"]
        asked += [f"--screenshot={place}/page.png", f"file://{place}/page.html"]
        subprocess.run(asked, check=True, capture_output=True)  # noqa: S603
        cropped(Path(place) / "page.png", target)


def cropped(source: Path, target: Path) -> None:
    """Without the white below, in as few colours as it has."""
    with Image.open(source) as opened:
        picture = opened.convert("RGB")
    _, _, _, bottom = ImageChops.difference(picture, Image.new("RGB", picture.size, "white")).getbbox() or (0, 0, 0, 0)
    kept = picture.crop((0, 0, picture.width, min(picture.height, bottom + 28)))
    kept.quantize(96, dither=Image.Dither.NONE).save(target, optimize=True)


def main(demo: Path, incident: str) -> None:
    """Both pictures of one incident of a demo."""
    (chart,) = (demo / "charts").glob(f"*-{incident}.png")
    shutil.copy(chart, HERE / "chart.png")
    told = {path.stem.rpartition("-")[2]: path for path in (demo / "messages").glob(f"{incident}-*.json")}
    message = json.loads(told.get("worsened", told["opened"]).read_text("utf-8"))
    photograph(page(message), HERE / "message.png")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("usage: python docs/images/make.py DEMO-OUTPUT INCIDENT")
    main(Path(sys.argv[1]), sys.argv[2])
