"""The one guard: whatever goes wrong with one source, rule or notifier stays with it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from monitor.errors import MintwatchError

log = logging.getLogger("mintwatch.worker")
T = TypeVar("T")


def guarded(name: str, work: Callable[[], T], failed: Callable[[Exception], T]) -> T:
    """What `work` answers, or else what `failed` makes of its error, which is logged."""
    try:
        return work()
    except MintwatchError as error:
        log.warning("failed", extra={"part": name, "error": str(error)})
        return failed(error)
    except Exception as error:
        log.exception("failed unexpectedly", extra={"part": name})
        return failed(error)


def told(error: Exception) -> str:
    """An error in a line: ours say where and what themselves."""
    return str(error) if isinstance(error, MintwatchError) else f"{type(error).__name__}: {error}"
