"""A check is refused for the reason it is refused for, not for one that passed."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.errors import PermanentError, TransientError
from monitor.sources.loganalytics.faults import Outcome
from monitor.worker.checking.asking import Asker, Shut
from tests.sources.wires import ONE, SPAN, Hurried, Pass, Said, refusal, serving, workspace

BROKEN = Said(cut=3, body=ONE.body)
TABLE = "AuditLogs"


def test_what_passed_is_not_what_is_blamed(tmp_path: Path) -> None:
    with serving(tmp_path) as wire, workspace(wire, tmp_path / "ca.pem", Hurried(), Pass()) as logs:
        asker = Asker(logs, SPAN.end)
        wire.tell(BROKEN, Said(500, refusal("InternalServerError", "x")))
        with pytest.raises(TransientError, match="HTTP 500"):
            asker.columns(TABLE)
        wire.tell(Said(400, refusal("BadArgumentError", "x")))
        with pytest.raises(PermanentError, match="HTTP 400"):
            asker.columns(TABLE)


def test_what_is_true_of_every_question_ends_them(tmp_path: Path) -> None:
    with serving(tmp_path) as wire, workspace(wire, tmp_path / "ca.pem", Hurried(), Pass()) as logs:
        wire.tell(Said(403, refusal("InsufficientAccessError", "x")))
        with pytest.raises(Shut, match="HTTP 403") as raised:
            Asker(logs, SPAN.end).columns(TABLE)
        assert raised.value.outcome is Outcome.FORBIDDEN
