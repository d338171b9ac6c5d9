"""`python -m bench`: counts, medians and ratios, side by side in one run; it measures, and asserts nothing."""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
from collections.abc import Sequence
from pathlib import Path

import duckdb

from bench import measures
from monitor import __version__


def main(arguments: Sequence[str] | None = None) -> None:
    """Make what is missing of the rows, measure, print."""
    given = _parser().parse_args(arguments)
    logging.getLogger("mintwatch").addHandler(logging.NullHandler())  # that tables are absent is meant
    shrink = given.shrink or (10 if given.quick else 1)
    rows = measures.Rows(
        backtest=measures.BACKTEST // shrink,
        fold=measures.FOLD // shrink,
        identities=max(20, measures.IDENTITIES // shrink),
        days=measures.DAYS,
        clicks=max(5, measures.CLICKS // shrink),
    )
    given.cache.mkdir(parents=True, exist_ok=True)
    results = measures.each(given.cache, rows, given.runs)
    if given.json:
        print(json.dumps({"machine": _machine(), "results": [measures.plain(one) for one in results]}, indent=2))
        return
    print(_machine())
    for one in results:
        print("\n" + "\n".join(measures.lines(one)), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--shrink", type=int, metavar="N", help="an Nth of the rows")
    parser.add_argument("--runs", type=int, default=3, help="how often each is measured, in turn (default 3)")
    parser.add_argument("--cache", type=Path, default=Path(".bench"), help="where rows are kept (default .bench)")
    parser.add_argument("--json", action="store_true", help="answer as JSON")
    return parser


def _machine() -> str:
    cores = len(os.sched_getaffinity(0))
    return f"mintwatch {__version__}, Python {platform.python_version()}, DuckDB {duckdb.__version__}, {cores} cores"


if __name__ == "__main__":
    main()
