"""Services on this machine, reached as what they are: near."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def direct() -> Iterator[None]:
    """Reach this machine without a proxy, whatever the environment says of the world outside."""
    before = {name: os.environ.get(name) for name in ("NO_PROXY", "no_proxy")}
    os.environ.update(dict.fromkeys(before, ",".join(filter(None, [before["no_proxy"], "localhost,127.0.0.1"]))))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
