"""A certificate authority of our own, so that real clients speak real TLS to this machine."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

import trustme


class Certificates:
    """A throw-away authority that vouches for this machine alone."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="local-azure-")
        self._authority = trustme.CA()
        self.ca = Path(self._folder.name) / "ca.pem"
        self._authority.cert_pem.write_to_path(self.ca)

    def context(self) -> ssl.SSLContext:
        """What a server on this machine shows its callers."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
        return context

    def close(self) -> None:
        """Remove the file."""
        self._folder.cleanup()
