"""Fresh processes: import, opening, and the memory that a process and its children take."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psutil

from benchmarks.peers import TITLES
from benchmarks.report import Finding, Mark
from benchmarks.timing import measured

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

IMPORT = "Import in a fresh process"
OPENING = "Opening in a fresh process"
MEMORY = "Peak resident memory"
_ROOT = Path(__file__).resolve().parents[1]
_FRESH = ["-m", "benchmarks.fresh"]
_STATEMENTS = {
    "import commonplace": Mark(limit=0.2),
    "from commonplace import Memory": Mark(ratio=1),
    "import chromadb": None,
}
_EVERY = 0.02


def importing(repeats: int) -> list[Finding]:
    """How long the imports take, compiled, without the start of the interpreter."""
    taken: dict[str, list[float]] = {statement: [] for statement in _STATEMENTS}
    with TemporaryDirectory() as compiled:
        for repeat in range(repeats + 1):
            for statement, seconds in taken.items():
                found = _import_seconds(statement, compiled)
                if repeat:  # the first compiles
                    seconds.append(found)
    found = {statement: measured(seconds) for statement, seconds in taken.items()}
    return [
        Finding(
            section=IMPORT,
            what=f"`{statement}`",
            records=0,
            unit="s",
            ours=found[statement],
            peer="`import chromadb`",
            theirs=found["import chromadb"],
            mark=mark,
            short="import" if statement == "from commonplace import Memory" else "",
        )
        for statement, mark in _STATEMENTS.items()
        if mark
    ]


def opening(paths: Mapping[str, Path], records: int, repeats: int) -> list[Finding]:
    """How long it takes to open an existing store and to answer the first scoped search."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in paths}
    with TemporaryDirectory() as compiled:
        for repeat in range(repeats + 1):
            for name, path in paths.items():
                found = json.loads(run_fresh([*_FRESH, "open", name, str(path)], compiled))
                if repeat:
                    runs[name].append(found)

    def line(
        what: str,
        seconds: Callable[[dict[str, float]], float],
        mark: Mark | None = None,
        short: str = "",
    ) -> Finding:
        found = {name: measured([seconds(run) for run in some]) for name, some in runs.items()}
        return Finding(
            section=OPENING,
            what=what,
            records=records,
            unit="s",
            ours=found["commonplace"],
            peer=TITLES["chroma"],
            theirs=found["chroma"],
            mark=mark,
            short=short,
        )

    return [
        line("opening alone", lambda run: run["opened"]),
        line(
            "opening and the first search, in a scope of 100",
            lambda run: run["answered"],
            Mark(limit=0.5),
            "opening, and the first search",
        ),
        line("the same with the imports", lambda run: run["imported"] + run["answered"]),
    ]


def memory(paths: Mapping[str, Path], records: int, repeats: int) -> list[Finding]:
    """The peak of a process with its children that opens a store and searches it 200 times."""
    peaks: dict[str, list[float]] = {name: [] for name in paths}
    with TemporaryDirectory() as compiled:
        for _ in range(repeats):
            for name, path in paths.items():
                peaks[name].append(_peak(name, path, compiled))
    return [
        Finding(
            section=MEMORY,
            what="opening and 200 mixed searches, index process included",
            records=records,
            unit="MB",
            ours=measured(peaks["commonplace"]),
            peer=TITLES["chroma"],
            theirs=measured(peaks["chroma"]),
            mark=Mark(ratio=1 / 2),
            short="memory while searching",
        )
    ]


def _import_seconds(statement: str, compiled: str) -> float:
    program = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    return float(run_fresh(["-c", program], compiled))


def run_fresh(arguments: Sequence[str], compiled: str) -> str:
    """What a fresh interpreter prints; `compiled` is a folder where it keeps compiled modules."""
    command = [sys.executable, *arguments]
    return subprocess.run(  # noqa: S603 - our own program
        command,
        env=_environment(compiled),
        check=True,
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


def _peak(name: str, path: Path, compiled: str) -> float:
    command = [sys.executable, *_FRESH, "search", name, str(path)]
    with subprocess.Popen(  # noqa: S603 - our own program
        command, cwd=_ROOT, env=_environment(compiled), stdout=subprocess.DEVNULL
    ) as process:
        root = psutil.Process(process.pid)
        peak = 0
        while process.poll() is None:
            peak = max(peak, _resident(root))
            time.sleep(_EVERY)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return peak / 2**20


def _resident(root: psutil.Process) -> int:
    """Bytes of a process and all below it; pages that two of them share count twice."""
    total = 0
    try:
        for process in [root, *root.children(recursive=True)]:
            total += process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0  # one ended meanwhile; the next look counts the others
    return total


def _environment(compiled: str) -> dict[str, str]:
    """Ours, but with compiled modules kept where the run can find them again."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": compiled}
