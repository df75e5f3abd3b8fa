"""The past: what keeping it costs an update, and what reading it costs a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.data import DIMENSION, make, queries
from benchmarks.report import Finding, Mark
from benchmarks.timing import WARM_UP, alternated
from commonplace import Memory, PrecomputedEmbedder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path
    from typing import Any

    from benchmarks.data import Dataset
    from benchmarks.report import Measured

SECTION = "History"
RECORDS = 10_000
SCOPES = 100
STATES = 5
UPDATED = 1_000
EACH = 20
KEPT = "keeps the former state"
DROPPED = "keep_versions=0"
LIMIT = 10

_AN_UPDATE = Mark(ratio=1 / 1.5)
_A_SEARCH = Mark(ratio=1 / 5)


def history(
    path: Path, rounds: int, tell: Callable[[str], None], records: int = RECORDS
) -> list[Finding]:
    """Updates with and without history, and searches of the past and of the present.

    Args:
        path: where the memories are made.
        rounds: how often the calls take turns.
        tell: is told how far it has come.
        records: how many records the searched memory has, each with five states.
    """
    path.mkdir()
    tell("updating with and without history")
    return _updates(path, 2 * rounds) + _searches(path / "past", rounds, tell, records)


def _updates(path: Path, rounds: int) -> list[Finding]:
    """An update of text and vector, where the state before is kept and where it is not."""
    dataset = make(UPDATED)
    stores = {
        KEPT: _memory(path / "kept", keep_versions=None),
        DROPPED: _memory(path / "dropped", keep_versions=0),
    }
    for store in stores.values():
        store.add_many(_states(dataset, 0))
    calls = {name: _updating(store, dataset) for name, store in stores.items()}
    found = alternated(calls, rounds=rounds, each=EACH)
    for store in stores.values():
        store.close()
    return [_finding("update", UPDATED, found[KEPT], DROPPED, found[DROPPED], _AN_UPDATE)]


def _searches(path: Path, rounds: int, tell: Callable[[str], None], records: int) -> list[Finding]:
    """Searches as of a moment in the middle, and of the present, in one scope and everywhere."""
    dataset = make(records)
    with _memory(path) as memory:
        tell(f"{STATES} states of {records:,} records")
        ends = [memory.add_many(_states(dataset, turn))[-1].updated_at for turn in range(STATES)]
        then = ends[STATES // 2]
        tell(f"searching the past of {records:,} records")
        findings: list[Finding] = []
        for what, scope in (("search in one scope", True), ("search in everything", False)):
            calls = {
                "past": _searching(memory, rounds, one_scope=scope, as_of=then),
                "present": _searching(memory, rounds, one_scope=scope, as_of=None),
            }
            found = alternated(calls, rounds=rounds, each=EACH)
            past, present = found["past"], found["present"]
            findings.append(
                _finding(f"{what}, as_of", records, past, "of the present", present, _A_SEARCH)
            )
    return findings


def _memory(path: Path, *, keep_versions: int | None = None) -> Memory:
    embedder = PrecomputedEmbedder("bench", DIMENSION)
    return Memory(path, embedder=embedder, index="exact", keep_versions=keep_versions)


def _states(dataset: Dataset, turn: int) -> Iterator[dict[str, Any]]:
    """Every record in a state of its own: with the text and vector of another one each turn."""
    for number in range(len(dataset)):
        yield {
            "id": dataset.ids[number],
            "scope": f"scope{number % SCOPES}",
            **_body(dataset, number + turn),
        }


def _body(dataset: Dataset, number: int) -> dict[str, Any]:
    place = number % len(dataset)
    return {"content": dataset.texts[place], "vector": dataset.vectors[place]}


def _updating(memory: Memory, dataset: Dataset) -> Callable[[int], object]:
    def update(number: int) -> object:
        record_id = dataset.ids[number % len(dataset)]
        return memory.update(record_id, **_body(dataset, number + 1))

    return update


def _searching(
    memory: Memory, rounds: int, *, one_scope: bool, as_of: datetime | None
) -> Callable[[int], object]:
    asked = queries(WARM_UP + rounds * EACH)

    def search(number: int) -> object:
        query = asked[number]
        scope = f"scope{number % SCOPES}" if one_scope else None
        return memory.search(query.text, vector=query.vector, scope=scope, as_of=as_of, limit=LIMIT)

    return search


def _finding(
    what: str, records: int, ours: Measured, peer: str, theirs: Measured, mark: Mark
) -> Finding:
    return Finding(
        section=SECTION,
        what=what,
        records=records,
        unit="ms",
        ours=ours,
        peer=peer,
        theirs=theirs,
        mark=mark,
    )
