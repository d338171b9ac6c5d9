"""Write the requirement files from pyproject.toml, or check offline that they still belong to it.

``python requirements/lock.py write [--upgrade]`` compiles them with uv; ``... check`` exits 1 and says which file is
stale. Each file carries in its first line a digest of the tables of pyproject.toml it was compiled from, so the check
asks no index and gives the same answer every day: a new release elsewhere is not a change here.
"""

import hashlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYPROJECT = HERE.parent / "pyproject.toml"
STAMP = "# compiled from pyproject.toml, tables "
HINT = "run `make lock`"

# What each file holds. dev comes first: the others are constrained by it, so all agree on every version.
FILES = {
    "dev.txt": ("pyproject.toml", "--all-extras", "--group", "dev"),
    "runtime.txt": ("pyproject.toml",),
    "charts.txt": ("pyproject.toml", "--extra", "charts"),
    "notebooks.txt": ("pyproject.toml", "--extra", "notebooks"),
    "slack.txt": ("pyproject.toml", "--extra", "slack"),
    "daemon.txt": ("pyproject.toml", "--extra", "charts", "--extra", "slack"),
    "build.txt": ("--group", "build"),
    "tools.txt": ("--group", "tools"),
}
ALONE = {"build.txt": "build", "tools.txt": "tools"}
"""What is installed into an environment of its own and need not agree with the others -> its dependency group."""
OPTIONS = (
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-header",
    "--no-annotate",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--quiet",
)


def digest(pyproject: str, name: str) -> str:
    """SHA-256 of everything in the text of pyproject.toml that decides what the requirement file `name` holds."""
    tables = tomllib.loads(pyproject)
    project, groups = tables["project"], tables["dependency-groups"]
    decisive = [tables["build-system"]["requires"], project["requires-python"]]
    if name in ALONE:
        decisive += [groups[ALONE[name]]]
    else:
        decisive += [project["dependencies"], project["optional-dependencies"], groups["dev"]]
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def pins(requirements: str) -> dict[str, int]:
    """Each ``name==version`` of a requirement file -> how many hashes it has."""
    hashes: dict[str, int] = {}
    pin = ""
    for line in requirements.splitlines():
        if line.startswith("    --hash=sha256:"):
            hashes[pin] += 1
        elif not line.startswith("#"):
            pin = line.split(" ")[0]
            hashes[pin] = 0
    return hashes


def faults(pyproject: str, files: dict[str, str]) -> list[str]:
    """One line for each way in which the requirement files do not belong to pyproject.toml or to each other."""
    found = []
    development = pins(files["dev.txt"])
    for name, text in files.items():
        where = f"requirements/{name}"
        if text.partition("\n")[0] != STAMP + digest(pyproject, name):
            found.append(f"{where}:1: not compiled from this pyproject.toml, {HINT}")
        if "://" in text:
            found.append(f"{where}: holds an address, expected names, versions and hashes only, {HINT}")
        if unhashed := sorted(pin for pin, hashes in pins(text).items() if not hashes):
            found.append(f"{where}: without a hash: {', '.join(unhashed)}, {HINT}")
        if name not in ALONE and (strays := sorted(pins(text).keys() - development.keys())):
            found.append(f"{where}: {', '.join(strays)} not so in requirements/dev.txt, {HINT}")
    return found


def write(*, upgrade: bool) -> None:
    """Compile every file with uv; versions stay as they are unless `upgrade` or pyproject.toml says otherwise."""
    pyproject = PYPROJECT.read_text("utf-8")
    for name, what in FILES.items():
        command = [sys.executable, str(HERE / "uv.py"), "pip", "compile", *what, *OPTIONS]
        command += ["--output-file", f"requirements/{name}"]
        if name != "dev.txt" and name not in ALONE:
            command += ["--constraint", "requirements/dev.txt"]
        if upgrade and (name == "dev.txt" or name in ALONE):
            command += ["--upgrade"]
        subprocess.run(command, check=True, cwd=HERE.parent)
        path = HERE / name
        path.write_text(f"{STAMP}{digest(pyproject, name)}\n{path.read_text('utf-8')}", "utf-8")


def check() -> int:
    """Exit status: 0 if every file belongs to pyproject.toml."""
    missing = [name for name in FILES if not (HERE / name).is_file()]
    found = [f"requirements/{name}: missing, {HINT}" for name in missing]
    if not missing:
        texts = {name: (HERE / name).read_text("utf-8") for name in FILES}
        found = faults(PYPROJECT.read_text("utf-8"), texts)
    print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
    return 1 if found else 0


def main(arguments: list[str]) -> int:
    """Do what the command line says."""
    match arguments:
        case ["check"]:
            return check()
        case ["write"]:
            write(upgrade=False)
        case ["write", "--upgrade"]:
            write(upgrade=True)
        case _:
            print("usage: lock.py check | write [--upgrade]", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
