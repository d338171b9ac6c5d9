from __future__ import annotations

from pathlib import Path

from monitor.settings import identities_schema, load, schema
from tests.cli.conftest import Command


def test_init_writes_a_file_that_loads_and_never_over_another(mintwatch: Command, tmp_path: Path) -> None:
    path = tmp_path / "mintwatch.yml"
    said = mintwatch("init", "--output", path)
    assert (said.code, "mintwatch check" in said.out) == (0, True)
    assert set(load(path, {}).workspaces) == {"prod"}
    path.write_text("mine")
    said = mintwatch("init", "--output", path)
    assert (said.code, path.read_text()) == (2, "mine")
    assert "is there already" in said.err


def test_the_schema_is_printed(mintwatch: Command) -> None:
    assert mintwatch("settings", "schema").json == schema()
    assert mintwatch("settings", "schema", "--identities").json == identities_schema()
