"""Takes out of an environment what a daemon never runs, and compiles the rest: ``python3 trim.py PREFIX``.

Only whole things go that nothing else imports: tests, what a compiler would read, and the parts of Arrow that speak to
other services. Byte code is compiled here because nothing may be written later, and without a look at file times,
which layers need not keep.
"""

import compileall
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from importlib.util import cache_from_source
from pathlib import Path
from py_compile import PycInvalidationMode

TESTED = ("joblib", "matplotlib", "mpl_toolkits", "numpy", "pandas", "pyarrow", "scipy", "sklearn")
"""Packages whose folders `tests` and `test` are nothing but tests."""
SOURCES = {".a", ".c", ".cc", ".cpp", ".h", ".hpp", ".lib", ".pxd", ".pxi", ".pyi", ".pyx"}
ARROW = ("*flight*", "*s3*", "*gcsfs*", "*azurefs*", "*hdfs*", "*_cpp_tests*", "include", "src")
"""Flight, object stores and the C++ interface. (Substrait stays: Arrow's other libraries are linked to it.)"""


def never_run(packages: Path) -> list[Path]:
    """Files and folders to take out of a folder of packages."""
    found = [path for name in TESTED for word in ("test", "tests") for path in (packages / name).rglob(word)]
    found += [path for pattern in ARROW for path in (packages / "pyarrow").glob(pattern)]
    found += [path for path in packages.rglob("*") if path.suffix in SOURCES and path.is_file()]
    return found


def compiled(source: Path) -> bool:
    """Compile this file to byte code that is not compared with it again; whether it could be."""
    return bool(compileall.compile_file(source, quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH))


def main(prefix: Path) -> None:
    """Trim, then compile what has no byte code yet."""
    (packages,) = prefix.glob("lib/python3.*/site-packages")
    for path in never_run(packages):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    fresh = [path for path in packages.rglob("*.py") if not Path(cache_from_source(str(path))).exists()]
    with ProcessPoolExecutor() as pool:
        done = list(pool.map(compiled, fresh, chunksize=32))
    print(f"byte code: {sum(done)} of {len(fresh)} files")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
