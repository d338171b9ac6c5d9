"""Run uv where pip would look: ``python requirements/uv.py ARGUMENT ...`` passes its arguments on to uv.

The files of this project hold no addresses; which package index is used is the machine's business. uv reads its own
settings only, so a machine set up for pip (pip.conf, PIP_*) would be bypassed. What pip is told and uv is not is
handed over here. Runs on the interpreter of the tools' environment, which has pip and uv and nothing else.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

# pip's option -> uv's variable, and the variables that show uv was told already
HANDED_OVER = {
    "index-url": ("UV_DEFAULT_INDEX", ("UV_DEFAULT_INDEX", "UV_INDEX_URL")),
    "extra-index-url": ("UV_INDEX", ("UV_INDEX", "UV_EXTRA_INDEX_URL")),
    "find-links": ("UV_FIND_LINKS", ("UV_FIND_LINKS",)),
    "trusted-host": ("UV_INSECURE_HOST", ("UV_INSECURE_HOST",)),
    "cert": ("SSL_CERT_FILE", ("SSL_CERT_FILE", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS")),
    "proxy": ("HTTPS_PROXY", ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")),
}
LOCAL = {"extra-index-url", "find-links"}
COMMA_SEPARATED = {"UV_FIND_LINKS"}
# Later ones win, as they do in pip.
SECTIONS = ("global", "install", ":env:")


def told(listing: str) -> dict[str, str]:
    """Options in force, out of the lines ``section.option='value'`` of ``pip config list``."""
    options: dict[str, str] = {}
    for section in SECTIONS:
        for line in listing.splitlines():
            name, _, value = line.partition("=")
            if name.startswith(f"{section}."):
                options[name.removeprefix(f"{section}.")] = str(ast.literal_eval(value))
    return options


def handed_over(options: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Variables to add for uv: pip's options that the environment does not already answer for uv."""
    added: dict[str, str] = {}
    for option, (variable, known) in HANDED_OVER.items():
        words = options.get(option, "").split()
        if words and not any(environment.get(name) for name in known):
            added[variable] = ("," if variable in COMMA_SEPARATED else " ").join(words)
    if "UV_INDEX" in added:
        # uv stops at the first index that knows a name, pip asks all; with files pinned by hash asking all is safe.
        added["UV_INDEX_STRATEGY"] = environment.get("UV_INDEX_STRATEGY", "unsafe-best-match")
    return added


def main() -> None:
    """Become uv."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    options = told(listing)
    if "compile" in sys.argv:
        # A lock made from one machine's own wheels would hold their hashes and no others.
        options = {name: value for name, value in options.items() if name not in LOCAL}
    environment = os.environ | handed_over(options, os.environ) | {"UV_PYTHON_DOWNLOADS": "never"}
    uv = Path(sys.executable).with_name("uv")
    os.execve(uv, [str(uv), *sys.argv[1:]], environment)  # noqa: S606 - no shell is meant


if __name__ == "__main__":
    main()
