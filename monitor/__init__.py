"""Watches who mints tokens: sign-in and key vault logs in, true incidents out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from monitor.worker.desk import Desk

__all__ = ["__version__", "open"]
__version__ = "0.1.0"


def open(  # noqa: A001 - a notebook says mintwatch.open
    where: Path | str,
    *,
    rules: Path | str | None = None,
    fresh: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Desk:
    """The facts, sources, rules and detectors of a daemon, to work with: ``import monitor as mintwatch``.

    Parameters
    ----------
    where
        A file of settings (`.yml`): its workspaces are asked, and facts are those its daemon collected, if it has a
        state. A folder of exported tables: nothing is collected before `replay`. A state: facts and findings alone.
        A state is only read, also while a daemon writes there.
    rules
        Folder of rules; left out, those of the settings, else the shipped ones.
    fresh
        Of settings: do not look into the daemon's state, and let `replay` fill one that goes away.
    environment
        What goes over the settings, and what logins look at; left out, the environment.

    Raises
    ------
    InputError
        If there is nothing to open, or it is written wrong.
    StateError
        If the state is of another version.
    """
    import os
    from pathlib import Path

    from monitor.worker.opening import opened

    chosen = Path(rules) if rules is not None else None
    return opened(Path(where), chosen, os.environ if environment is None else environment, fresh=fresh)
