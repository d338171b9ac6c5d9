"""Takes what installs packages out of a base image: nothing that runs there has a use for it."""

import shutil
import sys
import sysconfig
from pathlib import Path

INSTALLERS = ("ensurepip", "pip", "setuptools", "wheel", "_distutils_hack", "pkg_resources")


def main() -> None:
    """Remove their packages, their metadata and their commands."""
    homes = {Path(path) for path in (*sys.path, *sysconfig.get_paths().values())}
    for home in homes:
        for name in INSTALLERS:
            for path in (
                home / name,
                *home.glob(f"{name}-*.dist-info"),
                *home.glob(f"{name}[0-9.]*"),
                *home.glob(name),
            ):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
    shutil.rmtree("/usr/share/python-wheels", ignore_errors=True)  # Debian's ensurepip


if __name__ == "__main__":
    main()
