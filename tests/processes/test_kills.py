"""Whatever was acknowledged survives `kill -9` at any moment; whatever was not is whole or absent.

The child adds, rewrites and deletes whole batches. After each kill the directory is opened anew
and compared with what the child said: nothing missing, nothing there that should not be, nothing
twice, nothing half.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from tests.processes.conftest import AwaitEnd, IndexProcesses

    from commonplace import Record

PROGRAM = Path(__file__).parent / "programs" / "crash.py"
EMBEDDER = HashingEmbedder(16)

State = tuple[int, int]
"""The round that last wrote a batch, and the batch's size."""


@dataclass
class Expected:
    """What the directory must hold, as far as the children said."""

    batches: dict[str, State] = field(default_factory=dict[str, State])
    acknowledged: int = 0

    def heard(self, lines: list[str]) -> None:
        """Take in what a child said; `settle` decides about what it did not finish."""
        self.open: tuple[str, State | None] | None = None
        for line in lines:
            if line == "done" and self.open:
                batch, state = self.open
                self._take(batch, state)
                self.acknowledged += state[1] if state else 0
                self.open = None
            elif line.startswith("begin"):
                _, verb, batch, number, size = line.split()
                self.open = batch, None if verb == "delete" else (int(number), int(size))

    def settle(self, held: dict[str, State]) -> None:
        """The one operation under way at the kill may be in, or not."""
        if self.open is not None and held.get(self.open[0]) == self.open[1]:
            self._take(*self.open)

    def _take(self, batch: str, state: State | None) -> None:
        if state is None:
            self.batches.pop(batch, None)
        else:
            self.batches[batch] = state


def said_until_killed(path: Path, seed: int, index: str) -> list[str]:
    """Run the child, kill it at a random moment, and return its whole lines."""
    chance = random.Random(seed)
    child = subprocess.Popen(
        [sys.executable, str(PROGRAM), str(path), str(seed), index], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    lines = [child.stdout.readline() for _ in range(chance.randint(2, 60))]
    until = time.perf_counter() + chance.random() * 0.02
    while time.perf_counter() < until:  # a moment within a batch, finer than a timer's
        pass
    child.kill()
    rest, _ = child.communicate()
    text = b"".join(lines) + rest
    return [line.decode() for line in text.split(b"\n")[:-1]]


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


def kill_and_check(path: Path, seed: int, index: str, expected: Expected) -> None:
    expected.heard(said_until_killed(path, seed, index))
    started = time.monotonic()
    with Memory(path, embedder=EMBEDDER, index="exact") as memory:
        assert memory.count() >= 0
        assert time.monotonic() - started < 5
        records = memory.list(limit=100_000)
        held = batches_of(records)
        expected.settle(held)
        assert held == expected.batches
        assert len(records) == memory.count() == len({record.id for record in records})
        assert memory.verify().ok
        if records:
            check_vectors(memory, records)


def test_kills_at_random_moments_lose_nothing_and_leave_nothing_half(path: Path) -> None:
    expected = Expected()
    for seed in range(12):
        kill_and_check(path, seed, "exact", expected)
    assert expected.acknowledged > 1_000


def test_kills_beside_an_index_lose_nothing_and_the_index_agrees_in_the_end(
    path: Path, index_processes: IndexProcesses, await_end: AwaitEnd
) -> None:
    expected = Expected()
    for seed in range(100, 104):
        kill_and_check(path, seed, "chroma", expected)
    await_end(index_processes(path))
    with Memory(path, embedder=EMBEDDER, index="chroma") as memory:
        memory.flush()
        assert memory.stats().index == "ready"
        assert memory.verify().ok


@pytest.mark.nightly
@pytest.mark.timeout(3_600)
def test_two_hundred_kills(
    path: Path, index_processes: IndexProcesses, await_end: AwaitEnd
) -> None:
    expected = Expected()
    for seed in range(1_000, 1_200):
        kill_and_check(path, seed, "chroma" if seed % 10 == 0 else "exact", expected)
    await_end(index_processes(path))
    with Memory(path, embedder=EMBEDDER, index="chroma") as memory:
        memory.flush()
        assert memory.verify().ok
    assert expected.acknowledged > 20_000
