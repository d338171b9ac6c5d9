"""The schema that editors are given, and the file to start from."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from ruamel.yaml import YAML

from monitor.settings import PolicySettings, load, load_identities, schema

ID = "33333333-0000-4000-8000-000000000003"
STARTER = (files("monitor.settings") / "starter.yml").read_text("utf-8")
RIGHT: dict[str, Any] = {
    "credentials": {"a": {"kind": "client_secret", "secret": {"env": "X"}}},
    "workspaces": {"prod": {"id": ID, "history": "35d", "sources": {"vault": {"settle": "20m"}}}},
}


def test_the_schema_accepts_what_loading_accepts() -> None:
    jsonschema.validate(RIGHT, schema())
    jsonschema.validate(YAML(typ="safe").load(STARTER), schema())


@pytest.mark.parametrize(
    "wrong",
    [
        {"stat": "x"},
        {"credentials": {"a": {"secret": "hunter2"}}},
        {"credentials": {"a": {"kind": "certificate"}}},
        {"workspaces": {}},
        {"workspaces": {"prod": {"id": "prod"}}},
        {"workspaces": {"Prod": {"id": ID}}},
        {"workspaces": {"prod": {"id": ID, "slice": "a day"}}},
        {"workspaces": {"prod": {"id": ID, "sources": {"valt": {}}}}},
    ],
    ids=str,
)
def test_the_schema_refuses_what_loading_refuses(wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(RIGHT | wrong, schema())


def test_every_key_is_described_and_durations_are_as_written() -> None:
    made = schema()
    for one in (made, *(part for part in made["$defs"].values() if "properties" in part)):
        assert [name for name, key in one["properties"].items() if "description" not in key] == []
    assert made["$defs"]["WorkspaceSettings"]["properties"]["history"]["default"] == "35d"


def test_the_file_to_start_from_loads_and_its_comments_tell_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "mintwatch.yml"
    path.write_text(STARTER)
    settings = load(path, {})
    examples = ("resource_id:", "tenant_id:", "client_id:", "token_file:", "ca_bundle:", "rules:", "sources:")
    shown = [line for line in STARTER.splitlines() if not any(one in line for one in (*examples, "{"))]
    path.write_text("\n".join(_uncommented(line) for line in shown))
    assert load(path, {}) == settings


def test_what_the_file_to_start_from_shows_of_telling_loads(tmp_path: Path) -> None:
    head, telling = STARTER.split("# Whom to tell")
    path = tmp_path / "mintwatch.yml"
    path.write_text(head + "\n".join(line.removeprefix("# ") for line in telling.splitlines()[1:]))
    settings = load(path, {})
    assert set(settings.notifiers) == {"oncall", "hook"}
    assert len(settings.routes) == 3
    assert settings.policy == PolicySettings()


PAGE = Path(__file__).parents[2] / "docs" / "howto" / "routing.md"


def test_every_example_of_the_page_loads(tmp_path: Path) -> None:
    least = f"workspaces: {{prod: {{id: {ID}}}}}\n"
    found = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    owned = [text for text in found if text.startswith("# identities.yml")]
    chosen = [text for text in found if text not in owned and "kind: pager" not in text]
    (tmp_path / "identities.yml").write_text(owned[0])
    owners = load_identities(tmp_path / "identities.yml")
    assert (len(owned), len(owners.silences)) == (1, 1)
    assert len(chosen) == 4
    for text in chosen:
        (tmp_path / "mintwatch.yml").write_text(least + text)
        load(tmp_path / "mintwatch.yml", {})


def _uncommented(line: str) -> str:
    keys = {"state", "cloud", "issuer", "history", "catch_up", "slice", "policy"} | set(PolicySettings.model_fields)
    key = line.lstrip().removeprefix("# ").split(":")[0].strip()
    return line.replace("# ", "", 1) if key in keys else line
