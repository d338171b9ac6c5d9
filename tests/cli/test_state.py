"""`mintwatch state`: with nobody else there, while another process has the state, and of a state that is damaged."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from monitor import clock
from monitor.clock import DAY, midnight
from monitor.frames import DIMENSIONS, FACTS
from monitor.model import Window
from monitor.ports import Counts, Fetched
from monitor.store import Store
from tests.cli.conftest import Command


def put(store: Store, start: datetime) -> None:
    moments = dict.fromkeys(("at", "seen_at", "first_at", "last_at"), start)
    row = dict.fromkeys(DIMENSIONS, "") | moments | {"events": 1, "source": "prod.vault"}
    fetched = Fetched(pa.Table.from_pylist([row], schema=FACTS), (), Counts(read=1, kept=1))
    store.switch("prod.vault", [store.write("prod.vault", Window(start, start + DAY), fetched, start)], start)


@pytest.fixture(name="state")
def _state(tmp_path: Path) -> Path:
    """A state with facts of today, and of two hundred days ago."""
    today = midnight(clock.now())
    with Store(tmp_path / "state") as store:
        for start in (today - 200 * DAY, today - DAY):
            put(store, start)
    return tmp_path / "state"


def test_info_says_what_is_there(mintwatch: Command, state: Path) -> None:
    said = mintwatch("state", "info", "--state", state)
    assert said.code == 0
    assert "schema 4, last written by mintwatch" in said.out
    assert "writing now: nobody" in said.out
    assert "prod.vault" in said.out
    with Store(state):
        assert "writing now: process " in mintwatch("state", "info", "--state", state).out
        told = mintwatch("state", "info", "--state", state, "--json").json
    assert told["holder"]["pid"] > 0
    (source,) = told["sources"]
    assert (source["files"], source["facts"], source["gaps"]) == (2, 2, 0)
    assert told["bytes"]["facts"] == source["bytes"]


def test_verify_names_each_fault_and_what_to_do(mintwatch: Command, state: Path) -> None:
    said = mintwatch("state", "verify", "--state", state)
    assert (said.code, said.err) == (0, "")
    assert said.out.endswith("state: whole\n")
    gone, *_ = sorted((state / "facts").iterdir())
    gone.unlink()
    (state / "facts" / "left.tmp").touch()
    said = mintwatch("state", "verify", "--state", state)
    assert said.code == 1
    assert f"error: {gone}: is not there\n" in said.err
    assert "note: 1 files are left over" in said.err
    assert "fetches its window again" in said.out
    told = mintwatch("state", "verify", "--state", state, "--json")
    assert [one["harmless"] for one in told.json] == [False, True]


def test_verify_of_a_state_without_its_database_is_a_fault(mintwatch: Command, state: Path) -> None:
    (state / "control.db").write_bytes(b"nothing of the kind" * 100)
    said = mintwatch("state", "verify", "--state", state)
    assert said.code == 1
    assert "file is not a database" in said.err
    (state / "control.db").unlink()
    said = mintwatch("state", "verify", "--state", state)
    assert said.code == 1
    assert "Traceback" not in said.err


def test_export_is_a_state(mintwatch: Command, state: Path, tmp_path: Path) -> None:
    to = tmp_path / "copy"
    with Store(state):
        said = mintwatch("state", "export", to, "--state", state)
    assert said.code == 0
    assert "2 fact files and control.db" in said.out
    assert mintwatch("state", "verify", "--state", to).code == 0
    again = mintwatch("state", "export", to, "--state", state)
    assert again.code == 2
    assert "expected nothing there, or an empty folder" in again.err


def test_export_of_what_is_damaged_is_made_and_said(mintwatch: Command, state: Path, tmp_path: Path) -> None:
    path = min((state / "facts").iterdir())
    held = bytearray(path.read_bytes())
    held[len(held) // 3] ^= 0xFF
    path.write_bytes(held)
    said = mintwatch("state", "export", tmp_path / "copy", "--state", state)
    assert said.code == 1
    assert path.name in said.err
    assert (tmp_path / "copy" / "control.db").is_file()


def test_the_environment_names_the_settings(
    mintwatch: Command, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = tmp_path / "named.yml"
    named.write_text(f"state: {state}\nworkspaces: {{prod: {{id: 33333333-0000-4000-8000-000000000003}}}}\n")
    assert mintwatch("state", "info").code == 2
    monkeypatch.setenv("MINTWATCH_CONFIG", str(named))
    assert mintwatch("state", "info").code == 0


def test_prune_drops_what_is_old_and_nothing_while_somebody_writes(mintwatch: Command, state: Path) -> None:
    with Store(state):
        refused = mintwatch("state", "prune", "--state", state)
        assert refused.code == 1
        assert "another mintwatch is writing here (process " in refused.err
        planned = mintwatch("state", "prune", "--dry-run", "--state", state)
        assert planned.code == 0
        assert "would go: 1 fact files" in planned.out
    assert len(list((state / "facts").iterdir())) == 2
    said = mintwatch("state", "prune", "--state", state)
    assert "gone: 1 fact files" in said.out
    assert len(list((state / "facts").iterdir())) == 1
    assert "nothing is old enough" in mintwatch("state", "prune", "--state", state).out
    assert mintwatch("state", "prune", "--state", state, "--json").json["files"] == 0


def test_prune_needs_to_keep_what_rules_look_back(mintwatch: Command, state: Path) -> None:
    config = state.parent / "mintwatch.yml"
    workspace = "workspaces: {prod: {id: 44444444-0000-4000-8000-000000000004}}\n"
    config.write_text(f"state: state\n{workspace}keep: {{facts: 60d}}\n")
    said = mintwatch("state", "prune", "--config", config)
    assert said.code == 2
    assert "keep.facts: expected at least 106d, because rule first-federated-signin looks back that far" in said.err


def test_what_is_no_state_is_said(mintwatch: Command, tmp_path: Path) -> None:
    for command in ("info", "prune"):
        said = mintwatch("state", command, "--state", tmp_path / "none")
        assert said.code == 2
        assert "expected a state directory" in said.err
