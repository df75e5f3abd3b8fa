"""Moving: a memory into a file and out of it again, and what working memory that takes."""

from __future__ import annotations

import json
from contextlib import closing
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.data import make
from benchmarks.peer_commonplace import CommonplacePeer
from benchmarks.processes import run_fresh
from benchmarks.report import Finding, Mark
from benchmarks.timing import measured
from benchmarks.writes import fill

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from benchmarks.data import Dataset
    from benchmarks.report import Measured

    Run = dict[str, float]

SECTION = "Moving, with a vector each"
RECORDS = 20_000
FRACTION = 2
"""Even these fill the database's page cache of 16 MiB, which is most of what memory grows by."""

_A_SECOND_FOR_20_000 = Mark(limit=50)
_FLAT = Mark(ratio=1 / 1.5)


def moving(
    path: Path, rounds: int, tell: Callable[[str], None], records: int = RECORDS
) -> list[Finding]:
    """Exports and imports in fresh processes, of some records and of half of them.

    Args:
        path: where the memories are made.
        rounds: how often each is done; Chroma's are done once.
        tell: is told how far it has come.
        records: how many records, each with a vector.
    """
    path.mkdir()
    with TemporaryDirectory() as compiled:
        tell(f"exporting and importing {records:,} records")
        exports, imports = _ours(path / "whole", make(records), rounds, compiled)
        tell(f"exporting and importing {records // FRACTION:,} records")
        fewer = _ours(path / "part", make(records // FRACTION), rounds, compiled)
        tell(f"exporting and importing {records:,} records with Chroma")
        theirs = _chroma(path / "chroma", make(records), compiled)
    return [
        _speed("export", records, exports, theirs[0]),
        _speed("import", records, imports, theirs[1]),
        _growth("export", records, exports, fewer[0]),
        _growth("import", records, imports, fewer[1]),
    ]


def _ours(path: Path, dataset: Dataset, rounds: int, compiled: str) -> tuple[list[Run], list[Run]]:
    """Runs of an export and of an import; what the first of each compiles is not counted."""
    path.mkdir()
    with closing(CommonplacePeer(path / "original")) as original:
        fill(original, dataset)
    exports: list[Run] = []
    imports: list[Run] = []
    for number in range(rounds + 1):
        file, copy = path / "export.jsonl", path / f"copy-{number}"
        exports.append(_run("export", "commonplace", path / "original", file, compiled))
        imports.append(_run("import", "commonplace", copy, file, compiled))
    return exports[1:], imports[1:]


def _chroma(path: Path, dataset: Dataset, compiled: str) -> tuple[list[Run], list[Run]]:
    """One import of lines that Chroma would have written, and one export of what came of it."""
    path.mkdir()
    file = path / "lines.jsonl"
    with file.open("w", encoding="utf-8") as lines:
        for row in dataset.rows():
            metadata = {**row.metadata, "scope": "/".join(row.scope)}
            lines.write(json.dumps([row.id, row.text, metadata, row.vector.tolist()]) + "\n")
    read = _run("import", "chroma", path / "store", file, compiled)
    written = _run("export", "chroma", path / "store", path / "export.jsonl", compiled)
    return [written], [read]


def _run(action: str, name: str, store: Path, file: Path, compiled: str) -> Run:
    arguments = ["-m", "benchmarks.fresh_moving", action, name, str(store), str(file)]
    return json.loads(run_fresh(arguments, compiled))


def _speed(what: str, records: int, ours: Sequence[Run], theirs: Sequence[Run]) -> Finding:
    def each_thousand(runs: Sequence[Run]) -> Measured:
        return measured([run["seconds"] * 1e6 / records for run in runs])

    return Finding(
        section=SECTION,
        what=f"{what}, a thousand records",
        records=records,
        unit="ms",
        ours=each_thousand(ours),
        peer="Chroma, its own records as JSON Lines",
        theirs=each_thousand(theirs),
        mark=_A_SECOND_FOR_20_000,
    )


def _growth(what: str, records: int, whole: Sequence[Run], part: Sequence[Run]) -> Finding:
    return Finding(
        section=SECTION,
        what=f"{what}, growth of resident memory",
        records=records,
        unit="MB",
        ours=measured([run["grown"] / 2**20 for run in whole]),
        peer="of half of the records",
        theirs=measured([run["grown"] / 2**20 for run in part]),
        mark=_FLAT,
    )
