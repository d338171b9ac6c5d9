"""Build the image with what this machine has: ``python3 image/build.py [--base IMAGE] [--tag TAG] TARGET ...``.

Docker where its engine answers, else buildah and podman. The base is the one of the Dockerfile; where no registry can
be reached (or with ``--base debian``) it is put together from Debian's packages by mmdebstrap: the same Python from
another maker, which a test of this Dockerfile needs and a deployment does not.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
NAME = "localhost/mintwatch"
DEBIAN_BASE = "localhost/mintwatch-base"
DEBIAN = "base-files,base-passwd,ca-certificates,coreutils,dash,libc-bin,libstdc++6,openssl,python3,python3-venv"
# Packages are unpacked and their scripts not run, which takes a quarter of the time; these stand in for them.
UNSCRIPTED = """cd "$1"
ln -sf dash bin/sh
cp usr/share/base-passwd/passwd.master etc/passwd
cp usr/share/base-passwd/group.master etc/group
cat usr/share/ca-certificates/mozilla/*.crt > etc/ssl/certs/ca-certificates.crt
ln -sf /etc/ssl/certs/ca-certificates.crt usr/lib/ssl/cert.pem"""
MISSING = "buildah, podman and runc are missing; install them with: apt-get install buildah podman runc mmdebstrap"


def run(*command: str | Path, quiet: bool = False) -> str:
    """Standard output of a command; its complaint, and the end, if it fails."""
    done = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE, check=False, cwd=ROOT,
                          stderr=subprocess.DEVNULL if quiet else None)  # fmt: skip
    if done.returncode and not quiet:
        raise SystemExit(f"image/build.py: {Path(command[0]).name} {command[1]} ended with {done.returncode}")
    return done.stdout.strip() if done.returncode == 0 else ""


def engine() -> str:
    """`docker` or `podman`, whichever is here and works."""
    if shutil.which("docker") and run("docker", "version", "--format", "{{.Server.Version}}", quiet=True):
        return "docker"
    if not (shutil.which("buildah") and shutil.which("podman")):
        raise SystemExit(f"image/build.py: {MISSING}")
    return "podman"


# --- base ---------------------------------------------------------------------------------------------------------


def named_base() -> str:
    """The base that the Dockerfile names."""
    (found,) = re.findall(r"^ARG BASE_IMAGE=(\S+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    return str(found)


def release() -> tuple[str, list[str]]:
    """Code name of the Debian to take packages from, and this machine's own files that say where they are."""
    system = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', Path("/etc/os-release").read_text("utf-8"), re.MULTILINE))
    if system.get("ID") != "debian":
        return "bookworm", []
    name, apt = system["VERSION_CODENAME"], Path("/etc/apt")
    files = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    debian = re.compile(rf"^(deb .*|Suites: .*\b){name}(-\w+)*( .*)? main\b|^Suites: {name}\b", re.MULTILINE)
    return name, [str(path) for path in files if path.is_file() and debian.search(path.read_text("utf-8"))]


def debian_base() -> str:
    """An image of Debian's Python, made unless it is there already."""
    name, sources = release()
    base = f"{DEBIAN_BASE}:{name}"
    if run("podman", "images", "--quiet", base, quiet=True):
        return base
    if not shutil.which("mmdebstrap"):
        raise SystemExit("image/build.py: mmdebstrap is missing; install it with: apt-get install mmdebstrap")
    print(f"base: {base}, from Debian's packages", flush=True)
    with tempfile.TemporaryDirectory(prefix="mintwatch-base-") as folder:
        archive = Path(folder) / "base.tar"
        run("mmdebstrap", "--quiet", "--variant=extract", f"--include={DEBIAN}", f"--extract-hook={UNSCRIPTED}",
            name, archive, *sources)  # fmt: skip
        run("podman", "import", "--quiet", archive, base)
    return base


def base_image(wanted: str, using: str) -> str:
    """The base to build on, which is on this machine then."""
    if using == "docker":
        return wanted or named_base()
    if wanted != "debian":
        found = wanted or named_base()
        if run("podman", "images", "--quiet", found, quiet=True) or run("podman", "pull", "--quiet", found, quiet=True):
            return found
        if wanted:
            raise SystemExit(f"image/build.py: cannot get {wanted}")
    return debian_base()


# --- build --------------------------------------------------------------------------------------------------------


def described() -> dict[str, str]:
    """What the labels say about this build."""
    package = (ROOT / "monitor" / "__init__.py").read_text("utf-8")
    (version,) = re.findall(r'^__version__ = "(.+)"$', package, re.MULTILINE)
    return {
        "VERSION": version,
        "REVISION": run("git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*", quiet=True)
        or "unknown",
        "CREATED": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),  # noqa: TID251 - runs without the package
    }


def index() -> str:
    """The package index pip is told to use here, if not the usual one."""
    return run(sys.executable, "-m", "pip", "config", "get", "global.index-url", quiet=True)


def build(target: str, tag: str, base: str, using: str) -> str:
    """Build one target; its name."""
    name = f"{NAME}:{tag}" if target == "daemon" else f"{NAME}:{tag}-{target}"
    arguments = described() | {"BASE_IMAGE": base, "INDEX": os.environ.get("PIP_INDEX_URL") or index()}
    options = ["--target", target, "--tag", name]
    if ca := os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE"):
        options += ["--secret", f"id=ca,src={ca}"]
        arguments["CA"] = "/run/secrets/ca"
    options += [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
    if using == "docker":
        command = ["docker", "build", *options, "."]
    else:
        # Without its cache of layers, which does not look at what was mounted and would keep old code.
        command = ["buildah", "bud", "--isolation", "chroot", "--format", "docker", "--pull-never", "--layers=false"]
        cache = Path(os.environ.get("UV_CACHE_DIR") or Path.home() / ".cache" / "uv")
        command += [*(["--volume", f"{cache}:/tmp/machine-uv"] if cache.is_dir() else []), *options, "."]
    former = run(using, "images", "--quiet", name, quiet=True)
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run(command, cwd=ROOT, stdout=said, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            said.seek(0)
            raise SystemExit(f"{said.read()}\nimage/build.py: building {name} ended with {done.returncode}")
    if former:
        run(using, "rmi", former, quiet=True)  # unless a container still runs from it
    return name


# --- what is in it ------------------------------------------------------------------------------------------------


def carried(name: str, sbom: Path, using: str) -> Counter[str]:
    """Bytes per package folder of an image, whose SBOM is copied out on the way."""
    container = run(using, "create", name, quiet=True)
    sizes: Counter[str] = Counter()
    copying = subprocess.Popen([using, "cp", f"{container}:/opt/mintwatch/.", "-"], stdout=subprocess.PIPE)
    with copying, tarfile.open(fileobj=copying.stdout, mode="r|") as archive:
        for member in archive:
            if member.name.endswith("sbom.cdx.json") and (file := archive.extractfile(member)):
                sbom.parent.mkdir(parents=True, exist_ok=True)
                sbom.write_bytes(file.read())
            package = member.name.partition("/site-packages/")[2].partition("/")[0].partition(".")[0]
            sizes[package or "other"] += member.size
    run(using, "rm", container, quiet=True)
    return sizes


def report(name: str, target: str, using: str) -> None:
    """Print how large an image is and what makes it so."""
    sbom = ROOT / "build" / "image" / f"{target}.cdx.json"
    sizes = carried(name, sbom, using)
    size = int(run(using, "image", "inspect", "--format", "{{.Size}}", name))
    components = len(json.loads(sbom.read_text("utf-8"))["components"])
    largest = ", ".join(f"{package} {taken / 1e6:.0f}" for package, taken in sizes.most_common(10))
    print(
        f"{name}  {size / 1e6:.0f} MB, {components} packages ({sbom.relative_to(ROOT)})\n  in MB: {largest}", flush=True
    )


def main(arguments: Sequence[str]) -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="image/build.py", description="Build the image.")
    parser.add_argument("targets", nargs="+", choices=["daemon", "slim"])
    parser.add_argument("--base", default=os.environ.get("BASE_IMAGE", ""), help="left out: the Dockerfile's")
    parser.add_argument("--tag", default="latest")
    parser.add_argument("--bare", action="store_true", help="print the image's id, and nothing of what is in it")
    asked = parser.parse_args(arguments)
    using = engine()
    base = base_image(asked.base, using)
    for target in asked.targets:
        name = build(target, asked.tag, base, using)
        if asked.bare:
            print(run(using, "image", "inspect", "--format", "{{.Id}}", name).removeprefix("sha256:"))
        else:
            report(name, target, using)


if __name__ == "__main__":
    main(sys.argv[1:])
