"""Threads that share a memory: every operation seems to happen at one moment, for each key.

Each thread writes down what it did and got, between two ticks of a common counter. Versions rise by
one with every write of a record, so the order of the writes is known; whatever was read must be a
state that was the present one at some moment between the two ticks of the reading.
"""

from __future__ import annotations

import itertools
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from commonplace import ConflictError, HashingEmbedder, Memory, NotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.figures import Figures

KEYS = 24


@dataclass(frozen=True)
class Operation:
    """What one thread did to one key.

    Attributes:
        verb: what.
        begun: the tick before it.
        ended: the tick after it.
        version: that of the record that was written or read; None if there was none.
        content: its content.
        expected: the version that a conditional update asked for.
    """

    verb: str
    key: str
    begun: int
    ended: int
    version: int | None = None
    content: str = ""
    expected: int | None = None


class Worker:
    """Does random operations and writes them down."""

    def __init__(self, memory: Memory, ticks: itertools.count[int], number: int) -> None:
        self._memory = memory
        self._ticks = ticks
        self._chance = random.Random(number)
        self._number = number
        self.history: list[Operation] = []

    def work(self, operations: int) -> None:
        for step in range(operations):
            verb = self._chance.choices(
                ["put", "update", "swap", "get", "search", "list", "count"],
                [5, 5, 5, 8, 2, 1, 1],
            )[0]
            getattr(self, verb)(f"k{self._chance.randrange(KEYS)}", f"{self._number}x{step}")

    def put(self, key: str, content: str) -> None:
        begun = next(self._ticks)
        record = self._memory.add(content, id=key, scope=f"s/{key}")
        self._note("put", key, begun, record.version, record.content)
        assert record.content == content

    def update(self, key: str, content: str) -> None:
        begun = next(self._ticks)
        try:
            record = self._memory.update(key, content=content)
        except NotFoundError:
            self._note("get", key, begun, None, "")
        else:
            self._note("put", key, begun, record.version, record.content)

    def swap(self, key: str, content: str) -> None:
        """Update it if it is still as it was read."""
        seen = self._read(key)
        if seen is None:
            return
        begun = next(self._ticks)
        try:
            record = self._memory.update(key, content=content, expected_version=seen)
        except ConflictError:
            self._note("conflict", key, begun, None, "", expected=seen)
        else:
            assert record.version == seen + 1
            self._note("put", key, begun, record.version, record.content)

    def get(self, key: str, _content: str) -> None:
        self._read(key)

    def search(self, key: str, _content: str) -> None:
        begun = next(self._ticks)
        hits = self._memory.search("x", scope=f"s/{key}", mode="dense")
        assert len(hits) <= 1
        if hits:
            self._note("get", key, begun, hits[0].record.version, hits[0].content)

    def list(self, key: str, _content: str) -> None:
        begun = next(self._ticks)
        found = {record.id: record for record in self._memory.list(scope="s")}
        if key in found:
            self._note("get", key, begun, found[key].version, found[key].content)

    def count(self, key: str, _content: str) -> None:
        assert self._memory.count(scope=f"s/{key}") in {0, 1}

    def _read(self, key: str) -> int | None:
        begun = next(self._ticks)
        record = self._memory.get(key)
        version = None if record is None else record.version
        self._note("get", key, begun, version, "" if record is None else record.content)
        return version

    def _note(
        self,
        verb: str,
        key: str,
        begun: int,
        version: int | None,
        content: str,
        *,
        expected: int | None = None,
    ) -> None:
        ended = next(self._ticks)
        self.history.append(Operation(verb, key, begun, ended, version, content, expected))


def check_key(history: list[Operation]) -> None:
    """The history of one key is that of a register whose operations each happen at one moment."""
    writes = sorted((one for one in history if one.verb == "put"), key=lambda one: one.version or 0)
    assert [one.version for one in writes] == list(range(1, len(writes) + 1))  # none lost or twice
    latest = 0
    for write in writes:  # a write is not before one that had ended when it began
        assert write.ended > latest
        latest = max(latest, write.begun)
    begun = [0, *(one.begun for one in writes)]
    ended = [0, *(one.ended for one in writes)]
    for one in history:
        if one.verb == "get":
            version = one.version or 0
            assert begun[version] <= one.ended, "read before it was written"
            assert version == len(writes) or ended[version + 1] >= one.begun, "read a former state"
            if version:
                assert one.content == writes[version - 1].content
        elif one.verb == "conflict":
            assert one.expected is not None
            assert one.expected < len(writes), "refused without a reason"
            assert begun[one.expected + 1] <= one.ended
    reads = [one for one in history if one.verb == "get"]
    for earlier, later in itertools.pairwise(sorted(reads, key=lambda one: one.begun)):
        if earlier.ended < later.begun:  # what was seen once is never unseen
            assert (earlier.version or 0) <= (later.version or 0)


def mixed(path: Path, threads: int, each: int) -> int:
    """Let threads work on one memory and check what they say; how many operations."""
    ticks = itertools.count()
    with Memory(path, embedder=HashingEmbedder(16), index="exact") as memory:
        workers = [Worker(memory, ticks, number) for number in range(threads)]
        together = threading.Barrier(threads)

        def work(worker: Worker) -> None:
            together.wait(60)
            worker.work(each)

        with ThreadPoolExecutor(threads) as pool:
            for future in [pool.submit(work, worker) for worker in workers]:
                future.result()
        history = [one for worker in workers for one in worker.history]
        for number in range(KEYS):
            check_key([one for one in history if one.key == f"k{number}"])
        last = {
            key: max(one.version or 0 for one in history if one.key == key)
            for key in {one.key for one in history if one.verb == "put"}
        }
        assert {record.id: record.version for record in memory.list()} == last
        assert memory.verify().ok
    return len(history)


def test_threads_see_one_history_of_each_key(path: Path, figures: Figures) -> None:
    operations = mixed(path, threads=8, each=60)
    figures(17, threads=8, operations=operations, errors=0, anomalies=0)


@pytest.mark.nightly
@pytest.mark.timeout(1_800)
def test_sixteen_threads_see_one_history_of_each_key(path: Path, figures: Figures) -> None:
    operations = mixed(path, threads=16, each=600)
    figures(17, threads=16, operations=operations, errors=0, anomalies=0)
    assert operations >= 8_000
