"""What the page makes of text: Slack's markup as people see it, and nothing else, whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.testing.slack.files import File
from monitor.testing.slack.http import Json
from monitor.testing.slack.limits import Limits
from monitor.testing.slack.page.dates import day, spelled
from monitor.testing.slack.page.kit import drawn
from monitor.testing.slack.page.marks import marked
from monitor.testing.slack.page.reader import Reader, zone
from monitor.testing.slack.page.tree import SAFE, Element, Node
from monitor.testing.slack.workspace import Workspace

NOW = datetime(2026, 6, 1, 22, 30, tzinfo=UTC)
TAGS = {"a", "b", "blockquote", "code", "i", "pre", "s", "span", "time"}


def reader(where: str = "UTC") -> Reader:
    world = Workspace(Limits())
    world.clock.now = NOW
    ann = world.user("ann")
    world.channel("alerts", {ann.id}, private=False)
    world.group("oncall", [ann.id])
    return Reader(world, {}, ann.id, zone(where))


def shown(text: str, who: Reader | None = None, *, verbatim: bool = False) -> str:
    """The nodes of a text, written down: ``b(bold) plain``."""
    return "".join(map(_said, marked(text, who or reader(), verbatim=verbatim)))


def _said(node: Node) -> str:
    return node if isinstance(node, str) else f"{node.tag}({''.join(map(_said, node.children))})"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*a b* _c_ ~d~", "b(a b) i(c) s(d)"),
        ("2*3*4 snake_case_name a~b~c", "2*3*4 snake_case_name a~b~c"),
        ("* a* and *b *", "* a* and *b *"),
        ("*bold _both_ `code`*", "b(bold i(both) code(code))"),
        ("`*not bold* :eyes:`", "code(*not bold* :eyes:)"),
        ("*a `b*` c*", "b(a code(b*) c)"),
        ("```\n*x* <https://a.test|b>\n```", "pre(*x* b)"),
        ("one\n&gt; two\n> three\nfour", "oneblockquote(two\nthree)four"),
        ("&lt;!channel&gt; &amp;lt;", "<!channel> &lt;"),
        ("<!channel> <!here|here>", "span(@channel) span(@here)"),
        ("<https://a.test/?b&amp;c|d &gt; e>", "a(d > e)"),
        ("<javascript:alert(1)|x>", "<javascript:alert(1)|x>"),
        ("see https://a.test/b.", "see a(https://a.test/b)."),
        (":eyes: :no_such_thing: 12:30:45", "👀 :no_such_thing: 12:30:45"),
        ("<!date^nonsense^{date}|then>", "then"),
        ("\ufffc `a`", "\ufffd code(a)"),
    ],
)
def test_marks_mean_what_they_mean_in_slack(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_mentions_have_names() -> None:
    who = reader()
    assert shown("<@U0000000002> <@U9> <#C0000000001|old> <!subteam^S0000000001>", who) == (
        "span(@ann) span(@unknown) a(#alerts) span(@oncall)"
    )


def test_verbatim_text_links_only_what_is_written_as_a_link() -> None:
    assert shown("https://a.test <https://b.test>", verbatim=True) == "https://a.test a(https://b.test)"


def test_times_are_the_readers() -> None:
    text = f"<!date^{int(NOW.timestamp())}^{{date_short_pretty}} at {{time}}|x>"
    assert shown(text, reader("Asia/Tokyo")) == "time(Today at 07:30)"
    assert shown(text, reader("America/New_York")) == "time(Today at 18:30)"
    assert shown(text, reader("no/such/zone")) == "time(Today at 22:30)"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("{date_num}", "2026-05-31"),
        ("{date}", "May 31st"),
        ("{date_long}", "Sunday, May 31st, 2026"),
        ("on {date_pretty} at {time_secs}", "On yesterday at 08:05:09"),
        ("{ago}", "1 day ago"),
        ("{weekday}", "{weekday}"),
    ],
)
def test_dates_are_spelled_as_slack_spells_them(pattern: str, expected: str) -> None:
    assert spelled(pattern, datetime(2026, 5, 31, 8, 5, 9, tzinfo=UTC), NOW) == expected


def test_days_part_the_messages() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    now = NOW.astimezone(berlin)
    assert [day(at, now) for at in (now, now.replace(day=1), now.replace(day=22, month=5))] == [
        "Today",
        "Yesterday",
        "Friday, May 22nd",
    ]


def elements(nodes: list[Node] | tuple[Node, ...]) -> Iterator[Element]:
    for node in nodes:
        if isinstance(node, Element):
            yield node
            yield from elements(node.children)


SIGNS = [*"<>&|`*_~:!@#^/\"'\n ={};", "javascript:", "https://", "&lt;", "```", "<!date^1^", "|x>"]
HOSTILE = st.lists(st.one_of(st.sampled_from(SIGNS), st.characters()), max_size=40).map("".join)


@given(HOSTILE)
def test_no_text_becomes_more_than_marks_and_links_that_are_safe(text: str) -> None:
    for element in elements(marked(text, reader())):
        assert element.tag in TAGS
        assert set(element.attributes) <= {"class", "href", "target", "rel", "datetime", "title"}
        target = element.attributes.get("href", "https:")
        assert target.partition(":")[0].lower() in SAFE or target.startswith("/page/")


def test_a_text_of_marks_only_is_read_in_no_time() -> None:
    for text in ("*" * 3000, "*a" * 1500, "_a b" * 750, "<" * 3000, "`" * 2999, "~ ~a" * 750, "https://" * 375):
        marked(text, reader())


def test_rich_text_shows() -> None:
    body: Json = {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [
                    {"type": "text", "text": "<b>", "style": {"bold": True}},
                    {"type": "user", "user_id": "U0000000002"},
                    {"type": "link", "url": "javascript:x", "text": "no"},
                ],
            },
            {
                "type": "rich_text_list",
                "style": "bullet",
                "elements": [{"type": "rich_text_section", "elements": [{"type": "emoji", "name": "eyes"}]}],
            },
        ],
    }
    assert isinstance(body, dict)
    (block,) = drawn([body], reader())
    assert _said(block) == "div(div(div(b(<b>)span(@ann)no)ul(li(div(👀)))))"


def test_pictures_from_elsewhere_are_named_not_fetched() -> None:
    body: Json = {"type": "image", "image_url": "https://x.test/a.png", "alt_text": "a map"}
    (block,) = drawn([body], reader())  # type: ignore[list-item]  # it is an object
    assert [each.tag for each in elements([block])] == ["figure", "span"]
    assert block.text == "a map"


def test_pictures_of_the_workspace_are_shown() -> None:
    who = reader()
    held = Reader(who.world, {"F1": File("F1", "a.png", 3)}, who.user, who.zone)
    body: Json = {"type": "image", "slack_file": {"id": "F1"}, "alt_text": "a map"}
    (block,) = drawn([body], held)  # type: ignore[list-item]  # it is an object
    assert [each.attributes.get("src") for each in elements([block])] == [None, "/page/files/F1"]
