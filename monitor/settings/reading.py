"""Reading settings: a file, the environment over it, and every mistake at once with where it was written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from monitor.errors import InputError
from monitor.settings.crossing import crossed
from monitor.settings.model import Settings
from monitor.written import Place, document, line, mistakes, plain

PREFIX: Final = "MINTWATCH__"
"""What names of variables that are settings start with; their parts are joined by two underscores."""

Model = TypeVar("Model", bound=BaseModel)


def load(path: Path | None, environment: Mapping[str, str]) -> Settings:
    """Settings of a YAML file, over which those of the environment go: `MINTWATCH__WORKSPACES__PROD__ID` and the like.

    A variable's value is read as YAML would read it after a colon; an empty one is not set. Without a file the
    environment must say everything. No secret is read yet.

    Raises
    ------
    InputError
        With every mistake, a line each, as `file:line: ...` or `VARIABLE: ...`. No value of a secret is repeated.
    """
    if path is not None and not path.is_file():
        raise InputError(f"{path}: no such file of settings; mintwatch init writes one to start from")
    written = document(path) if path is not None else CommentedMap()
    variables = {name: value for name, value in environment.items() if name.startswith(PREFIX) and value.strip()}
    over, wrong = _over(variables)

    sources = (_Given(Settings, over), _Given(Settings, plain(written)))  # the first goes over the second
    found: list[tuple[Place, str]] = []
    try:
        settings: Settings | None = Settings(_build_sources=(sources, {}))
    except ValidationError as error:
        settings, found = None, list(mistakes(error, Settings))
    if settings is not None:
        found = list(crossed(settings))
    if found or wrong or settings is None:
        found.sort(key=lambda one: line(written, one[0]))
        raise InputError(
            "\n".join([f"{_where(path, written, variables, place)}: {mistake}" for place, mistake in found] + wrong)
        )
    return _anchored(settings, path.parent) if path is not None else settings


class _Given(PydanticBaseSettingsSource):
    """A source of settings that were read already."""

    def __init__(self, settings_cls: type[BaseSettings], given: dict[str, Any]) -> None:
        super().__init__(settings_cls)
        self._given = given

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        del field  # what was read is not looked up field by field
        return self._given.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return self._given


def _over(variables: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """What the variables set, nested as in a file, and those that cannot be read. Shorter names come first."""
    over: dict[str, Any] = {}
    wrong = []
    for name in sorted(variables, key=lambda name: (name.count("__"), name)):
        *parents, last = name.removeprefix(PREFIX).lower().split("__")
        node: Any = over
        for part in parents:
            node = node.setdefault(part, {}) if isinstance(node, dict) else None
        if not isinstance(node, dict) or not all((*parents, last)):
            wrong.append(f"{name}: expected names of keys joined by two underscores, inside of mappings")
            continue
        try:
            node[last] = YAML(typ="safe").load(variables[name])
        except YAMLError:  # its message would show the value
            wrong.append(f"{name}: not YAML; put text that starts with a sign or holds ': ' into quotes")
    return over, wrong


def _where(path: Path | None, written: CommentedMap, variables: Mapping[str, str], place: Place) -> str:
    """Where the value at `place` was written: in a variable, else at a line of the file."""
    for depth in range(len(place), 0, -1):
        name = PREFIX + "__".join(map(str, place[:depth])).upper()
        if name in variables:
            return name
    return PREFIX.rstrip("_") if path is None else f"{path}:{line(written, place)}"


def _anchored(model: Model, folder: Path) -> Model:
    """The same with its paths relative to `folder`, at any depth."""
    return model.model_copy(update={name: _moved(value, folder) for name, value in model if value is not None})


def _moved(value: Any, folder: Path) -> Any:
    if isinstance(value, BaseModel):
        return _anchored(value, folder)
    if isinstance(value, dict):
        return {key: _moved(one, folder) for key, one in value.items()}
    return folder / value if isinstance(value, Path) else value
