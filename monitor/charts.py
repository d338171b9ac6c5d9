"""A picture of one group: its counts, bucket by bucket, against the band that was expected.

matplotlib is an extra and is imported where it is used; its Figure is used without pyplot, which keeps global state and
is no good in threads. Titles are hostile text: they are cleaned, never parsed as mathematics, and what the font has no
glyph for becomes a box.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from monitor import whole
from monitor.clock import BIN, DAY, EPOCH
from monitor.errors import PermanentError
from monitor.hostile import clean, clip
from monitor.model import Band

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties

Floats = npt.NDArray[np.float64]

INCHES: Final = (8.0, 3.0)
DOTS: Final = 100
"""800 x 300 pixels: what Slack shows without scaling."""

# Okabe and Ito's palette, told apart by every kind of colour vision; the flagged buckets also carry a mark.
OBSERVED, EXPECTED, FLAGGED, INK, FAINT = "#56b4e9", "#0072b2", "#d55e00", "#333333", "#d9d9d9"
MISSING: Final = "\u25af"
TITLE_LIMIT, UNIT_LIMIT = 90, 24
LEAST_SHOWN: Final = 12
"""How many buckets wide the picture is at least."""
SQUASHED: Final = 25.0
"""From this many times the rest on, one count would flatten everything else, and the axis turns logarithmic."""


def draw(band: Band, path: Path) -> None:
    """Write the band as a PNG of 800 x 300, whole or not at all.

    Raises
    ------
    PermanentError
        If matplotlib is not installed, or the file cannot be written.
    """
    whole.put(path, png(band))


def png(band: Band) -> bytes:
    """The band as a PNG of 800 x 300; `PermanentError` if matplotlib is not installed."""
    picture = io.BytesIO()
    figure(band).savefig(picture, format="png", dpi=DOTS, metadata={"Software": None})
    return picture.getvalue()


def installed() -> bool:
    """Whether there is anything to draw with."""
    return find_spec("matplotlib") is not None


def figure(band: Band) -> Figure:
    """The band as a matplotlib Figure, for a notebook.

    Counts are steps as wide as a bucket, the expected range is shaded, flagged buckets are coloured and marked. Where
    `expected` is NaN throughout, a finite `high` is drawn as a limit, and if that is missing too, the counts alone. The
    band gives every bucket it knows of, those with a count of 0 too: what it leaves out is drawn as a gap.

    Raises
    ------
    PermanentError
        If matplotlib is not installed.
    ValueError
        If the band's columns differ in length.
    """
    if len({len(part) for part in (band.at, band.observed, band.expected, band.low, band.high)}) != 1:
        raise ValueError("band: expected at, observed, expected, low and high of one length")
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise PermanentError("charts need matplotlib: pip install 'mintwatch[charts]'") from error
    drawn = Figure(figsize=INCHES, dpi=DOTS, layout="constrained", facecolor="white")
    axes = drawn.add_subplot()
    if band.at:
        _plot(axes, band)
    else:
        axes.text(0.5, 0.5, "no counts in this stretch", ha="center", va="center", transform=axes.transAxes)
    _frame(axes, band)
    return drawn


def _plot(axes: Axes, band: Band) -> None:
    """Everything that carries data, from the back to the front."""
    starts, order = np.unique(_days(band.at), return_index=True)
    observed, expected, low, high = (
        np.array(part, dtype=np.float64)[order] for part in (band.observed, band.expected, band.low, band.high)
    )
    width = _width(starts)
    edges, places = _edges(starts, width)
    margin = max(0.0, LEAST_SHOWN * width - (edges[-1] - edges[0])) / 2
    axes.set_xlim(edges[0] - margin, edges[-1] + margin)
    flagged = np.isin(starts, _days(band.marked))
    usual = np.where(flagged, np.nan, observed)
    if np.isfinite(expected).any():
        _shade(axes, edges, _spread(low, places), _spread(high, places))
    axes.stairs(_spread(usual, places), edges, fill=True, color=OBSERVED, label="observed", zorder=2)
    if flagged.any():
        loud = np.where(flagged, observed, np.nan)
        axes.stairs(_spread(loud, places), edges, fill=True, color=FLAGGED, zorder=4)
        _mark(axes, starts[flagged] + width / 2, observed[flagged])
    if np.isfinite(expected).any():
        axes.stairs(_spread(expected, places), edges, baseline=None, color=EXPECTED, lw=1.4, label="expected", zorder=3)
    elif np.isfinite(high).any():
        axes.stairs(_spread(high, places), edges, baseline=None, color=INK, ls="--", lw=1.2, label="limit", zorder=4.5)
    _scale(axes, observed, flagged, np.concatenate([expected, high]))


def _mark(axes: Axes, middles: Floats, counts: Floats) -> None:
    """A mark above every flagged bucket, and the count of the highest in figures."""
    from matplotlib.patheffects import withStroke
    from matplotlib.transforms import offset_copy

    above = offset_copy(axes.transData, fig=axes.get_figure(root=True), y=5, units="points")
    axes.plot(middles, counts, "v", color=FLAGGED, markersize=6, label="flagged", zorder=5, transform=above)
    if np.isfinite(counts).any():
        top = int(np.nanargmax(counts))
        left, right = axes.get_xlim()
        late = middles[top] > left + 0.85 * (right - left)
        axes.annotate(
            f"{counts[top]:,.0f}",
            (middles[top], counts[top]),
            xytext=(-7 if late else 7, 1),
            textcoords="offset points",
            ha="right" if late else "left",
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
            color=FLAGGED,
            fontsize=9,
            fontweight="bold",
            zorder=5,
        )


def _shade(axes: Axes, edges: Floats, low: Floats, high: Floats) -> None:
    low, high = np.append(low, low[-1]), np.append(high, high[-1])
    axes.fill_between(
        edges, low, high, step="post", color=EXPECTED, alpha=0.22, lw=0, label="expected range", zorder=2.5
    )


def _days(times: Sequence[datetime]) -> Floats:
    """Days since the epoch, in which matplotlib counts."""
    return np.array([(at - EPOCH) / DAY for at in times], dtype=np.float64)


def _width(starts: Floats) -> float:
    """The width of a bucket in days: the longest in which the distances are all whole, for gaps may hide some."""
    seconds = np.rint(np.diff(starts) * DAY.total_seconds()).astype(np.int64)
    return int(np.gcd.reduce(seconds)) / DAY.total_seconds() if seconds.size else BIN / DAY


def _edges(starts: Floats, width: float) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Edges of steps with the gaps between buckets as steps of their own, and at which step each bucket is."""
    gaps = np.append(np.diff(starts) > width * 1.01, True)
    edges = np.sort(np.concatenate([starts, starts[gaps] + width]))
    return edges, np.searchsorted(edges, starts)


def _spread(values: Floats, places: npt.NDArray[np.intp]) -> Floats:
    """One value for each step; NaN, which is not drawn, for a gap."""
    steps = np.full(int(places[-1]) + 1, np.nan)
    steps[places] = values
    return steps


def _scale(axes: Axes, observed: Floats, flagged: npt.NDArray[np.bool_], edges: Floats) -> None:
    """Linear from 0; logarithmic above the ordinary where a count towers so high that nothing else could be seen."""
    rest = np.concatenate([observed[~flagged], edges])
    rest = rest[np.isfinite(rest)]
    top = float(np.nanmax(observed, initial=1.0))
    ordinary = max(float(rest.max(initial=0.0)), 1.0)
    if top > SQUASHED * ordinary:
        axes.set_yscale("symlog", linthresh=10.0 ** np.ceil(np.log10(ordinary)), linscale=1.0)
        axes.set_ylim(0, top * 8)
    else:
        axes.set_ylim(0, max(top, ordinary) * 1.2)


def _frame(axes: Axes, band: Band) -> None:
    """Title, axes and legend: all outside of the data."""
    from matplotlib.ticker import FuncFormatter

    logarithmic = ", log scale" if axes.get_yscale() == "symlog" else ""
    title = axes.set_title(_shown(band.title, TITLE_LIMIT), loc="left", pad=24)
    unit = axes.set_ylabel(_shown(band.unit, UNIT_LIMIT) + logarithmic)
    for text, size in ((title, 11), (unit, 9)):
        text.set_parse_math(False)
        text.set(fontproperties=_font(), fontsize=size, color=INK)
    if band.at:
        _clock(axes, min(band.at).astimezone(UTC).year)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=5, frameon=False, fontsize=8.5, borderaxespad=0.2)
    else:
        axes.set(xticks=[], yticks=[])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value == round(value) else ""))
    axes.tick_params(colors=INK, labelsize=8.5)
    axes.grid(axis="y", color=FAINT, lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _clock(axes: Axes, year: int) -> None:
    """Days and hours, in UTC whatever the reader's configuration says."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(tz=UTC, minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    formatter = ConciseDateFormatter(  # type: ignore[no-untyped-call]
        locator,
        tz=UTC,
        formats=["%Y", "%b", "%d %b", "%H:%M", "%H:%M", "%H:%M:%S"],
        zero_formats=["%Y", "%b", "%d %b", "%d %b", "%H:%M", "%H:%M"],
        show_offset=False,
    )
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(formatter)
    axes.set_xlabel(f"{year}, UTC", loc="right", fontsize=8.5, color=INK)


def _shown(text: str, limit: int) -> str:
    charmap = _glyphs()
    return "".join(char if ord(char) in charmap else MISSING for char in clip(clean(text), limit))


@cache
def _font() -> FontProperties:
    """The font that comes with matplotlib, whatever the reader's configuration says."""
    from matplotlib.font_manager import FontProperties

    return FontProperties(family="DejaVu Sans")


@cache
def _glyphs() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont(_font())).get_charmap())
