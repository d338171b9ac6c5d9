"""The sources that settings ask for, each with all its settings found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from monitor.settings.model import Settings, SourceSettings, WorkspaceSettings
from monitor.sources.fold import QUERIES, Query


@dataclass(frozen=True, slots=True)
class Watched:
    """One source of one workspace. `name` is what facts call it, `query` has the configured settle."""

    name: str
    workspace: WorkspaceSettings
    query: Query
    credential: str
    interval: timedelta
    overlap: timedelta
    bound: timedelta
    step: timedelta


def watched(settings: Settings) -> tuple[Watched, ...]:
    """Every enabled source, workspace by workspace, in the order they are collected."""
    return tuple(
        _one(f"{short}.{query.name}", workspace, query, workspace.sources.get(query.name, SourceSettings()))
        for short, workspace in settings.workspaces.items()
        for query in QUERIES.values()
        if workspace.sources.get(query.name, SourceSettings()).enabled
    )


def _one(name: str, workspace: WorkspaceSettings, query: Query, chosen: SourceSettings) -> Watched:
    return Watched(
        name=name,
        workspace=workspace,
        query=replace(query, settle=chosen.settle or query.settle),
        credential=chosen.credential or workspace.credential,
        interval=chosen.interval,
        overlap=chosen.overlap,
        bound=chosen.bound,
        step=chosen.step,
    )
