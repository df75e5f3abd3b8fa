"""Measures Commonplace against raw Chroma and LangGraph's SqliteStore, in one run.

    ./run bench --quick
    ./run bench --records 10000 100000 --write

Every line of the report is a ratio against a peer measured a moment before or after, so that it
means something on another machine too. `docs/benchmarks.md` says how each figure is taken.
"""

from __future__ import annotations

import argparse
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import events, history, links, moving, processes, searches, threads, writes
from benchmarks.data import make
from benchmarks.peers import open_peer
from benchmarks.report import Finding, document, put_between_markers, summary, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.peer_commonplace import CommonplacePeer
    from benchmarks.peers import Peer

ROOT = Path(__file__).resolve().parents[1]
SUBJECTS = (
    "import",
    "events",
    "links",
    "history",
    "moving",
    "threads",
    "writes",
    "bulk",
    "searches",
    "hybrid",
    "listing",
    "opening",
    "memory",
)
APART = {"import", "events", "links", "history", "moving", "threads"}
"""Subjects with stores of their own."""

STEPS_A_SIZE = 7


@dataclass
class Run:
    """One run: what is asked for, where the stores lie, and what was found so far.

    Attributes:
        workspace: where the stores lie.
        only: the subjects to measure.
        rounds: how often the peers take turns.
        progress: where it is shown how far the run has come.
    """

    workspace: Path
    only: frozenset[str]
    rounds: int
    progress: Progress
    findings: list[Finding] = field(default_factory=list[Finding])
    paths: dict[int, dict[str, Path]] = field(default_factory=dict[int, dict[str, Path]])

    def __post_init__(self) -> None:
        self._bar = self.progress.add_task("starting", total=None)

    def whole(self, sizes: list[int]) -> None:
        """Everything, at every size."""
        self.progress.update(self._bar, total=2 + len(APART) + STEPS_A_SIZE * len(sizes))
        if self._step("import"):
            self.findings += processes.importing(self.rounds)
        if self._step("events"):
            self.findings += events.beside_handlers(self.workspace / "events", 4 * self.rounds)
        if self._step("writes"):
            small = self.workspace / "small"
            self.findings += writes.into_small_stores(small, 2 * self.rounds)
        self._apart(sizes)
        if self.only - APART:
            for records in sizes:
                self._at(records)
        if self._step("searches") and len(sizes) > 1:
            self._growth(sizes[0], sizes[-1])

    def _apart(self, sizes: list[int]) -> None:
        if self._step("links"):
            size = min(links.RECORDS, sizes[-1])
            place = self.workspace / "links"
            self.findings += links.links(place, self.rounds, self._tell, size)
        if self._step("history"):
            size = min(history.RECORDS, sizes[-1])
            place = self.workspace / "history"
            self.findings += history.history(place, self.rounds, self._tell, size)
        if self._step("moving"):
            size = min(moving.RECORDS, sizes[-1])
            place = self.workspace / "moving"
            self.findings += moving.moving(place, self.rounds, self._tell, size)
        if self._step("threads"):
            place = self.workspace / "threads"
            self.findings += threads.conversations(place, self.rounds, self._tell)

    def _at(self, records: int) -> None:
        self._tell(f"making {records:,} records")
        dataset = make(records)
        repeats = 3 if records <= 20_000 and "bulk" in self.only else 1
        place = self.workspace / str(records)
        stores, found = writes.in_bulk(place, dataset, repeats, self._tell)
        self.paths[records] = {name: place / f"{name}-{repeats - 1}" for name in stores}
        if self._step("bulk"):
            self.findings += found
        ours = cast("CommonplacePeer", stores["commonplace"])
        if self._step("searches"):
            self.findings += searches.first_visits(stores, records)
            self.findings += searches.by_selectivity(stores, dataset, self.rounds, self._tell)
            with closing(open_peer("commonplace", place / "one")) as one:
                self._tell(f"{records:,} records into one scope")
                writes.fill(one, dataset.in_one_scope())
                self.findings += searches.in_one_scope(
                    one, stores["chroma"], dataset, self.rounds, self._tell
                )
        if self._step("hybrid"):
            self.findings += searches.hybrid(ours, records, self.rounds)
        if self._step("listing"):
            self.findings += searches.listing(ours, records, self.rounds)
        if self._step("writes"):
            self.findings += writes.into_full_stores(stores, records, self.rounds)
        _close(stores.values())
        paths = {name: self.paths[records][name] for name in ("commonplace", "chroma")}
        if self._step("opening"):
            self.findings += processes.opening(paths, records, self.rounds)
        if self._step("memory"):
            self.findings += processes.memory(paths, records, min(self.rounds, 3))

    def _growth(self, smallest: int, largest: int) -> None:
        places = [self.paths[records]["commonplace"] for records in (smallest, largest)]
        small, large = (open_peer("commonplace", place) for place in places)
        sizes = (smallest, largest)
        self.findings += searches.growth(small, large, sizes, 2 * self.rounds)
        _close([small, large])

    def _step(self, subject: str) -> bool:
        """Whether a subject is wanted; the bar moves on in any case."""
        self.progress.advance(self._bar)
        self._tell(subject)
        return subject in self.only

    def _tell(self, what: str) -> None:
        self.progress.update(self._bar, description=what)


def main() -> None:
    """Runs what the command line asks for, prints the report, and writes it where wanted."""
    given = _arguments()
    sizes: list[int] = sorted(given.records or ([1_000, 2_000] if given.quick else [10**4, 10**5]))
    columns = (TextColumn("{task.description:50}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True))
    with TemporaryDirectory(dir=given.dir, ignore_cleanup_errors=True) as folder, bar:
        run = Run(
            workspace=Path(folder),
            only=frozenset(given.only or SUBJECTS),
            rounds=2 if given.quick else 5,
            progress=bar,
        )
        try:
            run.whole(sizes)
        finally:
            bar.stop()
            print(document(run.findings))
            if given.json:
                write_json(given.json, run.findings)
    missed = [finding for finding in run.findings if finding.holds is False]
    marked = sum(finding.holds is not None for finding in run.findings)
    print(f"\n{marked - len(missed)} of {marked} marks hold")
    if given.write:
        put_between_markers(ROOT / "docs/benchmarks.md", document(run.findings))
        put_between_markers(ROOT / "README.md", summary(run.findings))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, nargs="+", help="sizes; 10000 100000 by default")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, few rounds: a smoke test")
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, help="measure only these")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md, README.md")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--dir", type=Path, help="where the stores are made; a temporary folder")
    return parser.parse_args()


def _close(stores: Iterable[Peer]) -> None:
    for store in stores:
        store.close()
