"""`mintwatch incidents`, `silence` and `audit`: with nobody else there, and while another process has the state."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import typer

from monitor import clock
from monitor.cli import acting
from monitor.cli.acting import me
from monitor.cli.explain import MEANS
from monitor.model import (
    Act,
    Decision,
    Entry,
    Finding,
    Incident,
    Level,
    Matcher,
    Outcome,
    Person,
    Reason,
    Silence,
    State,
    Verb,
)
from monitor.store import Store
from tests.cli.conftest import Command

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

DAEMON = """
import sys
from pathlib import Path
from monitor.kql import DuckEngine
from monitor.store import Store
from monitor.tables import SCHEMAS
from monitor.worker import App
from monitor.worker.acting import Serving
with Store(Path(sys.argv[1])) as store, Serving(App((), (), store, DuckEngine(SCHEMAS, threads=1))):
    print("here", flush=True)
    sys.stdin.read()
"""


def found(name: str) -> Finding:
    at = clock.now() - HOUR
    return Finding(
        rule="failures",
        detector="limit",
        level=Level.HIGH,
        stream="sign_in",
        family="failures",
        experimental=False,
        subject=f"identity:entra:{name}",
        group=(("identity", f"entra:{name}"),),
        term="",
        bucket=at,
        bucket_end=at + HOUR,
        time=at,
        judged_at=at,
        surprise=5.0,
        observed=40.0,
        expected=2.0,
        low=0.0,
        high=5.0,
        because="40 failures, expected 2",
    )


def kept(name: str, level: Level = Level.HIGH) -> Incident:
    at = clock.now() - HOUR
    return Incident(name, f"identity:entra:{name}", State.OPEN, level, 5.0, (), ("failures",), 1, at, at, at, at)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Two incidents somebody was told of, and one nobody was."""
    now, ids = clock.now(), ("aa11", "aa22", "bb33")
    told = [Decision(one, "console", now, Reason.OPENED if one < "b" else Reason.WEAK) for one in ids]
    with Store(tmp_path / "state") as store:
        incidents = [kept("aa11"), kept("aa22", Level.LOW), kept("bb33")]
        findings = [(found(one), one, decision) for one, decision in zip(ids, told, strict=True)]
        store.conclude({}, findings, incidents, told)
    return tmp_path / "state"


@contextmanager
def daemon(state: Path) -> Iterator[None]:
    """Another process that has the state."""
    other = subprocess.Popen([sys.executable, "-c", DAEMON, state], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"here\n"
        yield
        assert other.stdin is not None
        other.stdin.close()
        assert other.wait(10) == 0


def standing(state: Path, incident: str) -> State | None:
    with Store(state, write=False) as store:
        one = store.incident(incident)
        return one.state if one else None


def test_a_list_holds_what_was_told_and_is_not_over(mintwatch: Command, state: Path) -> None:
    said = mintwatch("incidents", "list", "--state", state, "--json")
    assert [one["incident"] for one in said.json] == ["aa11", "aa22"]
    assert len(mintwatch("incidents", "list", "--state", state, "--all", "--json").json) == 3
    assert mintwatch("incidents", "list", "--state", state, "--is", "snoozed").out == "there is none\n"
    shown = mintwatch("incidents", "list", "--state", state, "--limit", "1")
    assert "aa11" in shown.out
    assert "and 1 more" in shown.out


def test_several_are_acknowledged_at_once_by_the_starts_of_their_ids(mintwatch: Command, state: Path) -> None:
    said = mintwatch("incidents", "ack", "aa1", "aa22", "aa11", "--state", state)
    assert (said.code, said.out) == (0, "aa11: acknowledged\naa22: acknowledged\n")
    assert standing(state, "aa11") is standing(state, "aa22") is State.ACKNOWLEDGED
    again = mintwatch("incidents", "ack", "aa11", "--state", state)
    assert again.code == 0
    assert f"acknowledged by {me().name}" in again.out
    assert mintwatch("incidents", "unack", "aa11", "--state", state).code == 0
    assert standing(state, "aa11") is State.OPEN


def test_one_id_that_is_none_leaves_all_as_they_are(mintwatch: Command, state: Path) -> None:
    for wrong in ("zz", "aa", ""):
        said = mintwatch("incidents", "ack", "aa11", wrong, "--state", state)
        assert said.code == 2
        assert said.err.startswith("error: ")
    assert standing(state, "aa11") is State.OPEN


def test_snoozed_for_a_while_and_closed_for_a_reason(mintwatch: Command, state: Path) -> None:
    assert mintwatch("incidents", "snooze", "aa11", "4h", "--state", state).code == 0
    assert standing(state, "aa11") is State.SNOOZED
    for wrong in ("4 hours", "0h", "999999999d"):
        assert mintwatch("incidents", "snooze", "aa11", wrong, "--state", state).code == 2
    assert mintwatch("incidents", "snooze", "aa11", "31d", "--state", state).code == 1
    unsaid = mintwatch("incidents", "close", "aa11", "--false-positive", "--state", state)
    assert unsaid.code == 1
    assert "expected a reason" in unsaid.err
    closed = mintwatch("incidents", "close", "aa11", "--false-positive", "--reason", "load test", "--state", state)
    assert closed.code == 0
    assert standing(state, "aa11") is State.FALSE_POSITIVE
    assert mintwatch("incidents", "close", "aa22", "--state", state).code == 0
    assert standing(state, "aa22") is State.RESOLVED
    assert "it stays so" in mintwatch("incidents", "ack", "aa22", "--state", state).out


def test_the_story_of_one(mintwatch: Command, state: Path) -> None:
    mintwatch("incidents", "close", "aa11", "--reason", "mine", "--state", state)
    said = mintwatch("incidents", "show", "aa11", "--state", state)
    for part in ("resolved by", "mine", "40 failures", "console: opened", me().id):
        assert part in said.out, part
    story = mintwatch("incidents", "show", "aa11", "--state", state, "--json").json
    assert story["state"] == "resolved"
    assert story["acts"][0]["who"] == me().id
    assert story["found"][0]["rule"] == "failures"


def test_every_reason_is_explained() -> None:
    assert set(MEANS) == set(Reason)


def test_while_a_daemon_has_the_state_it_is_asked(mintwatch: Command, state: Path) -> None:
    with daemon(state):
        assert mintwatch("incidents", "ack", "aa11", "--state", state).out == "aa11: acknowledged\n"
        assert standing(state, "aa11") is State.ACKNOWLEDGED
        refused = mintwatch("incidents", "snooze", "aa11", "31d", "--state", state)
        assert (refused.code, refused.err) == (1, "error: aa11: expected at most 30 days\n")
        said = mintwatch("silence", "add", "rule=failures", "--for", "2d", "--reason", "move", "--state", state)
        assert said.code == 0
        assert len(mintwatch("silence", "list", "--state", state, "--json").json) == 1
    lines = mintwatch("audit", "--state", state, "--json").json
    assert [one["outcome"] for one in lines] == ["done", "refused", "done"]
    assert {one["who"] for one in lines} == {me().id}


def test_what_nobody_answered_is_not_done_and_has_a_code_of_its_own(
    mintwatch: Command, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [acting.act(Verb.ACKNOWLEDGE, clock.now(), incident=one) for one in ("aa11", "aa22")]
    with Store(state), pytest.raises(typer.Exit) as caught:
        acting.perform(state, asked, timedelta(0))
    assert caught.value.exit_code == acting.UNANSWERED
    lines = capsys.readouterr().err.splitlines()
    assert lines[1] == "error: aa22: not done: whoever writes to the state has not answered within 0 s; ask again"
    assert mintwatch("incidents", "ack", "aa22", "--state", state).err == ""
    assert standing(state, "aa11") is State.OPEN


def test_what_somebody_asked_who_was_killed_is_said_by_whoever_does_it(mintwatch: Command, state: Path) -> None:
    with Store(state, write=False) as store:
        store.ask_for(acting.act(Verb.ACKNOWLEDGE, clock.now(), incident="aa11"))
    said = mintwatch("incidents", "ack", "aa22", "--state", state)
    assert (said.code, said.out) == (0, "aa22: acknowledged\n")
    assert said.err.startswith(f"note: aa11: acknowledge, asked for by {me().id} at ")
    assert said.err.endswith(": done: acknowledged\n")
    assert standing(state, "aa11") is State.ACKNOWLEDGED


def test_a_silence_says_first_what_it_would_have_muted(mintwatch: Command, state: Path) -> None:
    seen = mintwatch("silence", "add", "subject=~identity:entra:aa.*", "--preview", "--state", state)
    assert "would have muted 2 of 3 findings, about 2 subjects" in seen.out
    assert mintwatch("silence", "list", "--state", state).out == "there is none\n"
    assert "matches nothing" in mintwatch("silence", "add", "rule=oops", "--preview", "--state", state).err
    assert "matches everything" in mintwatch("silence", "add", "rule=failures", "--preview", "--state", state).err
    made = mintwatch(
        "silence",
        "add",
        "rule=failures",
        "level!=low",
        "--for",
        "3h",
        "--reason",
        "move",
        "--expected",
        "--state",
        state,
    )
    assert made.code == 0
    assert "would have muted" in made.out
    (one,) = mintwatch("silence", "list", "--state", state, "--json").json
    assert (one["kind"], one["reason"], one["active"]) == ("expected", "move", True)
    assert one["matchers"] == ["rule=failures", "level!=low"]
    assert one["warnings"] == ["mutes everything that was found in 7 days", "expires within 3 h"]
    assert one["from"] == "command line"
    assert mintwatch("silence", "expire", one["silence"][:5], "--state", state).code == 0
    assert mintwatch("silence", "list", "--state", state).out == "there is none\n"
    assert mintwatch("silence", "list", "--all", "--state", state, "--json").json[0]["active"] is False


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        (["rule~x", "--for", "1h", "--reason", "x"], "expected a matcher"),
        (["ruel=x", "--for", "1h", "--reason", "x"], "did you mean 'rule'"),
        (["rule=~(", "--for", "1h", "--reason", "x"], "RE2"),
        (["rule=x", "--reason", "x"], "--for or --until"),
        (["rule=x", "--for", "1h", "--until", "2999-01-01", "--reason", "x"], "--for or --until"),
        (["rule=x", "--until", "2020-01-01", "--reason", "x"], "a time to come"),
        (["rule=x", "--for", "1h"], "--reason"),
    ],
)
def test_a_silence_that_lacks_something_is_not_made(
    mintwatch: Command, state: Path, wrong: list[str], part: str
) -> None:
    said = mintwatch("silence", "add", *wrong, "--state", state)
    assert said.code == 2
    assert part in said.err
    assert mintwatch("silence", "list", "--state", state).out == "there is none\n"


@pytest.mark.parametrize("matchers", [["rule=~.*"], ["team!=payments"], ["level=~.+", "subject=~identity:.*"]])
def test_a_silence_that_names_nothing_is_asked_for_as_such_short_and_marked(
    mintwatch: Command, state: Path, matchers: list[str]
) -> None:
    asked = ["silence", "add", *matchers, "--reason", "x", "--state", state]
    assert "names something" in mintwatch(*asked, "--for", "4h").err
    assert "at most 24 hours" in mintwatch(*asked, "--for", "25h", "--everything").err
    assert mintwatch("silence", "list", "--state", state).out == "there is none\n"
    assert mintwatch(*asked, "--for", "4h", "--everything").code == 0
    assert "mutes whatever comes" in mintwatch("silence", "list", "--state", state, "--json").json[0]["warnings"][0]


def test_an_exception_of_the_file_is_marked_and_ended_there(mintwatch: Command, state: Path, tmp_path: Path) -> None:
    (tmp_path / "identities.yml").write_text(
        "exceptions:\n- matchers: [rule=x]\n  author: ann\n  reason: r\n  from: 2020-01-01\n  until: 2999-01-01\n"
    )
    config = tmp_path / "mintwatch.yml"
    workspace = "main: {id: 00000000-0000-4000-8000-000000000001, sources: {service_principal: {}}}"
    written = f"state: {state}\nidentities: {tmp_path / 'identities.yml'}\nworkspaces: {{{workspace}}}\n"
    config.write_text(written)
    (one,) = mintwatch("silence", "list", "--config", config, "--json").json
    assert one["from"] == "identities.yml"
    said = mintwatch("silence", "expire", one["silence"], "--config", config)
    assert said.code == 2
    assert "take it out there" in said.err


def test_a_list_for_a_machine_is_whole(mintwatch: Command, tmp_path: Path) -> None:
    ids = [f"c{number:03}" for number in range(60)]
    with Store(tmp_path / "many") as store:
        told = [Decision(one, "console", clock.now(), Reason.OPENED) for one in ids]
        store.conclude({}, [], [kept(one) for one in ids], told)
    assert len(mintwatch("incidents", "list", "--state", tmp_path / "many", "--json").json) == 60
    assert len(mintwatch("incidents", "list", "--state", tmp_path / "many", "--json", "--limit", "5").json) == 5
    assert "and 10 more" in mintwatch("incidents", "list", "--state", tmp_path / "many").out


def test_a_silence_of_no_use_is_marked(mintwatch: Command, state: Path) -> None:
    now = clock.now()
    with Store(state) as store:
        old = Silence("s1", (Matcher("rule", "=", "gone"),), "ann", "x", now - 9 * DAY, now - 9 * DAY, now + 9 * DAY)
        store.record(Entry(Act("k", Verb.SILENCE, Person("U1"), "test", now), Outcome.DONE, ""), None, [old], ())
    assert mintwatch("silence", "list", "--state", state, "--json").json[0]["warnings"] == ["matched nothing in 7 days"]
    assert "matched nothing in 7 days" in mintwatch("silence", "list", "--state", state).out


def test_the_audit_trail_since_then(mintwatch: Command, state: Path) -> None:
    assert "nobody did anything" in mintwatch("audit", "--state", state).out
    mintwatch("incidents", "ack", "aa11", "--state", state)
    said = mintwatch("audit", "--state", state)
    assert "command line: acknowledge · aa11 · done: acknowledged" in said.out
    assert f"{clock.now():%Y-%m-%dT%H:}" in said.out
    made = mintwatch("silence", "add", "rule=failures", "--for", "2d", "--reason", "move", "--state", state)
    assert made.code == 0
    (silence,) = mintwatch("silence", "list", "--state", state, "--json").json
    assert f"silence {silence['silence']} · rule=failures" in mintwatch("audit", "--state", state).out
    trail = mintwatch("audit", "--limit", "1", "--state", state, "--json").json
    assert [(one["silence"], one["matchers"]) for one in trail] == [(silence["silence"], ["rule=failures"])]
    assert "1 before these" in mintwatch("audit", "--limit", "1", "--state", state).out
    about = mintwatch("audit", "--incident", "aa1", "--who", me().id.upper(), "--state", state, "--json").json
    assert [one["incident"] for one in about] == ["aa11"]
    assert mintwatch("audit", "--who", "nobody-of-that-name", "--state", state, "--json").json == []
    assert mintwatch("audit", "--since", "2999-01-01", "--state", state).code in {0, 2}


def test_a_folder_that_is_no_state_is_named(mintwatch: Command, tmp_path: Path) -> None:
    for command in (["incidents", "list"], ["incidents", "ack", "x"], ["silence", "list"], ["audit"]):
        said = mintwatch(*command, "--state", tmp_path)
        assert said.code == 2
        assert str(tmp_path) in said.err
    assert list(tmp_path.iterdir()) == []
