"""Translations kept on disk: asked twice they are made once, and nothing that lies there can do harm."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest

from monitor.errors import QueryError
from monitor.kql import DuckEngine, cache_folder

QUERY = "T | where N > least | summarize rows = count() by S"
OTHER = '{"text": "SELECT 7 AS rows, S FROM \\"T\\" LIMIT 1", "slots": []}'
TABLES = {"T": pa.table({"N": [1, 2, 3], "S": ["a", "a", "b"]})}


def asked(keep: Path | None) -> list[dict[str, object]]:
    engine = DuckEngine(threads=1, keep=keep)
    rows: list[dict[str, object]] = engine.run(QUERY.replace("least", "1"), TABLES).sort_by("S").to_pylist()
    engine.close()
    return rows


def test_a_kept_translation_answers_as_a_new_one(tmp_path: Path) -> None:
    """Of one query there is one file, which the second engine takes and does not write again."""
    fresh = asked(tmp_path / "kept")
    (kept,) = (tmp_path / "kept").iterdir()
    written = kept.stat().st_mtime_ns
    assert asked(tmp_path / "kept") == fresh == asked(None)
    assert kept.stat().st_mtime_ns == written


def test_a_broken_file_costs_a_translation(tmp_path: Path) -> None:
    """Whatever it holds, it is made anew."""
    fresh = asked(tmp_path / "kept")
    (kept,) = (tmp_path / "kept").iterdir()
    for text in ("", "{", "[]", '{"text": "select 1"}', '{"text": "select 1", "slots": 3}'):
        kept.write_text(text)
        assert asked(tmp_path / "kept") == fresh


def test_sql_that_others_could_have_written_is_not_run(tmp_path: Path) -> None:
    """A folder that anybody may write to is neither read nor written."""
    fresh = asked(tmp_path / "kept")
    (kept,) = (tmp_path / "kept").iterdir()
    kept.write_text('{"text": "select 1 as S, 2 as rows", "slots": []}')
    (tmp_path / "kept").chmod(0o777)
    assert asked(tmp_path / "kept") == fresh


def test_a_file_that_others_could_have_written_is_not_run(tmp_path: Path) -> None:
    """One that anybody may write to, or a link to elsewhere: neither is read, and both are replaced."""
    fresh = asked(tmp_path / "kept")
    (kept,) = (tmp_path / "kept").iterdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(OTHER)
    kept.write_text(OTHER)
    assert asked(tmp_path / "kept") != fresh, "it is taken from us"
    kept.chmod(0o666)
    assert asked(tmp_path / "kept") == fresh
    kept.unlink()
    kept.symlink_to(elsewhere)
    assert asked(tmp_path / "kept") == fresh
    assert not kept.is_symlink()
    assert elsewhere.read_text() == OTHER


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM 'secrets.csv'",
        'SELECT * FROM "secrets.csv"',
        "SELECT * FROM read_csv('secrets.csv')",
        "SELECT 'a' AS S, 7 AS rows; SELECT 1",
        "COPY (SELECT 1) TO 'stolen.csv'",
    ],
)
def test_what_is_kept_reads_the_tables_asked_and_nothing_else(tmp_path: Path, text: str) -> None:
    """Whoever put it there: it is translated anew, and kept as it should be."""
    fresh = asked(tmp_path / "kept")
    (kept,) = (tmp_path / "kept").iterdir()
    good = kept.read_text()
    kept.write_text(json.dumps({"text": text, "slots": []}))
    assert asked(tmp_path / "kept") == fresh
    assert kept.read_text() == good


def test_a_translation_that_could_not_be_finished_is_not_kept(tmp_path: Path) -> None:
    """What DuckDB would not bind is as it came from the translator, and may be better next time."""
    engine = DuckEngine(threads=1, keep=tmp_path / "kept")
    query = "let counted = T | extend M = N + S | summarize most = max(M) by S; counted | project most"
    for tables in (TABLES, {"T": TABLES["T"].set_column(1, "S", pa.array([1, 1, 2]))}):
        with suppress(QueryError):
            engine.run(query, tables)
    engine.close()
    assert len([*(tmp_path / "kept").iterdir()]) == 1


def test_where_nothing_can_be_kept_nothing_is(tmp_path: Path) -> None:
    """A file in place of the folder, no home at all."""
    (tmp_path / "kept").write_text("")
    assert asked(tmp_path / "kept") == asked(None)
    assert cache_folder({}) is None
    assert cache_folder({"HOME": "/a"}) == Path("/a/.cache/mintwatch/kql")
    assert cache_folder({"HOME": "/a", "XDG_CACHE_HOME": "/c"}) == Path("/c/mintwatch/kql")
