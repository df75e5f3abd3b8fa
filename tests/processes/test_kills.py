"""Whatever was acknowledged survives `kill -9` at any moment; whatever was not is whole or absent.

The child adds, rewrites and deletes whole batches. After each kill the directory is opened anew
and compared with what the child said: nothing missing, nothing there that should not be, nothing
twice, nothing half.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from tests.pgserver import index_at, place_of

from commonplace import HashingEmbedder, Memory
from commonplace.testing import crash

if TYPE_CHECKING:
    from tests.figures import Figures
    from tests.processes.conftest import AwaitEnd, IndexProcesses

    from commonplace import Record

PROGRAM = Path(__file__).parent / "programs" / "crash.py"
EMBEDDER = HashingEmbedder(16)
CHROMA_WRITES_AFTER = 1_000
"""Chroma writes its index to disk after so many changes."""

State = tuple[int, int]
"""The round that last wrote a batch, and the batch's size."""


@dataclass
class Expected:
    """What the directory must hold, as far as the children said."""

    batches: dict[str, State] = field(default_factory=dict[str, State])
    acknowledged: int = 0
    kills: int = 0
    crossings: int = 0

    def heard(self, said: list[Any]) -> None:
        """Take in what a child said; `settle` decides about what it did not finish."""
        self.kills += 1
        self.open: tuple[str, State | None] | None = None
        followed = 0
        for what, *more in said:
            if what == "done" and self.open:
                batch, state = self.open
                self._take(batch, state)
                self.acknowledged += state[1] if state else 0
                self.open = None
            elif what == "begin":
                verb, batch, number, size = more
                self.open = batch, None if verb == "delete" else (number, size)
            elif what == "followed":
                followed = more[0]
        self.crossings += followed // CHROMA_WRITES_AFTER

    def settle(self, held: dict[str, State]) -> None:
        """The one operation under way at the kill may be in, or not."""
        if self.open is not None and held.get(self.open[0]) == self.open[1]:
            self._take(*self.open)

    def _take(self, batch: str, state: State | None) -> None:
        if state is None:
            self.batches.pop(batch, None)
        else:
            self.batches[batch] = state


def said_until_killed(path: Path, seed: int, index: str, most: int) -> list[Any]:
    """Run the child, kill it at a random moment, and return what it said."""
    most, largest = (80, 400) if index != "exact" else (most, 50)
    moment = crash.Moment(seed, said=most)
    outcome = crash.run(PROGRAM, place_of(path), seed, index, largest, kill_at=moment, timeout=280)
    assert outcome.killed, outcome.errors
    return outcome.said


def batches_of(records: list[Record]) -> dict[str, State]:
    """The batches the records make up; fails on one that is not whole."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.scope.path, []).append(record)
    states: dict[str, State] = {}
    for batch, members in found.items():
        rounds = {(record.metadata["round"], record.metadata["of"]) for record in members}
        assert len(rounds) == 1, f"{batch} holds several rounds: {rounds}"
        number, size = cast("State", next(iter(rounds)))
        expected = {f"{batch}.{n}": f"{batch} item {n} of round {number}" for n in range(size)}
        assert {record.id: record.content for record in members} == expected
        assert len(members) == size
        states[batch] = number, size
    return states


def check_vectors(memory: Memory, records: list[Record]) -> None:
    """Every record has the vector of its content, and no vector lacks its record."""
    # Stored vectors are not public; that they belong to their texts must be seen all the same.
    with memory._store._ledger.read() as snapshot:  # pyright: ignore[reportPrivateUsage]
        space = snapshot.spaces()["default"]
        by_pk = snapshot.pks_by_id([record.id for record in records])
        rows = {pk: vector for pk, _, vector in snapshot.vector_rows(space)}
        assert space.vectors == len(rows) == len(records)
    some = records[:: max(len(records) // 200, 1)]
    wanted = EMBEDDER.embed_documents([record.content for record in some])
    stored = np.stack([rows[by_pk[record.id]] for record in some])
    assert np.array_equal(stored, wanted)


def kill_and_check(path: Path, seed: int, index: str, expected: Expected, most: int = 50) -> None:
    expected.heard(said_until_killed(path, seed, index, most))
    started = time.monotonic()
    with Memory(path, embedder=EMBEDDER, index="exact") as memory:
        assert memory.count() >= 0
        assert time.monotonic() - started < 60
        records = memory.list(limit=100_000)
        held = batches_of(records)
        expected.settle(held)
        assert held == expected.batches
        assert len(records) == memory.count() == len({record.id for record in records})
        assert memory.verify().ok
        if records:
            check_vectors(memory, records)


def check_index(path: Path, serving: list[int], await_end: AwaitEnd) -> None:
    await_end(serving)
    with Memory(path, embedder=EMBEDDER, index=index_at(path)) as memory:
        memory.flush()
        assert memory.stats().index == "ready"
        assert memory.verify().ok


def test_kills_at_random_moments_lose_nothing_and_leave_nothing_half(
    path: Path, figures: Figures
) -> None:
    expected = Expected()
    for seed in range(20):
        kill_and_check(path, seed, "exact", expected)
    assert expected.acknowledged > 1_000
    figures(1, kills=expected.kills, acknowledged=expected.acknowledged, lost=0, partial=0)


def test_kills_beside_an_index_lose_nothing_and_the_index_agrees_in_the_end(
    path: Path, index_processes: IndexProcesses, await_end: AwaitEnd
) -> None:
    expected = Expected()
    for seed in range(100, 102):
        kill_and_check(path, seed, index_at(path), expected)
    check_index(path, index_processes(path), await_end)


@pytest.mark.nightly
@pytest.mark.timeout(3_600)
def test_two_hundred_kills(tmp_path: Path, figures: Figures) -> None:
    expected = Expected()
    for seed in range(1_000, 1_200):
        if seed % 20 == 0:  # each directory is looked at as a whole, so a new one now and then
            expected.batches.clear()
        kill_and_check(tmp_path / str(seed // 20), seed, "exact", expected, most=150)
    figures(
        1, kills=expected.kills, acknowledged=expected.acknowledged, lost=0, partial=0, phantom=0
    )
    assert expected.acknowledged >= 90_000


@pytest.mark.nightly
@pytest.mark.timeout(3_600)
def test_twenty_kills_while_the_index_writes(
    tmp_path: Path, index_processes: IndexProcesses, await_end: AwaitEnd, figures: Figures
) -> None:
    expected = Expected()
    for seed in range(2_000, 2_020):
        path = tmp_path / str(seed // 5)
        if seed % 5 == 0:
            expected.batches.clear()
        kill_and_check(path, seed, index_at(path), expected)
        if seed % 5 == 4:
            check_index(path, index_processes(path), await_end)
    figures(
        1,
        kills=expected.kills,
        acknowledged=expected.acknowledged,
        index_writes=expected.crossings,
        lost=0,
    )
    assert expected.crossings >= 20
