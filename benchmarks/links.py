"""Links: making them, and finding what they lead to, in a graph with ten times as many links."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.report import Finding, Mark, Measured
from benchmarks.timing import WARM_UP, alternated
from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECTION = "Links"
RECORDS = 10_000
LINKS_A_RECORD = 10
EACH = 20
NEAR = "what two hops lead to, ten best"
ALL_NEAR = "what two hops lead to, a hundred best"

_WITHIN_10_MS = Mark(limit=10)


def links(
    path: Path, rounds: int, tell: Callable[[str], None], records: int = RECORDS
) -> list[Finding]:
    """A memory of records without vectors, each linked with ten others at random.

    Args:
        path: where the memory is made.
        rounds: how often the calls take turns.
        tell: is told how far it has come.
        records: how many records; ten times as many links.
    """
    with Memory(path, embedder=HashingEmbedder(8), index="exact") as memory:
        tell(f"linking {records:,} records")
        memory.add_many(
            {"id": _name(number), "content": f"Record {number}", "embed": False}
            for number in range(records)
        )
        written = _linked(memory, records)
        tell(f"following {records * LINKS_A_RECORD:,} links")
        found = alternated(_calls(memory, records), rounds=rounds, each=EACH)
    return [_finding("link", records, written)] + [
        _finding(what, records, figure) for what, figure in found.items()
    ]


def _linked(memory: Memory, records: int) -> Measured:
    """Every record linked with ten others; how long a link takes, in milliseconds."""
    random = np.random.default_rng(records)
    targets = random.integers(1, records, size=(records, LINKS_A_RECORD))
    weights = 1 - random.random((records, LINKS_A_RECORD))

    def link(number: int) -> None:
        source, turn = divmod(number, LINKS_A_RECORD)
        target = (source + int(targets[source, turn])) % records
        memory.link(_name(source), _name(target), weight=float(weights[source, turn]))

    count = records * LINKS_A_RECORD
    return alternated({"": link}, rounds=1, each=count - WARM_UP)[""]


def _calls(memory: Memory, records: int) -> dict[str, Callable[[int], object]]:
    order = np.random.default_rng(4).permutation(records)

    def name(number: int) -> str:
        return _name(int(order[number % records]))

    return {
        "the links of a record": lambda number: memory.links(name(number)),
        NEAR: lambda number: memory.related(name(number)),
        ALL_NEAR: lambda number: memory.related(name(number), limit=100),
        "a shortest path of at most six": lambda number: memory.path(
            name(number), name(number + 1)
        ),
    }


def _name(number: int) -> str:
    return f"record-{number}"


def _finding(what: str, records: int, figure: Measured) -> Finding:
    return Finding(
        section=SECTION,
        what=what,
        records=records,
        unit="ms",
        ours=figure,
        mark=_WITHIN_10_MS if what in {NEAR, ALL_NEAR} else None,
    )
