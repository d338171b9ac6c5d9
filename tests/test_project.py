"""What the project promises about itself: one version, locked packages, a set-up that says what is missing."""

import importlib.metadata
import importlib.util
import os
import shutil
import stat
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

import monitor

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = (ROOT / "pyproject.toml").read_text("utf-8")
BIN = Path(sys.executable).parent


def script(name: str) -> ModuleType:
    """A script of requirements/, which is no package because it runs before there are any."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "requirements" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def requirement_files() -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in sorted((ROOT / "requirements").glob("*.txt"))}


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_version_is_said_once() -> None:
    assert importlib.metadata.version("mintwatch") == monitor.__version__


@pytest.mark.parametrize("group", ["detectors", "sources", "notifiers"])
def test_every_entry_point_loads(group: str) -> None:
    found = importlib.metadata.entry_points(group=f"mintwatch.{group}")
    assert found.names == set(tomllib.loads(PYPROJECT)["project"]["entry-points"][f"mintwatch.{group}"])
    assert all(callable(point.load()) for point in found)


# --- requirement files --------------------------------------------------------------------------------------------


def test_requirement_files_belong_to_pyproject() -> None:
    files = requirement_files()
    assert set(files) == set(script("lock").FILES)
    assert script("lock").faults(PYPROJECT, files) == []


def test_a_dependency_added_without_locking_is_noticed() -> None:
    changed = PYPROJECT.replace(
        'dependencies = [\n  "apscheduler', 'dependencies = [\n  "left-pad",\n  "apscheduler', 1
    )
    assert changed != PYPROJECT
    found = script("lock").faults(changed, requirement_files())
    assert [line.split(":")[0] for line in found] == [
        f"requirements/{name}.txt" for name in ("charts", "daemon", "dev", "notebooks", "runtime", "slack")
    ]


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        ("--index-url scheme://host/simple\n", "address"),
        ("left-pad==1.0\n", "without a hash: left-pad==1.0"),
        ("left-pad==1.0 \\\n    --hash=sha256:00\n", "left-pad==1.0 not so in requirements/dev.txt"),
    ],
)
def test_a_pin_edited_by_hand_is_noticed(broken: str, complaint: str) -> None:
    files = requirement_files()
    files["runtime.txt"] += broken
    assert any(complaint in line for line in script("lock").faults(PYPROJECT, files))


def test_the_build_backend_is_the_locked_one() -> None:
    (backend,) = tomllib.loads(PYPROJECT)["build-system"]["requires"]
    assert backend in script("lock").pins(requirement_files()["dev.txt"])


def test_uv_is_told_what_pip_is_told() -> None:
    uv = script("uv")
    options = uv.told(
        "global.index-url='scheme://global/simple'\n"
        "install.index-url='scheme://install/simple'\n"
        ":env:.find-links='/one /two'\n"
        "global.extra-index-url='file:///a file:///b'\n"
        "global.timeout='60'\n"
    )
    assert uv.handed_over(options, {}) == {
        "UV_DEFAULT_INDEX": "scheme://install/simple",
        "UV_FIND_LINKS": "/one,/two",
        "UV_INDEX": "file:///a file:///b",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_what_uv_was_told_itself_stands() -> None:
    options = {"index-url": "scheme://pip/simple", "cert": "/pip.pem"}
    told = {"UV_INDEX_URL": "scheme://uv/simple", "SSL_CERT_FILE": "/uv.pem"}
    assert script("uv").handed_over(options, told) == {}


# --- set-up -------------------------------------------------------------------------------------------------------


def fake_python(folder: Path, body: str) -> Path:
    """A python3 that behaves like this machine's, except for `body`, a snippet of shell."""
    path = folder / "python3"
    path.write_text(f'#!/bin/sh\n{body}\nexec {sys.executable} "$@"\n', "utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize(
    ("body", "advice"),
    [
        ('case "$*" in *ensurepip*) exit 1;; esac', "python3-venv is missing"),
        ('case "$*" in "-m venv"*) exit 1;; esac', "python3-venv is missing"),
        ('case "$*" in *version_info*) exit 1;; esac', "older than 3.11"),
    ],
    ids=["no ensurepip", "venv fails", "too old"],
)
def test_set_up_names_what_is_missing_and_how_to_install_it(tmp_path: Path, body: str, advice: str) -> None:
    for name in ("Makefile", "pyproject.toml", "monitor/__init__.py", "requirements/tools.txt", "requirements/dev.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    done = run("make", "setup", f"PYTHON={fake_python(tmp_path, body)}", cwd=tmp_path, MAKEFLAGS="")
    assert done.returncode != 0
    assert advice in done.stderr
    assert "apt-get install python3" in done.stderr
    assert not (tmp_path / ".venv").exists()


# --- import contract ----------------------------------------------------------------------------------------------


def lint_imports(folder: Path, modules: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The verdict of this project's contract on a package `monitor` made of these modules."""
    (folder / "monitor").mkdir()
    (folder / "monitor" / "__init__.py").touch()
    for name, text in modules.items():
        (folder / "monitor" / f"{name}.py").write_text(text, "utf-8")
    shutil.copy(ROOT / "pyproject.toml", folder)
    return run(BIN / "lint-imports", "--no-cache", "--no-logo", cwd=folder, PYTHONPATH=str(folder))


@pytest.mark.parametrize(
    ("modules", "verdict"),
    [
        ({"worker": "import monitor.detect", "detect": "import monitor.model", "model": ""}, 0),
        ({"model": "import monitor.worker", "worker": ""}, 1),
        ({"detect": "import monitor.triage", "triage": ""}, 1),
        ({"store": "import monitor.sources", "sources": ""}, 1),
        ({"helpers": ""}, 1),
    ],
    ids=["down", "up", "stage to stage", "adapter to adapter", "in no layer"],
)
def test_imports_may_only_point_down(tmp_path: Path, modules: dict[str, str], verdict: int) -> None:
    done = lint_imports(tmp_path, modules)
    assert done.returncode == verdict, done.stdout + done.stderr


# --- what is shipped ----------------------------------------------------------------------------------------------


def test_wheel_carries_rules_queries_and_tables(tmp_path: Path) -> None:
    done = run(BIN / "hatchling", "build", "-t", "wheel", "-d", tmp_path, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    shipped = set(zipfile.ZipFile(wheel).namelist())
    data = {
        *(f"monitor/_rules/{path.relative_to(ROOT / 'rules').as_posix()}" for path in (ROOT / "rules").rglob("*.yml")),
        *(
            path.relative_to(ROOT).as_posix()
            for ext in ("css", "html", "js", "kql", "sql", "toml", "txt")
            for path in (ROOT / "monitor").rglob(f"*.{ext}")
        ),
    }
    assert data - shipped == set()
    assert "monitor/py.typed" in shipped
    assert not [name for name in shipped if name.startswith(("tests/", "rules/", "bench/"))]
