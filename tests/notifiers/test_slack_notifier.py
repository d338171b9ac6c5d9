"""The Slack notifiers against a local Slack: one card an incident, found again, and nothing said twice."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from monitor.errors import LaterError, PermanentError, TransientError, UnsureError
from monitor.model import Delivery, Digest, Level, Message, Part, Reason, State
from monitor.notifiers.slack import rendered
from monitor.notifiers.slack.client import SlackApi
from monitor.notifiers.slack.escaping import address
from monitor.notifiers.slack.notifier import SlackNotifier
from monitor.notifiers.slack.pacing import Pacer
from monitor.notifiers.slack.webhook import WebhookNotifier
from monitor.testing import conformance
from monitor.testing.slack import UNPACED, Channel, Fault, LocalSlack, Reply, faults, links, pings

NOW = datetime(2026, 5, 1, 10, 20, tzinfo=UTC)
PICTURE = b"\x89PNG\r\n\x1a\n" + b"0" * 20


@pytest.fixture
def slack() -> Iterator[LocalSlack]:
    with LocalSlack(limits=UNPACED) as running:
        running.clock.now = NOW
        yield running


@pytest.fixture
def alerts(slack: LocalSlack) -> Channel:
    return slack.channel("alerts")


def api(slack: LocalSlack) -> SlackApi:
    return SlackApi(lambda: slack.token, Pacer(Event(), paces={}), url=slack.url)


@pytest.fixture
def notifier(slack: LocalSlack, alerts: Channel) -> SlackNotifier:
    return SlackNotifier("slack", api(slack), alerts.id)


def card(message: Message, ref: str = "") -> Delivery:
    return Delivery("card-key", Part.CARD, message, ref=ref, since=NOW - timedelta(minutes=1))


def hung(part: Part, message: Message, thread: str, ref: str = "") -> Delivery:
    since = NOW - timedelta(minutes=1)
    picture = PICTURE if part is Part.CHART else b""
    return Delivery(f"{part}-key", part, message, ref=ref, thread=thread, picture=picture, since=since)


WORSE = {"reason": Reason.WORSENED, "news": "Worse: MEDIUM → HIGH.", "mention": "S0604QSJC"}


# --- one card, and what hangs from it --------------------------------------------------------------------------------


def test_card_is_posted_once_and_then_changed(notifier: SlackNotifier, alerts: Channel, message: Message) -> None:
    ref = notifier.send(card(message))
    done = replace(message, state=State.RESOLVED, reason=Reason.RESOLVED, status="Resolved: quiet since 10:15 UTC")
    assert notifier.send(card(done, ref)) == ref == f"{alerts.id}:{alerts.messages[0].ts}"
    (shown,) = alerts.messages
    assert alerts.posted == 1
    assert shown.versions == 2
    assert shown.edited is None, "an edit that shows would look like tampering"
    assert shown.text.startswith("✅ RESOLVED")
    assert shown.metadata == {"event_type": "mintwatch", "event_payload": {"key": "card-key"}}


def test_thread_has_evidence_log_and_chart_and_the_channel_only_the_card_and_news(
    notifier: SlackNotifier, slack: LocalSlack, alerts: Channel, message: Message
) -> None:
    ref = notifier.send(card(message))
    log = notifier.send(hung(Part.LOG, message, ref))
    for part in (Part.EVIDENCE, Part.CHART):
        notifier.send(hung(part, message, ref))
    notifier.send(hung(Part.NEWS, replace(message, **WORSE), ref))  # type: ignore[arg-type]
    notifier.send(hung(Part.LOG, replace(message, log=(*message.log, "10:40 UTC  resolved")), ref, log))
    first, broadcast = alerts.messages
    assert broadcast.broadcast
    assert broadcast.thread_ts == first.ts
    assert pings(broadcast) == {"S0604QSJC"}
    thread = alerts.thread(first)
    assert len(thread) == 4
    assert not any(pings(one) for one in thread if one != broadcast)
    assert "resolved" in str(thread[0].blocks)
    ((file,),) = [one.files for one in thread if one.files]
    assert slack.files.held[file].content == PICTURE
    assert slack.files.held[file].title == message.headline


def test_nothing_to_say_is_not_said(notifier: SlackNotifier, alerts: Channel, message: Message) -> None:
    ref = notifier.send(card(message))
    assert notifier.send(hung(Part.EVIDENCE, replace(message, evidence=(), query=""), ref)) == ""
    assert notifier.send(replace(hung(Part.CHART, message, ref), picture=b"")) == ""
    assert alerts.posted == 1


def test_storm_is_one_message_brought_up_to_date(notifier: SlackNotifier, alerts: Channel, storm: Digest) -> None:
    ref = notifier.send(Delivery("storm-key", Part.DIGEST, storm))
    notifier.send(Delivery("storm-key", Part.DIGEST, replace(storm, incidents=99), ref=ref))
    (shown,) = alerts.messages
    assert shown.text == "🌊 STORM · 99 more incidents, told together"


def test_who_wants_no_charts_is_not_asked_for_any(slack: LocalSlack, alerts: Channel) -> None:
    assert Part.CHART not in SlackNotifier("slack", api(slack), alerts.id, charts=False).parts


# --- found again -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [Part.CARD, Part.NEWS, Part.EVIDENCE, Part.LOG])
def test_what_arrived_without_our_hearing_of_it_is_found(
    notifier: SlackNotifier, slack: LocalSlack, alerts: Channel, message: Message, part: Part
) -> None:
    thread = notifier.send(replace(card(message), key="another"))
    delivery = hung(part, message, "" if part is Part.CARD else thread)
    assert notifier.find(delivery) == ""
    slack.faults.add(faults.failing(done=True), method="chat.postMessage")
    with pytest.raises(UnsureError):
        notifier.send(delivery)
    for n in range(5):
        slack.say(slack.user(f"ann{n}"), alerts, "is somebody looking?")
    assert notifier.find(delivery) == f"{alerts.id}:{alerts.all[1].ts}"


def test_card_behind_many_pages_of_talk_is_found(
    notifier: SlackNotifier, slack: LocalSlack, alerts: Channel, message: Message
) -> None:
    ref = notifier.send(card(message))
    ann = slack.user("ann")
    for n in range(450):
        slack.say(ann, alerts, f"and {n}")
    assert notifier.find(card(message)) == ref


def test_message_of_another_app_with_our_key_is_not_ours(
    notifier: SlackNotifier, alerts: Channel, message: Message
) -> None:
    notifier.send(card(message))
    (mine,) = alerts.messages
    alerts.put(replace(mine, bot_id="B0FORGED1", user="U0FORGED1"))
    assert notifier.find(card(message)) == ""


def test_what_cannot_be_looked_up_now_is_no_answer(
    notifier: SlackNotifier, slack: LocalSlack, message: Message
) -> None:
    slack.faults.add(faults.throttled(timedelta(seconds=7)), method="conversations.history")
    with pytest.raises(LaterError) as caught:
        notifier.find(card(message))
    assert caught.value.after == timedelta(seconds=7)


# --- what somebody deleted -------------------------------------------------------------------------------------------


def test_deleted_card_is_not_posted_anew_nor_what_would_hang_from_it(
    notifier: SlackNotifier, alerts: Channel, message: Message
) -> None:
    ref = notifier.send(card(message))
    alerts.held.clear()
    assert notifier.send(card(message, ref)) == ref
    assert notifier.send(hung(Part.EVIDENCE, message, ref)) == ""
    assert notifier.find(hung(Part.LOG, message, ref)) == ""
    assert alerts.posted == 1


def test_news_of_a_deleted_card_reach_the_channel_all_the_same_and_once(
    notifier: SlackNotifier, alerts: Channel, message: Message
) -> None:
    thread = notifier.send(card(message))
    alerts.held.clear()
    news = hung(Part.NEWS, replace(message, **WORSE), thread)  # type: ignore[arg-type]
    ref = notifier.send(news)
    (shown,) = alerts.messages
    assert shown.thread_ts is None
    assert "expected 30.2" in str(shown.blocks)
    assert notifier.find(news) == ref


# --- refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["invalid_blocks", "msg_blocks_too_long"])
def test_blocks_that_slack_does_not_take_are_said_in_words(
    notifier: SlackNotifier, slack: LocalSlack, alerts: Channel, message: Message, word: str
) -> None:
    slack.faults.add(faults.refusing(word), method="chat.postMessage")
    ref = notifier.send(card(message))
    (shown,) = alerts.messages
    assert not shown.blocks
    assert "expected 30.2" in shown.text
    assert notifier.degraded == {word: 1}
    assert notifier.find(card(message)) == ref, "words alone can be found, too"


def test_words_that_slack_does_not_take_either_are_an_error(
    notifier: SlackNotifier, slack: LocalSlack, message: Message
) -> None:
    slack.faults.add(faults.refusing("invalid_blocks"), method="chat.postMessage", times=2)
    with pytest.raises(PermanentError, match="invalid_blocks"):
        notifier.send(card(message))


@pytest.mark.parametrize("word", ["not_in_channel", "channel_not_found", "invalid_auth"])
def test_what_a_person_must_change_is_a_permanent_error(
    notifier: SlackNotifier, slack: LocalSlack, message: Message, word: str
) -> None:
    slack.faults.add(faults.refusing(word), method="chat.postMessage")
    with pytest.raises(PermanentError, match=word):
        notifier.send(card(message))


def test_reference_of_another_notifier_of_that_name_is_named(notifier: SlackNotifier, message: Message) -> None:
    with pytest.raises(PermanentError, match=r"message\.json"):
        notifier.send(card(message, "message.json"))


# --- hostile ---------------------------------------------------------------------------------------------------------


def test_no_name_pings_or_leads_anywhere(
    notifier: SlackNotifier, slack: LocalSlack, alerts: Channel, attacked: Message
) -> None:
    ref = notifier.send(card(attacked))
    for part in (Part.NEWS, Part.EVIDENCE, Part.LOG, Part.CHART):
        notifier.send(hung(part, replace(attacked, reason=Reason.WORSENED), ref))
    assert slack.requests["chat.postMessage"] == 4, "nothing was refused"
    for one in alerts.all:
        assert pings(one) == frozenset()
        assert {each.url for each in links(one)} <= {address(attacked.link)} - {""}
    assert notifier.degraded == {}


@pytest.mark.parametrize("interactive", [True, False])
def test_notifier_keeps_its_promises(slack: LocalSlack, alerts: Channel, message: Message, interactive: bool) -> None:
    sends = SlackNotifier("slack", api(slack), alerts.id, interactive=interactive)
    assert conformance.notifier(sends, message) == ()


# --- a webhook -------------------------------------------------------------------------------------------------------


@pytest.fixture
def hook(slack: LocalSlack, alerts: Channel) -> WebhookNotifier:
    address = slack.webhook(alerts)
    return WebhookNotifier("hook", lambda: address, Pacer(Event(), paces={}), api=slack.url)


def news(message: Message) -> Delivery:
    return Delivery("news-key", Part.NEWS, message)


def test_webhook_posts_everything_in_one_message_with_nothing_to_press(
    hook: WebhookNotifier, alerts: Channel, message: Message
) -> None:
    assert hook.send(news(replace(message, **WORSE))) == "news-key"  # type: ignore[arg-type]
    (shown,) = alerts.messages
    assert "action_id" not in str(rendered(news(message), interactive=False))
    assert shown.text.startswith("🔴 HIGH, worse · ")
    assert shown.metadata is None
    assert pings(shown) == {"S0604QSJC"}
    assert [one.url for one in links(shown)] == [message.link]


def test_webhook_posts_a_storm_once_because_it_can_change_nothing(
    hook: WebhookNotifier, alerts: Channel, storm: Digest
) -> None:
    ref = hook.send(Delivery("storm-key", Part.DIGEST, storm))
    assert hook.send(Delivery("storm-key", Part.DIGEST, replace(storm, incidents=99), ref=ref)) == ref
    assert alerts.posted == 1


def test_webhook_that_is_told_to_wait_waits(slack: LocalSlack, alerts: Channel, message: Message) -> None:
    address = slack.webhook(alerts)
    hook = WebhookNotifier("hook", lambda: address, Pacer(Event()), api=slack.url)
    slack.faults.add(faults.throttled(timedelta(seconds=30)))
    with pytest.raises(LaterError) as caught:
        hook.send(news(message))
    assert caught.value.after == timedelta(seconds=30)
    with pytest.raises(LaterError, match="stay away"):
        hook.send(news(message))
    assert alerts.posted == 0


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.failing(503), UnsureError),
        (faults.html(502), UnsureError),
        (Fault("archived", instead=Reply(410, b"channel_is_archived")), PermanentError),
    ],
)
def test_no_error_of_a_webhook_has_its_address(
    hook: WebhookNotifier,
    slack: LocalSlack,
    message: Message,
    fault: Fault,
    error: type[Exception],
    caplog: pytest.LogCaptureFixture,
) -> None:
    slack.faults.add(fault)
    with pytest.raises(error) as caught:
        hook.send(news(message))
    told = repr(caught.value) + caplog.text + repr(caught.value.__cause__)
    assert "/services/" not in told


def test_webhook_elsewhere_is_sent_nothing(slack: LocalSlack, message: Message) -> None:
    hook = WebhookNotifier("hook", lambda: "https://evil.example/services/T/B/x", Pacer(Event(), paces={}))
    with pytest.raises(PermanentError, match="does not lead to Slack"):
        hook.send(news(message))
    assert not slack.requests


def test_webhook_says_blocks_that_are_not_taken_in_words(
    hook: WebhookNotifier, slack: LocalSlack, alerts: Channel, message: Message
) -> None:
    slack.limits = replace(slack.limits, blocks=10)
    hook.send(news(message))
    (shown,) = alerts.messages
    assert not shown.blocks
    assert hook.degraded == {"msg_blocks_too_long": 1}


def test_webhook_keeps_its_promises(hook: WebhookNotifier, message: Message) -> None:
    assert conformance.notifier(hook, replace(message, level=Level.LOW)) == ()


def test_stop_before_its_turn_sends_nothing(slack: LocalSlack, alerts: Channel, message: Message) -> None:
    stop, address = Event(), slack.webhook(alerts)
    hook = WebhookNotifier("hook", lambda: address, Pacer(stop), api=slack.url)
    hook.send(news(message))
    stop.set()
    with pytest.raises(TransientError, match="stopped"):
        hook.send(news(message))
    assert alerts.posted == 1
