"""The dashboard: the panels laid out in rows, as Grafana's JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from deploy.generate.panels import ROWS, Panel

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

COLUMNS: Final = 24
HEIGHT: Final = {"stat": 4, "timeseries": 8}
SOURCE: Final[Json] = {"type": "prometheus", "uid": "${datasource}"}


def dashboard() -> str:
    """The dashboard as Grafana imports it, two spaces in, with a final newline."""
    made: Json = {
        "uid": "mintwatch",
        "title": "mintwatch",
        "description": "How mintwatch itself is. Made by `make docs` from deploy/generate/panels.py; change it there.",
        "tags": ["mintwatch"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-24h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_datasource(), _instance()]},
        "annotations": {"list": []},
        "links": [],
        "panels": list(_laid_out()),
    }
    return json.dumps(made, indent=2) + "\n"


def _datasource() -> Json:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus", "hide": 0}


def _instance() -> Json:
    return {
        "name": "instance",
        "type": "query",
        "label": "mintwatch",
        "datasource": SOURCE,
        "definition": "label_values(mintwatch_build_info, instance)",
        "query": {"query": "label_values(mintwatch_build_info, instance)", "refId": "instance"},
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }


def _laid_out() -> Iterator[Json]:
    """Each row's title and then its panels, from left to right and from the top down."""
    number, top = 0, 0
    for title, panels in ROWS.items():
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": title,
            "collapsed": False,
            "panels": [],
            "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1},
        }
        top += 1
        for left, below, panel in _places(panels):
            number += 1
            place: Json = {"x": left, "y": top + below, "w": panel.width, "h": HEIGHT[panel.kind]}
            yield {"id": number, **_panel(panel), "gridPos": place}
        top += max(below + HEIGHT[panel.kind] for _, below, panel in _places(panels))


def _places(panels: Sequence[Panel]) -> Iterator[tuple[int, int, Panel]]:
    """From the left and from the top of its row, where each panel goes; all panels of a row are as high."""
    left, below = 0, 0
    for panel in panels:
        if left + panel.width > COLUMNS:
            left, below = 0, below + HEIGHT[panel.kind]
        yield left, below, panel
        left += panel.width


def _panel(panel: Panel) -> dict[str, Json]:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "targets": [
            {"refId": chr(ord("A") + place), "datasource": SOURCE, "expr": query, "legendFormat": legend or "__auto"}
            for place, (query, legend) in enumerate(panel.queries.items())
        ],
        "fieldConfig": {"defaults": _field(panel), "overrides": []},
        "options": _number() if panel.kind == "stat" else _lines(),
    }


def _field(panel: Panel) -> Json:
    steps: Json = [{"value": value, "color": colour} for value, colour in panel.steps or ((None, "green"),)]
    made: dict[str, Json] = {"unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.kind == "stat":
        return {**made, "color": {"mode": "thresholds"}}
    return {
        **made,
        "color": {"mode": "palette-classic"},
        "custom": {
            "drawStyle": "line",
            "fillOpacity": 20 if panel.stacked else 0,
            "lineWidth": 1,
            "showPoints": "never",
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
        },
    }


def _number() -> Json:
    return {
        "colorMode": "background",
        "graphMode": "none",
        "justifyMode": "auto",
        "textMode": "value",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }


def _lines() -> Json:
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
