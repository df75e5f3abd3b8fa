"""Writing: one by one into a small and a full store, and in bulk."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.data import newcomers
from benchmarks.peer_commonplace import CommonplacePeer
from benchmarks.peers import TITLES, open_peer
from benchmarks.report import Finding, Mark
from benchmarks.timing import WARM_UP, alternated, measured

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from benchmarks.data import Dataset
    from benchmarks.peers import Peer
    from benchmarks.report import Measured

SECTION = "One write, with its vector"
BULK = "Bulk write, batches of 1,000"
BATCH = 1_000
EACH = 20


def into_small_stores(workspace: Path, rounds: int) -> list[Finding]:
    """One write into stores that hold next to nothing."""
    names = ["commonplace", "chroma", "sqlite"]
    stores: dict[str, Peer] = {name: open_peer(name, workspace / name) for name in names}
    (workspace / "full").mkdir()
    full = CommonplacePeer(workspace / "full", durability="full")
    found = _written({**stores, "full": full}, rounds, "small")
    for store in [*stores.values(), full]:
        store.close()
    return [
        *_compared(found, 0, "a small store"),
        *(
            Finding(
                section=SECTION,
                what='a small store, `durability="full"`',
                records=0,
                unit="ms",
                ours=found["full"],
                peer=TITLES[peer],
                theirs=found[peer],
            )
            for peer in ("chroma", "sqlite")
        ),
    ]


def into_full_stores(stores: Mapping[str, Peer], records: int, rounds: int) -> list[Finding]:
    """One write into stores that hold all records."""
    used = {name: store for name, store in stores.items() if name != "chroma_tuned"}
    return _compared(_written(used, rounds, "late"), records, "a full store")


def in_bulk(
    workspace: Path, dataset: Dataset, repeats: int, tell: Callable[[str], None]
) -> tuple[dict[str, Peer], list[Finding]]:
    """Fills every peer's store, each after the other; they are left open."""
    stores: dict[str, Peer] = {}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in TITLES}
    for repeat in range(repeats):
        for store in stores.values():
            store.close()
        for name in TITLES:
            tell(f"{len(dataset):,} records into {TITLES[name]}, {repeat + 1} of {repeats}")
            stores[name] = open_peer(name, workspace / f"{name}-{repeat}")
            taken[name].append(fill(stores[name], dataset))
    returned = {name: measured([until for until, _ in times]) for name, times in taken.items()}
    settled = {name: measured([until for _, until in times]) for name, times in taken.items()}
    return stores, _bulk_findings(returned, settled, len(dataset))


def fill(store: Peer, dataset: Dataset) -> tuple[float, float]:
    """Writes all records; seconds until the last write returned, and until all is indexed."""
    returned = 0.0
    started = time.perf_counter()
    preparing = 0.0
    for start in range(0, len(dataset), BATCH):
        before = time.perf_counter()
        rows = dataset.rows(start, start + BATCH)
        ready = time.perf_counter()
        store.put_many(rows)
        preparing += ready - before
        returned += time.perf_counter() - ready
    store.settle()
    return returned, time.perf_counter() - started - preparing


def _written(stores: Mapping[str, Peer], rounds: int, name: str) -> dict[str, Measured]:
    rows = newcomers(WARM_UP + rounds * EACH, name)

    def writing(store: Peer) -> Callable[[int], object]:
        return lambda number: store.put(rows[number])

    calls = {name: writing(store) for name, store in stores.items()}
    return alternated(calls, rounds=rounds, each=EACH)


def _compared(found: Mapping[str, Measured], records: int, where: str) -> list[Finding]:
    marks = {"chroma": Mark(ratio=10), "sqlite": Mark(ratio=1)}
    return [
        Finding(
            section=SECTION,
            what=where,
            records=records,
            unit="ms",
            ours=found["commonplace"],
            peer=TITLES[peer],
            theirs=found[peer],
            mark=mark,
            short="one write" if peer == "chroma" and records else "",
        )
        for peer, mark in marks.items()
    ]


def _bulk_findings(
    returned: Mapping[str, Measured], settled: Mapping[str, Measured], records: int
) -> list[Finding]:
    def line(what: str, ours: Measured, peer: str, mark: Mark | None, short: str = "") -> Finding:
        return Finding(
            section=BULK,
            what=what,
            records=records,
            unit="s",
            ours=ours,
            peer=TITLES[peer],
            theirs=settled[peer],
            mark=mark,
            short=short,
        )

    lines: Sequence[Finding] = [
        line(
            "until the write returns, all of it searchable",
            returned["commonplace"],
            "chroma",
            Mark(ratio=5),
            "bulk write, until it returns",
        ),
        line(
            "until the index has caught up",
            settled["commonplace"],
            "chroma",
            Mark(ratio=1),
            "bulk write, until it is indexed",
        ),
        line("until the index has caught up", settled["commonplace"], "chroma_tuned", None),
        line("until the write returns", returned["commonplace"], "sqlite", None),
    ]
    return list(lines)
