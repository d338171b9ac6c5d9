"""The generator's contract: files, schemas, determinism, what happens when it is stopped."""

import gzip
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from monitor.errors import InputError
from monitor.tables import SCHEMAS
from monitor.testing.simulate import ENDS, simulate
from monitor.testing.simulate.columns import ARROW
from monitor.testing.simulate.write import Format


def digests(folder: Path) -> dict[str, str]:
    files = [*folder.iterdir(), *folder.parent.glob(f"{folder.name}.*.ndjson")]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as text:
        return [json.loads(line) for line in text]


@pytest.mark.parametrize("form", ["parquet", "ndjson.gz"])
def test_one_seed_gives_identical_files(tmp_path: Path, form: Format) -> None:
    for name in ("one", "two", "other"):
        simulate(tmp_path / name / "logs", days=4, identities=30, seed=8 if name == "other" else 7, format=form)
    assert digests(tmp_path / "one/logs") == digests(tmp_path / "two/logs")
    assert digests(tmp_path / "one/logs") != digests(tmp_path / "other/logs")


def test_gzip_files_carry_no_time(tmp_path: Path) -> None:
    simulate(tmp_path / "logs", days=1, identities=2, format="ndjson.gz")
    assert {path.read_bytes()[4:8] for path in (tmp_path / "logs").iterdir()} == {b"\0\0\0\0"}


def test_parquet_has_exactly_the_columns_and_types_of_the_schemas(tmp_path: Path) -> None:
    simulate(tmp_path / "logs", days=2, identities=10)
    for path in (tmp_path / "logs").iterdir():
        schema = pq.read_schema(path)
        assert schema.names == list(SCHEMAS[path.stem])
        assert list(schema.types) == [ARROW[kind] for kind in SCHEMAS[path.stem].values()]


def test_ndjson_tells_the_same_rows_as_parquet(tmp_path: Path) -> None:
    simulate(tmp_path / "a", days=4, identities=30)
    simulate(tmp_path / "b", days=4, identities=30, format="ndjson.gz")
    for path in (tmp_path / "a").iterdir():
        rows = lines(tmp_path / "b" / f"{path.stem}.ndjson.gz")
        frame = pd.read_parquet(path)
        assert [row["_ItemId"] for row in rows] == frame["_ItemId"].tolist()
        times = pd.to_datetime([row["TimeGenerated"] for row in rows], format="ISO8601").as_unit("us")
        assert (times == pd.DatetimeIndex(frame["TimeGenerated"])).all()
        if path.stem != "AzureDiagnostics":  # There, columns nobody filled are absent, as in a real export.
            assert list(rows[0]) == list(SCHEMAS[path.stem])
        else:
            assert set(rows[0]) <= set(SCHEMAS[path.stem])


def test_ndjson_times_have_up_to_seven_digits_and_dynamic_comes_as_object_or_text(tmp_path: Path) -> None:
    simulate(tmp_path / "logs", days=4, identities=60, format="ndjson.gz")
    rows = lines(tmp_path / "logs/AZKVAuditLogs.ndjson.gz")
    digits = {len(row["TimeGenerated"].rstrip("Z").partition(".")[2]) for row in rows}
    assert {3, 7} <= digits
    assert max(digits) == 7
    assert not any(row["TimeGenerated"].rstrip("Z").partition(".")[2].endswith("0") for row in rows)
    assert {type(row["Identity"]) for row in rows} == {dict, str}


def test_another_identity_leaves_the_others_rows_alone(tmp_path: Path) -> None:
    frames = []
    for count in (30, 31):
        simulate(tmp_path / str(count), days=4, identities=count, attacks=False)
        tables = {path.stem: pd.read_parquet(path) for path in (tmp_path / str(count)).iterdir()}
        frames.append(tables)
    oids = [json.loads(line)["oid"] for line in (tmp_path / "31.identities.ndjson").read_text().splitlines()]
    for table, before in frames[0].items():
        after = frames[1][table]
        added = after[~after["_ItemId"].isin(before["_ItemId"])]
        kept = after[after["_ItemId"].isin(before["_ItemId"])].reset_index(drop=True)
        pd.testing.assert_frame_equal(kept, before)
        key = {
            "AADServicePrincipalSignInLogs": "ServicePrincipalId",
            "AADManagedIdentitySignInLogs": "ServicePrincipalId",
        }
        if table in key:
            assert set(added[key[table]]) <= {oids[-1]}


def test_a_run_that_stops_leaves_nothing_behind(tmp_path: Path) -> None:
    def stop(what: str, _share: float) -> None:
        if what == "AuditLogs":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path / "logs", days=2, identities=10, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_progress_rises_to_one(tmp_path: Path) -> None:
    shares: list[float] = []
    simulate(tmp_path / "logs", days=1, identities=1, progress=lambda _what, share: shares.append(share))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_wrong_arguments_say_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 1"):
        simulate(tmp_path / "logs", identities=0)
    with pytest.raises(InputError, match="aware"):
        simulate(tmp_path / "logs", end=datetime(2026, 6, 15))  # noqa: DTZ001
    with pytest.raises(InputError, match="at most"):
        simulate(tmp_path / "logs", days=800_000)
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_simulation_is_replaced_whole(tmp_path: Path) -> None:
    out = tmp_path / "logs"
    simulate(out, days=1, identities=5, format="ndjson.gz")
    (out / "SigninLogs.2.ndjson").write_text("{}\n")
    (out / "notes.txt").write_text("mine")
    simulate(out, days=1, identities=5)
    (out / "notes.txt").unlink()
    assert {path.suffix for path in out.iterdir()} == {".parquet"}
    simulate(tmp_path / "fresh/logs", days=1, identities=5)
    assert digests(out) == digests(tmp_path / "fresh/logs")


@pytest.mark.parametrize("theirs", ["SigninLogs.parquet", "AzureActivity.1.ndjson", "notes.txt"])
def test_what_no_simulation_wrote_is_never_replaced(tmp_path: Path, theirs: str) -> None:
    out = tmp_path / "logs"
    out.mkdir()
    (out / theirs).write_text("theirs")
    (tmp_path / "logs.labels.ndjson").write_text("their own labels")
    with pytest.raises(InputError, match="already holds"):
        simulate(out, days=1, identities=5)
    (out / theirs).rename(tmp_path / "saved")
    with pytest.raises(InputError, match=r"logs\.labels\.ndjson"):
        simulate(out, days=1, identities=5)
    assert (tmp_path / "saved").read_text() == "theirs"
    assert (tmp_path / "logs.labels.ndjson").read_text() == "their own labels"


def test_a_place_that_cannot_be_written_is_wrong_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    for place in (".", "..", "file", "file/x", "/proc/none/x"):
        with pytest.raises(InputError):
            simulate(Path(place), days=1, identities=1)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_two_worlds_of_three_change_their_clocks() -> None:
    def offsets(end: datetime) -> set[object]:
        days = pd.date_range(end - pd.Timedelta(days=35), end, freq="D").tz_convert("Europe/Berlin")
        return {day.utcoffset() for day in days}

    assert [len(offsets(end)) for end in ENDS] == [1, 2, 2]
    assert all(end.tzinfo is UTC and end.weekday() == 0 for end in ENDS)


def test_rate_scales_what_load_drives(tmp_path: Path) -> None:
    rows = [sum(simulate(tmp_path / str(rate), days=4, identities=60, rate=rate).rows.values()) for rate in (1.0, 4.0)]
    assert rows[1] > 1.7 * rows[0]
