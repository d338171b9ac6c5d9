from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Command

SMALL = ("--days", 4, "--identities", 6)


def test_the_same_seed_writes_the_same_bytes_and_labels_beside(mintwatch: Command, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        said = mintwatch("simulate", "--out", tmp_path / name / "logs", *SMALL, "--seed", 5, "--format", "ndjson.gz")
        assert (said.code, said.err) == (0, "")
    first, second = (sorted((tmp_path / name).rglob("*.*")) for name in ("one", "two"))
    assert [path.name for path in first] == [path.name for path in second]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(first, second, strict=True))
    assert (tmp_path / "one" / "logs.labels.ndjson").is_file()
    assert not list((tmp_path / "one" / "logs").glob("*label*"))


def test_json_counts_the_rows_of_every_table(mintwatch: Command, tmp_path: Path) -> None:
    answer = mintwatch("simulate", "--out", tmp_path / "logs", *SMALL, "--json").json
    assert isinstance(answer["rows"], dict)
    assert sum(answer["rows"].values()) > 0
    assert answer["identities"] == 6


def test_wrong_numbers_and_formats_are_wrong_input(mintwatch: Command, tmp_path: Path) -> None:
    for wrong in (("--days", 0), ("--identities", 0), ("--seed", -1), ("--format", "csv"), ("--days", "many")):
        said = mintwatch("simulate", "--out", tmp_path / "logs", *wrong)
        assert said.code == 2
        assert str(wrong[0]) in said.err
