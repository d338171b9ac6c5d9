"""Asking a daemon how it is, as a probe or Prometheus does, and reading what it says."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import Any, NamedTuple

from prometheus_client.parser import text_string_to_metric_families


class Said(NamedTuple):
    """An answer: its status, its headers by lower-case name, its body."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def asked(port: int, path: str, method: str = "GET", accept: str = "") -> Said:
    """What is answered on this machine."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, headers={"Accept": accept} if accept else {})
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Said(answer.status, headers, answer.read().decode())
    finally:
        connection.close()


def series(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Value by name and labels, as Prometheus reads them."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(text: str, name: str, **labels: str) -> float | None:
    """The value of one series, None if it is not there."""
    return series(text).get((f"mintwatch_{name}", tuple(sorted(labels.items()))))
