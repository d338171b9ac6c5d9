"""Reading rules: what a rule file may hold, and how its mistakes are told."""

from datetime import timedelta
from pathlib import Path

import pytest

from monitor import plugins
from monitor.errors import InputError, RuleError
from monitor.model import Level
from monitor.rules import HEALTH, STREAMS, Rule, bracketed, duration, load, read
from monitor.sources import fold

GOOD = """\
title: Burst of failures
id: burst
status: stable
level: high
tags: [attack.t1110]
stream: sign_in
where: kind == "user" and outcome == "failed"
measure: events
by: [identity]
bucket: 10m
detector: limit
params: {limit: 10}
runbook: |
  Ask the person whether it was them.
"""


def written(folder: Path, text: str, name: str = "burst") -> Path:
    path = folder / f"{name}.yml"
    path.write_text(text, "utf-8")
    return path


def good(folder: Path) -> Rule:
    rule, wrong = read(written(folder, GOOD), plugins.detectors())
    assert rule is not None
    assert wrong == []
    return rule


def mistakes(folder: Path, text: str) -> list[str]:
    """The mistakes of a rule file, without the folder's path."""
    rule, wrong = read(written(folder, text), plugins.detectors())
    assert rule is None
    assert all(line.startswith(f"{folder}/burst.yml:") for line in wrong)
    return [line.removeprefix(f"{folder}/") for line in wrong]


def instead(old: str, new: str) -> str:
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


def test_a_rule_file_becomes_a_rule(tmp_path: Path) -> None:
    rule = good(tmp_path)
    assert rule.level is Level.HIGH
    assert rule.bucket == timedelta(minutes=10)
    assert rule.judge.limit == 10
    assert rule.file == str(tmp_path / "burst.yml")
    assert rule.tell == 3.0


def test_a_rule_counts_the_facts_of_its_stream_only(tmp_path: Path) -> None:
    assert good(tmp_path).predicate.startswith('stream == "sign_in" and (')


def test_a_remark_at_the_end_of_a_predicate_does_not_swallow_what_follows(tmp_path: Path) -> None:
    text = instead('where: kind == "user" and outcome == "failed"', 'where: |\n  outcome == "failed" // all of them')
    rule, wrong = read(written(tmp_path, text), plugins.detectors())
    assert wrong == []
    assert rule is not None
    assert rule.predicate.endswith("\n)")


@pytest.mark.parametrize(
    ("by", "subject"),
    [
        (("identity", "resource"), ("identity", "identity")),
        (("ip",), ("ip", "ip")),
        (("resource",), ("vault", "resource")),
        (("credential_id",), ("credential", "credential_id")),
        (("country",), ("tenant", "")),
    ],
)
def test_a_finding_is_about_the_identity_where_the_group_has_one(
    tmp_path: Path, by: tuple[str, ...], subject: tuple[str, str]
) -> None:
    assert good(tmp_path).model_copy(update={"by": by}).subject == subject


@pytest.mark.parametrize(
    ("keys", "family"),
    [
        ("measure: events\ndetector: limit", "events"),
        ("measure: distinct ip\ndetector: limit", "distinct ip"),
        ("measure: events\nevidence: failures\ndetector: limit", "failures"),
        ("new: [asn, country]\ndetector: first_seen", "new place"),
        ("new: [object, resource]\ndetector: first_seen", "new resource"),
        ("new: [code]\ndetector: first_seen", "new code"),
        ("new: [code]\nevidence: refusals\ndetector: first_seen", "refusals"),
        ("detector: first_seen", "wake"),
    ],
)
def test_what_its_findings_are_evidence_of_follows_from_what_is_counted_unless_said(
    tmp_path: Path, keys: str, family: str
) -> None:
    params = "{limit: 10}" if "limit" in keys else "{gap_factor: 5}" if "new" not in keys else "{}"
    text = instead("measure: events\n", "").replace("detector: limit", keys).replace("{limit: 10}", params)
    rule, wrong = read(written(tmp_path, text), plugins.detectors())
    assert wrong == []
    assert rule is not None
    assert rule.family == family


def test_an_unknown_key_is_told_with_its_line_and_the_nearest_right_one(tmp_path: Path) -> None:
    assert mistakes(tmp_path, GOOD + "referenses: [x]\n") == [
        "burst.yml:15: unknown key 'referenses', did you mean 'references'?"
    ]


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    assert mistakes(tmp_path, instead("level: high\n", "")) == ["burst.yml:1: missing key 'level'"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "level: high",
            "level: hihg",
            "burst.yml:4: level: expected one of informational, low, medium, high, ",
        ),
        ("status: stable", "status: stabel", "burst.yml:3: status: Input should be 'experimental' or 'stable'"),
        ("stream: sign_in", "stream: signin", "burst.yml:6: stream: Input should be 'sign_in'"),
        ("[identity]", "[identiy]", "burst.yml:9: by.0: no such column of FACTS: 'identiy', did you mean 'identity'?"),
        ("[identity]", "[]", "burst.yml:9: by: Tuple should have at least 1 item"),
        (
            "measure: events",
            "measure: distinct objct",
            "burst.yml:8: measure: no such column of FACTS: 'objct', did ",
        ),
        (
            "measure: events",
            "measure: sum",
            "burst.yml:8: measure: expected 'events' or 'distinct <column>', got",
        ),
        ("bucket: 10m", "bucket: 10 min", "burst.yml:10: bucket: expected a duration such as 15m, 1h or 28d"),
        ("bucket: 10m", "bucket: 7m", "burst.yml:10: bucket: expected a multiple of 5m that divides a day"),
        ("bucket: 10m", "bucket: 0m", "burst.yml:10: bucket: expected a multiple of 5m that divides a day"),
        ("detector: limit", "detector: limits", "burst.yml:11: no detector 'limits', did you mean 'limit'?"),
        ("{limit: 10}", "{limt: 10, limit: 1}", "burst.yml:12: unknown key 'params.limt', did you mean 'limit'?"),
        ("{limit: 10}", "{limit: 0}", "burst.yml:12: params.limit: expected a number of at least 1, got 0"),
        ("{limit: 10}", "{}", "burst.yml:12: missing key 'params.limit'"),
        ("measure: events", "evidence: Failed tries", "burst.yml:8: evidence: String should match pattern '^[a-z]*$'"),
        ("id: burst", "id: other", "burst.yml:2: id 'other' is not the file's name 'burst'"),
        ("measure: events", "new: [country]", "burst.yml:8: detector 'limit' makes no use of the key 'new'"),
    ],
)
def test_a_wrong_value_is_told_with_line_and_what_was_expected(tmp_path: Path, old: str, new: str, told: str) -> None:
    (line,) = mistakes(tmp_path, instead(old, new))
    assert line.startswith(told)


@pytest.mark.parametrize(
    ("stream", "by", "told"),
    [
        ("scores", "[identity]", "burst.yml:6: stream: detector 'limit' judges facts and not what other rules said"),
        ("sign_in", "[identity, source]", "burst.yml:9: by.1: 'source' cannot cut groups"),
        ("sign_in", "[identity, identity]", "burst.yml:9: by.1: 'identity' is named twice"),
        ("sign_in", "[app_id]", "burst.yml:9: by: names no subject, expected one of identity, ip, prefix, resource"),
        ("sign_in", "[resource]", "burst.yml:9: by: 'resource' is a vault in the stream vault only, expected"),
    ],
)
def test_groups_and_streams_that_would_be_mute_or_about_nobody_are_refused(
    tmp_path: Path, stream: str, by: str, told: str
) -> None:
    text = instead("stream: sign_in", f"stream: {stream}").replace("by: [identity]", f"by: {by}")
    (line,) = mistakes(tmp_path, text)
    assert line.startswith(told)


TOGETHER = (
    instead('where: kind == "user" and outcome == "failed"\nmeasure: events\n', "")
    .replace("detector: limit", "detector: together")
    .replace("limit: 10", "kinds: 2")
)


@pytest.mark.parametrize(
    ("stream", "by", "told"),
    [
        (
            "sign_in",
            "[identity]",
            "burst.yml:6: stream: detector 'together' judges what other rules said, expected sco",
        ),
        ("scores", "[identity, app_id]", "burst.yml:7: by: other rules' findings are about one subject, expected [id"),
        ("scores\nwhere: 'true'", "[identity]", "burst.yml:7: detector 'together' makes no use of the key 'where'"),
    ],
)
def test_a_rule_over_what_others_said_names_their_subject_alone(
    tmp_path: Path, stream: str, by: str, told: str
) -> None:
    text = TOGETHER.replace("stream: sign_in", f"stream: {stream}").replace("[identity]", by)
    (line,) = mistakes(tmp_path, text)
    assert line.startswith(told)


def test_what_is_in_by_is_never_new(tmp_path: Path) -> None:
    text = instead("measure: events", "new: [ip]").replace("by: [identity]", "by: [identity, ip]")
    (line,) = mistakes(tmp_path, text.replace("detector: limit", "detector: first_seen").replace("limit: 10", ""))
    assert line == "burst.yml:8: new: 'ip' is in 'by', too, and so never new"


def test_streams_that_sources_yield_may_be_named() -> None:
    assert {query.stream for query in fold.QUERIES.values()} == set(STREAMS) - {HEALTH}


@pytest.mark.parametrize(
    ("where", "told"),
    [
        (
            'outcom == "failed"',
            "burst.yml:7: where: line 1, column 1: unknown column 'outcom', did you mean 'outcome'?",
        ),
        ('kind == "u" and outcom == "x"', "burst.yml:7: where: line 1, column 17: unknown column 'outcom'"),
        ('outcome === "failed"', "burst.yml:7: where: line 1, column 11: "),
        ('(outcome == "failed"', "burst.yml:7: where: line 1, column 21: missing ')'"),
        ("outcome", "burst.yml:7: where: Conversion Error: "),
        ("events == code", "burst.yml:7: where: Conversion Error: "),
        (
            '|\n  // who\n  kind == "user"\n  and outcom == "failed"',
            "burst.yml:10: where: line 3, column 5: unknown column 'outcom', did you mean 'outcome'?",
        ),
    ],
)
def test_a_mistake_in_the_kql_is_told_where_it_stands(tmp_path: Path, where: str, told: str) -> None:
    line, *_ = mistakes(tmp_path, instead('kind == "user" and outcome == "failed"', where))
    assert line.startswith(told)


def test_a_mistake_in_after_is_told_too(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, GOOD + 'after: resurce == "x"\n')
    assert line == "burst.yml:15: after: line 1, column 1: unknown column 'resurce', did you mean 'resource'?"


def test_all_mistakes_of_a_file_are_told_at_once_from_top_to_bottom(tmp_path: Path) -> None:
    text = instead("level: high", "levle: high").replace("outcome ==", "outcom ==").replace("{limit: 10}", "{limit: x}")
    assert [line.split(": ")[0] + ": " + line.split(": ")[1] for line in mistakes(tmp_path, text)] == [
        "burst.yml:1: missing key 'level'",
        "burst.yml:4: unknown key 'levle', did you mean 'level'?",
        "burst.yml:7: where",
        "burst.yml:12: params.limit",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("title: [unclosed\nid: x\n", "burst.yml:2: not YAML: "),
        ("title: a\ntitle: b\n", "burst.yml:2: not YAML: found duplicate key"),
        ("- a list\n", "burst.yml:1: expected a mapping of keys"),
        ("", "burst.yml:1: expected a mapping of keys"),
    ],
)
def test_what_is_no_mapping_is_told(tmp_path: Path, text: str, told: str) -> None:
    (line,) = mistakes(tmp_path, text)
    assert line.startswith(told)


def test_what_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "burst.yml"
    path.write_bytes(b"title: \xff\xfe\n")
    assert read(path, plugins.detectors())[1][0].startswith(f"{path}:1: cannot be read as UTF-8 text")


def test_the_mistakes_of_several_files_are_told_together(tmp_path: Path) -> None:
    written(tmp_path, instead("level: high", "level: loud"))
    written(tmp_path, instead("id: burst", "id: other").replace("limit: 10", "limit: ten"), "other")
    written(tmp_path, GOOD, "third")
    (tmp_path / "fourth.yaml").write_text(GOOD, "utf-8")
    with pytest.raises(RuleError) as caught:
        load(tmp_path, plugins.detectors())
    assert [line.removeprefix(f"{tmp_path}/").split(": ")[0] for line in str(caught.value).splitlines()] == [
        "burst.yml:4",
        "other.yml:12",
        "third.yml:2",
        "fourth.yaml:1",
    ]


def test_a_folder_without_rules_is_no_folder_of_rules(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected at least one rule"):
        load(tmp_path, plugins.detectors())
    with pytest.raises(InputError, match="no such folder"):
        load(tmp_path / "absent", plugins.detectors())


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("30s", timedelta(seconds=30)),
        ("15m", timedelta(minutes=15)),
        ("1h", timedelta(hours=1)),
        ("28d", timedelta(days=28)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, length: timedelta) -> None:
    assert duration(text) == length


@pytest.mark.parametrize("text", ["", "15", "m", "1.5h", "-1h", "1w", " 1h"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        duration(text)


@pytest.mark.parametrize(
    ("predicate", "meant"),
    [
        ('kind == "x"', "['kind'] == \"x\""),
        ('action == "kind"', 'action == "kind"'),
        ("action == 'a kind of \\' kind'", "action == 'a kind of \\' kind'"),
        ('action == @"kind\\" and kind == "x"', 'action == @"kind\\" and [\'kind\'] == "x"'),
        ("mankind == kinds", "mankind == kinds"),
        ("true // of any kind", "true // of any kind"),
        ('["kind"] == "x"', '["kind"] == "x"'),
    ],
)
def test_only_the_column_kind_is_bracketed(predicate: str, meant: str) -> None:
    assert bracketed(predicate) == meant
