"""What a thread is busy with, so that every line of the log says so: ours, and those of libraries it calls.

It lives in a context variable, which a thread of a pool does not inherit: whoever hands work to a pool hands
``contextvars.copy_context().run`` along.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Final

_BUSY: Final[ContextVar[Mapping[str, str]]] = ContextVar("mintwatch_during", default=MappingProxyType({}))


@contextmanager
def during(fields: Mapping[str, str]) -> Iterator[None]:
    """Meanwhile `busy` says these, too; an empty one is left out.

    >>> with during({"tick": "2026-05-01T10:05:00Z"}), during({"rule": "many-vaults"}):
    ...     sorted(busy())
    ['rule', 'tick']
    """
    before = _BUSY.set({**_BUSY.get(), **{name: value for name, value in fields.items() if value}})
    try:
        yield
    finally:
        _BUSY.reset(before)


def busy() -> Mapping[str, str]:
    """What this thread, or the work it was handed, is part of; empty if nobody said."""
    return _BUSY.get()
