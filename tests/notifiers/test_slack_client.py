"""The Web API against a Slack that refuses, throttles, breaks and lies: what was done, what was not, what is unsure."""

from __future__ import annotations

import gc
import logging
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from monitor.errors import LaterError, MintwatchError, PermanentError, TooLargeError, TransientError, UnsureError
from monitor.notifiers.slack.answers import LONGEST, UNSAID, SlackRefusedError, retry_after
from monitor.notifiers.slack.client import SlackApi
from monitor.notifiers.slack.pacing import PACES, Pace, Pacer
from monitor.notifiers.slack.reading import Screen
from monitor.notifiers.slack.wire import Body, Json, ours, proxy_to
from monitor.testing.slack import UNPACED, Channel, Fault, Limits, LocalSlack, faults
from monitor.testing.slack.http import Reply
from tests.notifiers.slack_at_hand import PROXIES, api

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECRET = "the-vault-of-ann"  # noqa: S105 - what must not be repeated
TEXT = {"text": f"hello {SECRET}"}
KEYED: Body = {**TEXT, "metadata": {"event_type": "mintwatch", "event_payload": {"key": "k-1"}}}
# What is cut in the middle of an answer leaves slack-sdk's socket to the garbage collector, which complains.
LEAVES_A_SOCKET = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
VIEW: Body = {
    "type": "modal",
    "title": {"type": "plain_text", "text": "Silence"},
    "blocks": [{"type": "section", "text": {"type": "plain_text", "text": "x"}}],
}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def slack() -> Iterator[LocalSlack]:
    with LocalSlack(limits=UNPACED) as slack:
        yield slack


@pytest.fixture
def alerts(slack: LocalSlack) -> Channel:
    return slack.channel("alerts")


def failure(call: Callable[[], object]) -> MintwatchError:
    with pytest.raises(MintwatchError) as raised:
        call()
    return raised.value


# --- what it can do -----------------------------------------------------------------------------------------------


def test_a_message_is_posted_changed_answered_and_taken_back(slack: LocalSlack, alerts: Channel) -> None:
    client = api(slack)
    ts = client.post(alerts.id, KEYED)
    client.update(alerts.id, ts, {"text": "changed"})
    reply = client.post(alerts.id, {"text": "more"}, thread=ts, broadcast=True)
    assert [message.text for message in alerts.messages if message.ts == ts] == ["changed"]
    assert alerts.thread(alerts.held[ts])[0].broadcast
    assert client.permalink(alerts.id, ts).endswith(ts.replace(".", ""))
    client.delete(alerts.id, reply)
    assert reply not in alerts.held
    assert client.counts["chat.postMessage", "ok"] == 2


def test_history_is_newest_first_whole_over_pages_and_says_whose_and_with_what_key(
    slack: LocalSlack, alerts: Channel
) -> None:
    slack.clock.now = NOON
    client = api(slack)
    stamps = [client.post(alerts.id, KEYED) for _ in range(450)]
    slack.say(slack.user("ann"), alerts, "me too")
    found = list(client.history(alerts.id, NOON - timedelta(minutes=1)))
    assert [each.ts for each in found][1:] == stamps[::-1]
    assert (found[0].bot, found[0].payload) == ("", {})
    assert {(each.bot, each.event, each.payload["key"]) for each in found[1:]} == {
        (client.account().bot, "mintwatch", "k-1")
    }
    assert slack.requests["conversations.history"] == 3


def test_history_that_is_too_long_is_an_error_and_not_its_beginning(slack: LocalSlack, alerts: Channel) -> None:
    client = api(slack)
    for _ in range(4):
        client.post(alerts.id, TEXT)
    since = NOON - timedelta(days=3650)
    assert len(list(client.history(alerts.id, since, most=4))) == 4
    with pytest.raises(TooLargeError, match="more than 3"):
        list(client.history(alerts.id, since, most=3))


def test_replies_begin_with_the_head_which_hangs_from_nothing(slack: LocalSlack, alerts: Channel) -> None:
    client = api(slack)
    head = client.post(alerts.id, TEXT)
    hung = [client.post(alerts.id, KEYED, thread=head) for _ in range(3)]
    found = list(client.replies(alerts.id, head, datetime(2020, 1, 1, tzinfo=UTC)))
    assert [(each.ts, each.thread) for each in found] == [(head, ""), *((ts, head) for ts in hung)]


def test_a_file_shows_in_the_thread_once(slack: LocalSlack, alerts: Channel) -> None:
    client = api(slack)
    head = client.post(alerts.id, TEXT)
    file = client.upload(alerts.id, head, "chart.png", b"\x89PNG", title="Tokens per hour", alt="A spike")
    assert slack.files.held[file].content == b"\x89PNG"
    assert [message.files for message in alerts.thread(alerts.held[head])] == [(file,)]


@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "/upload/", "files.completeUploadExternal"])
def test_only_the_last_step_of_an_upload_can_leave_it_unsure(slack: LocalSlack, alerts: Channel, method: str) -> None:
    client = api(slack)
    head = client.post(alerts.id, TEXT)
    last = method == "files.completeUploadExternal"
    slack.faults.add(faults.failing(503, done=True), when=lambda request: method in request.path, method=None)
    error = failure(lambda: client.upload(alerts.id, head, "chart.png", b"x", title="t"))
    assert type(error) is (UnsureError if last else TransientError)
    assert len(alerts.thread(alerts.held[head])) == (1 if last else 0)


def test_people_whispers_and_groups(slack: LocalSlack) -> None:
    ann, bob = slack.user("ann"), slack.user("bob")
    alerts, group = slack.channel("alerts", [ann]), slack.group("oncall", [ann, bob])
    client = api(slack)
    client.whisper(alerts.id, ann.id, {"text": "only you"})
    assert [(each.user, each.text) for each in slack.whispers] == [(ann.id, "only you")]
    assert client.members(group.id) == {ann.id, bob.id}
    assert client.account().team == slack.world.team
    assert "chat:write" in client.account().scopes


def test_a_modal_is_opened_and_changed_in_the_state_it_was_in(slack: LocalSlack, alerts: Channel) -> None:
    ann, client = slack.user("ann"), api(slack)
    slack.sockets.patience = timedelta(milliseconds=10)
    act = slack.slash(ann, "silence", alerts)
    screen = client.open_view(str(act.payload["trigger_id"]), VIEW)
    changed = client.update_view(screen, VIEW)
    assert changed.id == screen.id
    assert isinstance(error := failure(lambda: client.update_view(screen, VIEW)), SlackRefusedError)
    assert error.code == "hash_conflict"
    client.update_view(Screen(screen.id), VIEW)
    assert failure(lambda: client.open_view("expired", VIEW)).code == "exchanged_trigger_id"  # type: ignore[attr-defined]


def test_an_act_is_answered_where_slack_says_and_nowhere_else(slack: LocalSlack, alerts: Channel) -> None:
    ann, client = slack.user("ann"), api(slack)
    slack.sockets.patience = timedelta(milliseconds=10)
    url = str(slack.slash(ann, "open", alerts).payload["response_url"])
    client.respond(url, {"text": "nothing is open"})
    assert [each.text for each in slack.whispers] == ["nothing is open"]
    with LocalSlack() as other:
        assert isinstance(failure(lambda: client.respond(f"{other.base}/actions/x", TEXT)), PermanentError)
        assert not other.requests
    slack.clock.advance(timedelta(hours=1))
    assert failure(lambda: client.respond(url, TEXT)).code == "expired_url"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.slack.com/x",
        "https://slack.com.evil.example/x",
        "https://evilslack.com/x",
        "https://hooks.slack.com@evil.example/x",
        "https://user:x@hooks.slack.com/x",
        "https://hooks.slack.com:8443/x",
        "https://[::1/x",
        "file:///etc/passwd",
        "",
    ],
)
def test_an_address_that_only_looks_like_slacks_is_not(url: str) -> None:
    assert not ours(url, "https://slack.com/api/")


def test_whether_socket_mode_would_let_us_in(slack: LocalSlack) -> None:
    client = api(slack)
    client.try_socket(lambda: slack.app_token)
    error = failure(lambda: client.try_socket(lambda: slack.token))
    assert isinstance(error, SlackRefusedError)
    assert "app-level token" in str(error)


# --- what goes wrong ----------------------------------------------------------------------------------------------

UNDONE, UNSURE, LATER = TransientError, UnsureError, LaterError
EXPECTED: list[tuple[Fault, type[MintwatchError]]] = [
    (faults.throttled(timedelta(seconds=7)), LATER),
    (faults.throttled(None), LATER),
    (faults.refusing("ratelimited"), LATER),
    (faults.refusing("service_unavailable"), UNDONE),
    (faults.refusing("team_added_to_org"), UNDONE),
    (faults.refusing("internal_error"), UNSURE),
    (faults.refusing("fatal_error"), UNSURE),
    *((faults.failing(status), UNSURE) for status in (500, 502, 503, 504)),
    (faults.failing(500, done=True), UNSURE),
    (faults.html(), UNSURE),
    (faults.html(502), UNSURE),
    (faults.html(403), UNDONE),
    (faults.cut_before(), UNSURE),
    (faults.cut_after(), UNSURE),
    (faults.cut_after(0.5), UNSURE),
    (faults.empty(), UNSURE),
    (faults.cut_json(), UNSURE),
    (faults.slow(timedelta(seconds=1)), UNSURE),
    *(
        (Fault(f"says {body!r}", instead=Reply(200, body, {"Content-Type": "application/json; charset=utf-8"})), UNSURE)
        for body in (b"[1]", b"[]", b"null", b"7", b'"ok"', b"{}", b'{"ok": true}', b"\xff\xfe", b'{"ok": false}')
    ),
    (
        Fault("strange charset", instead=Reply(200, b"{}", {"Content-Type": "application/json; charset=klingon"})),
        UNSURE,
    ),
    *((faults.refusing(code), SlackRefusedError) for code in ("not_in_channel", "invalid_auth", "a_new_word")),
]


@LEAVES_A_SOCKET
@pytest.mark.parametrize(("fault", "kind"), EXPECTED, ids=lambda value: getattr(value, "name", None))
def test_every_fault_is_an_error_of_ours_that_says_whether_it_was_done(
    slack: LocalSlack, alerts: Channel, caplog: pytest.LogCaptureFixture, fault: Fault, kind: type[MintwatchError]
) -> None:
    caplog.set_level(logging.DEBUG)
    client = api(slack, timeout=timedelta(seconds=0.3))
    slack.faults.add(fault, method="chat.postMessage")
    error = failure(lambda: client.post(alerts.id, TEXT))
    assert type(error) is kind
    assert slack.requests["chat.postMessage"] == 1
    assert client.counts.total() == 1
    if kind is not UNSURE:
        assert alerts.posted == 0
    told = "".join(traceback.format_exception(error)) + caplog.text
    assert not any(secret in told for secret in (slack.token, SECRET, "Access denied"))
    del error
    gc.collect()


def test_every_kind_of_fault_there_is_was_tried() -> None:
    assert {fault.name for fault in faults.EVERY} - {"failing 504 done"} <= {fault.name for fault, _ in EXPECTED}


def test_nobody_listening_is_surely_not_done() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        client = SlackApi(
            lambda: "xoxb-1", Pacer(threading.Event(), {}), url=f"http://127.0.0.1:{taken.getsockname()[1]}/"
        )
        error = failure(lambda: client.post("C1", TEXT))
    assert type(error) is TransientError
    assert "it was not sent" in str(error)
    assert client.counts == {("chat.postMessage", "failed"): 1}


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("channel_not_found", "invite the bot"),
        ("not_in_channel", "/invite @mintwatch"),
        ("is_archived", "unarchive"),
        ("token_revoked", "new token"),
        ("account_inactive", "new token"),
        ("restricted_action", "administrator"),
        ("something_new", "reference"),
    ],
)
def test_a_refusal_names_method_place_code_and_what_to_do(
    slack: LocalSlack, alerts: Channel, code: str, advice: str
) -> None:
    slack.faults.add(faults.refusing(code), method="chat.update")
    error = failure(lambda: api(slack).update(alerts.id, "1.000000", TEXT))
    assert isinstance(error, SlackRefusedError)
    assert isinstance(error, PermanentError)
    assert error.code == code
    assert f"chat.update to {alerts.id}: {code}: " in str(error)
    assert advice in str(error)


def test_a_missing_scope_is_named(slack: LocalSlack) -> None:
    slack.app.scopes.discard("usergroups:read")
    error = failure(lambda: api(slack).members(slack.group("oncall").id))
    assert "missing_scope (usergroups:read): add the scope" in str(error)


def test_blocks_that_are_refused_are_told_by_their_place_and_not_their_text(slack: LocalSlack, alerts: Channel) -> None:
    blocks: list[Json] = [{"type": "section", "text": {"type": "mrkdwn", "text": SECRET * 300}}]
    error = failure(lambda: api(slack).post(alerts.id, {"text": "x", "blocks": blocks}))
    assert isinstance(error, SlackRefusedError)
    assert error.code == "invalid_blocks"
    assert "/blocks/0/text/text" in str(error)
    assert SECRET not in str(error)


@pytest.mark.parametrize("token", ["", "xoxb-1\nX-Evil: 1", "xoxb-…", "xoxb 1"])
def test_a_token_that_cannot_be_sent_is_not_quoted(slack: LocalSlack, token: str) -> None:
    error = failure(lambda: api(slack, token=lambda: token).account())
    assert isinstance(error, PermanentError)
    assert not token or token not in str(error)
    assert not slack.requests


def test_a_token_is_asked_for_at_every_call(slack: LocalSlack) -> None:
    tokens = iter(["xoxb-old", slack.token])
    client = api(slack, token=lambda: next(tokens))
    assert failure(client.account).code == "invalid_auth"  # type: ignore[attr-defined]
    assert client.account().team == slack.world.team


@pytest.mark.parametrize(
    ("said", "after"),
    [("30", timedelta(seconds=30)), ("0", timedelta(0)), ("soon", UNSAID), ("-1", UNSAID), ("999999", LONGEST)],
)
def test_how_long_to_stay_away(said: str, after: timedelta) -> None:
    assert retry_after({"retry-after": said}) == after
    assert retry_after({}) == UNSAID


def test_many_threads_share_one_client_and_nothing_is_lost_or_doubled(slack: LocalSlack, alerts: Channel) -> None:
    client = api(slack)
    with ThreadPoolExecutor(8) as pool:
        stamps = list(pool.map(lambda number: client.post(alerts.id, {"text": str(number)}), range(64)))
    assert len(set(stamps)) == alerts.posted == client.counts["chat.postMessage", "ok"] == 64


# --- pace ---------------------------------------------------------------------------------------------------------


class Wall:
    """A clock, and a stop that nobody pulls: who waits on it moves the clock."""

    def __init__(self) -> None:
        self.now = timedelta(days=1)
        self.event = threading.Event()
        self.event.wait = self._wait  # type: ignore[method-assign]

    def _wait(self, timeout: float | None = None) -> bool:
        self.now += timedelta(seconds=timeout or 0)
        return False

    def pacer(self, **more: timedelta) -> Pacer:
        return Pacer(self.event, ticks=lambda: self.now, **more)  # type: ignore[arg-type]


def test_no_pace_is_faster_than_slack_takes() -> None:
    for method, pace in Limits().methods.items():
        if method not in PACES or not PACES[method].every:
            continue
        wall = Wall()
        pacer, begun, turns = wall.pacer(), wall.now, []
        while wall.now - begun < timedelta(minutes=5):
            pacer.wait(method, "C1")
            turns.append(wall.now)
        for first, last in zip(turns, turns[pace.calls :], strict=False):
            assert last - first >= pace.per, method


def test_each_channel_has_its_own_turn_to_post_and_all_share_updates() -> None:
    wall = Wall()
    pacer, begun = wall.pacer(), wall.now
    for channel in ("C1", "C2", "C3"):
        pacer.wait("chat.postMessage", channel)
    assert wall.now == begun
    pacer.wait("chat.postEphemeral", "C1")
    assert wall.now - begun == PACES["chat.postMessage"].every
    for channel in map(str, range(6)):
        pacer.wait("chat.update", channel)
    assert wall.now - begun >= PACES["chat.postMessage"].every + PACES["chat.update"].every


def test_who_would_wait_too_long_is_told_when_to_come_back() -> None:
    event = threading.Event()
    pacer = Pacer(event, {"m": Pace("m", timedelta(seconds=60))}, ticks=lambda: timedelta(0))
    pacer.wait("m")
    with pytest.raises(LaterError) as raised:
        pacer.wait("m")
    assert raised.value.after == timedelta(seconds=60)


def test_slacks_word_is_heeded_by_all_and_nobody_sleeps_through_it(slack: LocalSlack, alerts: Channel) -> None:
    wall = Wall()
    client = api(slack, pacer=wall.pacer())
    slack.faults.add(faults.throttled(timedelta(seconds=30)), method="chat.update")
    ts = client.post(alerts.id, TEXT)
    for _ in range(3):
        error = failure(lambda: client.update(alerts.id, ts, TEXT))
        assert isinstance(error, LaterError)
        assert error.after == timedelta(seconds=30)
    assert slack.requests["chat.update"] == 1
    wall.now += timedelta(seconds=30)
    client.update(alerts.id, ts, TEXT)
    assert alerts.held[ts].versions == 2


def test_a_stop_ends_the_wait_for_a_turn_at_once(slack: LocalSlack, alerts: Channel) -> None:
    stop = threading.Event()
    client = api(slack, pacer=Pacer(stop, {"chat.postMessage": Pace("post", timedelta(seconds=9))}))
    client.post(alerts.id, TEXT)
    begun = time.perf_counter()
    threading.Timer(0.05, stop.set).start()
    error = failure(lambda: client.post(alerts.id, TEXT))
    assert time.perf_counter() - begun < 3  # measured: 0.05 s; the turn is 9 s away
    assert type(error) is TransientError
    assert alerts.posted == 1


# --- the way ------------------------------------------------------------------------------------------------------


def test_no_proxy_is_heeded_where_slack_sdk_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,slack.internal")
    assert proxy_to("https://slack.com/api/") == "http://proxy.example:3128"
    assert proxy_to("http://127.0.0.1:8080/api/") is None
    assert proxy_to("https://slack.internal/api/", "http://other.example:1") is None
    assert proxy_to("https://slack.com/api/", "http://other.example:1") == "http://other.example:1"
