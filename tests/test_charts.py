"""Charts: always the same size, for every shape of past, and no name can stop one."""

import math
import struct
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.charts import draw, figure
from monitor.errors import PermanentError
from monitor.model import Band

AT = datetime(2026, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
NAN = math.nan


def band(
    observed: list[float], *, expected: float = 5.0, high: float = 9.0, marked: tuple[int, ...] = (), title: str = "api"
) -> Band:
    at = tuple(AT + n * HOUR for n in range(len(observed)))
    low = NAN if math.isnan(expected) else 2.0
    return Band(
        title=title,
        unit="tokens per hour",
        at=at,
        observed=tuple(observed),
        expected=(expected,) * len(at),
        low=(low,) * len(at),
        high=(high,) * len(at),
        marked=tuple(at[n] for n in marked),
    )


def size(path: Path) -> tuple[int, int]:
    head = path.read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def legend(drawn: Band) -> set[str]:
    (axes,) = figure(drawn).axes
    shown = axes.get_legend()
    return {text.get_text() for text in shown.get_texts()} if shown else set()


ODD = (1.0, 2.0, 3.0)
SHAPES = {
    "regular": band([5.0] * 168, marked=(100,)),
    "one bucket": band([7.0], marked=(0,)),
    "nothing": band([]),
    "all zero": band([0.0] * 24),
    "huge spike": band([5.0] * 100 + [250_000.0], marked=(100,)),
    "unknown counts": band([NAN] * 24),
    "unknown flagged count": band([5.0, NAN, 5.0], marked=(1,)),
    "no band": band([3.0] * 24, expected=NAN, high=NAN),
    "limit": band([3.0] * 24, expected=NAN, high=10.0),
    "mark outside": Band("t", "u", (AT,), (1.0,), (1.0,), (0.0,), (2.0,), (AT + 99 * HOUR,)),
    "gaps": Band("t", "u", (AT, AT + 30 * HOUR, AT + 31 * HOUR), ODD, ODD, ODD, ODD, ()),
}


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_gives_a_picture_of_800_by_300(tmp_path: Path, name: str) -> None:
    draw(SHAPES[name], tmp_path / "charts" / "a.png")
    assert size(tmp_path / "charts" / "a.png") == (800, 300)
    assert [path.name for path in (tmp_path / "charts").iterdir()] == ["a.png"]


HOSTILE = ["$\\frac{", "\u202eevil", "名前 😀", "\x00\ud800", "x" * 10_000, "a\nb", "\\", "%s {0}"]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_name_stops_a_chart(tmp_path: Path, text: str) -> None:
    hostile = Band(text, text, (AT,), (1.0,), (1.0,), (0.0,), (2.0,), ())
    draw(hostile, tmp_path / "a.png")
    assert size(tmp_path / "a.png") == (800, 300)


@given(st.text(st.characters(codec=None), max_size=40))
@settings(max_examples=15, deadline=None)
def test_any_title_can_be_drawn(text: str) -> None:
    figure(Band(text, text, (AT,), (1.0,), (1.0,), (0.0,), (2.0,), ())).canvas.draw()


def test_legend_says_what_there_is() -> None:
    assert legend(band([5.0] * 24, marked=(3,))) == {"observed", "flagged", "expected", "expected range"}
    assert legend(band([3.0] * 24, expected=NAN, high=10.0)) == {"observed", "limit"}
    assert legend(band([3.0] * 24, expected=NAN, high=NAN)) == {"observed"}


def test_legend_covers_no_data() -> None:
    drawn = figure(band([5.0] * 168, marked=(100,)))
    drawn.canvas.draw()
    (axes,) = drawn.axes
    shown = axes.get_legend()
    assert shown is not None
    assert shown.get_window_extent().y0 >= axes.get_window_extent().y1


def test_one_huge_count_does_not_flatten_the_rest() -> None:
    (axes,) = figure(SHAPES["huge spike"]).axes
    assert axes.get_yscale() == "symlog"
    usual, top = axes.transData.transform([(0, 5.0), (0, 250_000.0)])[:, 1] - axes.transData.transform((0, 0.0))[1]
    assert usual > top / 50
    (axes,) = figure(band([5.0] * 100 + [100.0], marked=(100,))).axes
    assert axes.get_yscale() == "linear"


def test_gap_is_not_drawn_as_zero() -> None:
    (axes,) = figure(SHAPES["gaps"]).axes
    values, edges, _ = axes.patches[0].get_data()  # type: ignore[attr-defined]
    assert np.isnan(values).tolist() == [False, True, False, False]
    assert np.allclose(np.diff(edges) * 24, [1, 29, 1, 1])


def test_times_are_utc_whatever_zone_they_come_in() -> None:
    shifted = SHAPES["gaps"]
    east = [at.astimezone(tz=None) for at in shifted.at]
    same = Band("t", "u", tuple(east), ODD, ODD, ODD, ODD, ())
    lims = [figure(one).axes[0].get_xlim() for one in (shifted, same)]
    assert lims[0] == lims[1]
    assert figure(shifted).axes[0].get_xlabel() == "2026, UTC"


def test_same_band_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        draw(SHAPES["regular"], tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        figure(Band("t", "u", (AT,), (1.0, 2.0), (1.0,), (1.0,), (1.0,), ()))


def test_unwritable_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(PermanentError, match=r"a\.png"):
        draw(SHAPES["one bucket"], tmp_path / "a.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_without_matplotlib_the_extra_is_named_and_the_rest_of_mintwatch_imports() -> None:
    script = (
        "import sys; sys.modules['matplotlib'] = None; sys.modules['matplotlib.figure'] = None\n"
        "from monitor import charts, errors, model\n"
        "try: charts.figure(model.Band('', '', (), (), (), (), (), ()))\n"
        "except errors.PermanentError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "mintwatch[charts]" in done.stdout
