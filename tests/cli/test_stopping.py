"""A process that is told to stop is gone in time, whatever it waits for."""

from __future__ import annotations

import signal
import subprocess
import sys
from time import perf_counter

import pytest

WAITING = """
import sys
from datetime import timedelta
from threading import Event, Thread
from monitor.cli.stopping import until_signalled
stop = Event()
with until_signalled(stop, timedelta(seconds=0.5)):
    print("here", flush=True)
    stop.wait()
if sys.argv[1] == "stuck":
    Thread(target=Event().wait).start()  # the interpreter waits for it at its exit
"""


@pytest.mark.parametrize(("how", "code"), [("stuck", 75), ("done", 0)])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_is_gone_in_time(how: str, code: int, number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", WAITING, how], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        begun = perf_counter()
        process.send_signal(number)
        assert process.wait(20) == code
        assert perf_counter() - begun < 8
