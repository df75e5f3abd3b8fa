"""Run LangGraph's own store tests against our store.

    ./run upstream [checkpoint | sqlite | postgres] [arguments of pytest]

The tests lie in the source distributions of langgraph-checkpoint, -sqlite and -postgres. Those of
the installed versions are fetched from the package index, once, into a cache; nothing of them is
kept in this repository. What ours does not pass stands in `tests/langgraph/upstream`, with reasons.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLUGINS = ROOT / "tests" / "langgraph" / "upstream"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "commonplace" / "upstream"
PACKAGES = {
    "checkpoint": "langgraph-checkpoint",
    "sqlite": "langgraph-checkpoint-sqlite",
    "postgres": "langgraph-checkpoint-postgres",
}
TESTS = {
    "checkpoint": ["tests/test_store.py"],
    "sqlite": ["tests/test_store.py", "tests/test_async_store.py", "tests/test_ttl.py"],
    "postgres": ["tests/test_store.py", "tests/test_async_store.py"],
}
MOCK = "pytest-mock==3.14.1"


def pip(*arguments: str) -> None:
    """Run pip; from its own place on the index if this environment has none."""
    uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    tool = [uv, "tool", "run", "--quiet", "--with", "hatchling", "--from", "pip", "pip"]
    subprocess.run([*tool, "--quiet", *arguments], check=True)  # noqa: S603 - our own arguments


def fetched(package: str) -> Path:
    """The unpacked source distribution of the installed version of a package."""
    stem = f"{package.replace('-', '_')}-{version(package)}"
    if not (CACHE / stem / "tests").is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        wanted = f"{package}=={version(package)}"
        options = ["--no-deps", "--no-binary", ":all:", "--no-build-isolation"]
        pip("download", *options, "--dest", str(CACHE), wanted)
        with tarfile.open(CACHE / f"{stem}.tar.gz") as archive:
            archive.extractall(CACHE, filter="data")
    return CACHE / stem


def extras() -> Path:
    """Where pytest-mock lies, which their tests need and ours do not."""
    place = CACHE / MOCK
    if not place.is_dir():
        pip("install", "--no-deps", "--target", str(place), MOCK)
    return place


def tried(suite: str, arguments: list[str]) -> int:
    """Run one suite; what pytest ends with."""
    print(f"\n== {PACKAGES[suite]} {version(PACKAGES[suite])}", flush=True)
    home = fetched(PACKAGES[suite])
    paths = [str(PLUGINS), str(ROOT), str(extras())]
    environment = {
        **os.environ,
        "COMMONPLACE_UPSTREAM": suite,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    options = ["-p", "retarget", "-p", "no:cacheprovider", "-q", "-q", "--disable-socket"]
    options += ["--allow-unix-socket", "--durations=0", "--durations-min=9", "--tb=short"]
    command = [sys.executable, "-m", "pytest", *options, *arguments, *TESTS[suite]]
    return subprocess.run(command, cwd=home, env=environment, check=False).returncode  # noqa: S603 - as above


def main() -> None:
    """Run the suites that were named, or all."""
    named = [one for one in sys.argv[1:] if one in PACKAGES]
    rest = [one for one in sys.argv[1:] if one not in PACKAGES]
    sys.exit(max(tried(suite, rest) for suite in named or PACKAGES))


if __name__ == "__main__":
    main()
