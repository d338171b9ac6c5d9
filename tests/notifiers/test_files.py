"""Files: the payload Slack would get, whole or not there."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.errors import PermanentError
from monitor.model import Daily, Delivery, Digest, Message, Part, Reason
from monitor.notifiers.files import FilesNotifier
from monitor.notifiers.slack import rendered


def delivered(message: Message) -> Delivery:
    return Delivery("key", Part.NEWS, message)


def test_file_holds_the_slack_payload(tmp_path: Path, message: Message) -> None:
    ref = FilesNotifier(tmp_path / "messages").send(delivered(message))
    assert ref == "a1b2c3d4e5-opened.json"
    assert json.loads((tmp_path / "messages" / ref).read_text("utf-8")) == rendered(Delivery("key", Part.CARD, message))


def test_later_message_of_the_same_kind_replaces_the_earlier(tmp_path: Path, message: Message) -> None:
    notifier = FilesNotifier(tmp_path)
    for headline in ("first", "second"):
        notifier.send(delivered(replace(message, headline=headline)))
    notifier.send(delivered(replace(message, reason=Reason.RESOLVED)))
    assert {path.name for path in tmp_path.iterdir()} == {"a1b2c3d4e5-opened.json", "a1b2c3d4e5-resolved.json"}
    assert "second" in (tmp_path / "a1b2c3d4e5-opened.json").read_text("utf-8")


def test_storm_is_written_and_brought_up_to_date(tmp_path: Path, storm: Digest) -> None:
    for found in (10, 20):
        FilesNotifier(tmp_path).send(Delivery("key", Part.DIGEST, replace(storm, findings=found)))
    (written,) = tmp_path.iterdir()
    assert written.name == "storm-1-storm.json"
    assert "20 findings" in written.read_text("utf-8")


def test_hostile_text_is_written_whatever_it_is(tmp_path: Path, attacked: Message) -> None:
    ref = FilesNotifier(tmp_path).send(delivered(attacked))
    assert json.loads((tmp_path / ref).read_text("utf-8"))["blocks"]


def test_incident_id_cannot_leave_the_directory(tmp_path: Path, message: Message) -> None:
    ref = FilesNotifier(tmp_path / "in").send(delivered(replace(message, incident="../../x/y")))
    assert [path.name for path in (tmp_path / "in").iterdir()] == [ref]


def test_directory_that_cannot_be_made_is_named(tmp_path: Path, message: Message) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(PermanentError, match="taken"):
        FilesNotifier(tmp_path / "taken").send(delivered(message))


def test_failed_write_leaves_nothing_behind(tmp_path: Path, message: Message) -> None:
    (tmp_path / "a1b2c3d4e5-opened.json").mkdir()
    with pytest.raises(PermanentError):
        FilesNotifier(tmp_path).send(delivered(message))
    assert [path.name for path in tmp_path.iterdir()] == ["a1b2c3d4e5-opened.json"]


def test_daily_digest_is_a_file_a_day(tmp_path: Path, day: Daily) -> None:
    assert FilesNotifier(tmp_path).send(Delivery("key", Part.DAILY, day)) == "daily-2026-05-04.json"
    said = json.loads((tmp_path / "daily-2026-05-04.json").read_text())
    assert said["text"].startswith("❗ main.vault cannot be read")
