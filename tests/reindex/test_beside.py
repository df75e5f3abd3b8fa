"""What happens beside a reindex is neither lost nor left in the old space."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.pgserver import place_of
from tests.reindex.lives import (
    NEW,
    OLD,
    QUERIES,
    Life,
    Watched,
    assert_alike,
    assert_nothing_left,
    found,
    held,
    rest,
    rows,
)

from commonplace import ClosedStoreError, ConflictError, HashingEmbedder, Memory
from commonplace.embedders import passages
from commonplace.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
WRITE = Path(__file__).parent / "programs" / "write.py"


def switching(memory: Memory) -> bool:
    """Whether this thread holds the write lock: whoever writes now waits for the switch."""
    return memory._store._ledger._turn._is_owned()  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue, reportUnknownVariableType, reportUnknownMemberType] - RLock has no public word for it


def walking(memory: Memory) -> str:
    """What the reindex under way is going through."""
    with memory._store._ledger.read() as snapshot:  # pyright: ignore[reportPrivateUsage] - nobody else's business
        reached = snapshot.reindexing.reached()
    return "versions" if reached and reached.version else "records"


def assert_vectors_are_those_of_the_content(memory: Memory, embedder: HashingEmbedder) -> None:
    """Every state that has vectors has those that the embedder gives its content."""
    contents = {
        (row[0], row[1]): row[2]
        for row in rows(
            memory,
            "SELECT id, version, content FROM records UNION ALL "
            "SELECT id, version, content FROM versions",
        )
    }
    stored = held(memory, "default")
    assert stored
    for state, vectors in stored.items():
        texts = passages(contents[state], embedder.passage_length)
        assert vectors == HashingEmbedder(embedder.dimension).embed_documents(texts).tobytes()


@pytest.mark.parametrize(
    ("who", "seed"), [("the same handle", 10), ("another handle", 11), ("another thread", 12)]
)
def test_a_life_goes_on_while_it_is_moved(path: Path, who: str, seed: int) -> None:
    clock, ours, theirs = FakeClock(), Life(seed), Life(seed)
    phases: set[str] = set()
    with (
        Memory(path, embedder=OLD, clock=clock, index="exact") as moved,
        Memory(path, embedder=OLD, clock=clock, index="exact") as other,
    ):
        ours.live(moved, clock, 100)

        def go_on(call: int) -> None:
            if call > 60 or switching(moved):
                return
            phases.add(walking(moved))
            writer = other if who == "another handle" else moved
            assert all(writer.search(query) for query in QUERIES[:2])
            if who == "another thread":
                thread = threading.Thread(target=ours.live, args=(writer, clock, 4))
                thread.start()
                thread.join()
            else:
                ours.live(writer, clock, 4)

        watched = Watched(before=go_on)
        moved.reindex(watched, batch=5)
        watched.before = rest
        assert phases == {"records", "versions"}
        ours.live(moved, clock, 10)
        same = FakeClock()
        with Memory(":memory:", embedder=NEW, clock=same) as fresh:
            theirs.live(fresh, same, len(ours.moments))
            assert_alike(moved, fresh, (ours, theirs))
        assert_nothing_left(moved, {"default"})


def test_a_memory_that_never_rests_is_switched_over_all_the_same(path: Path) -> None:
    with Memory(path, embedder=OLD) as memory:
        memory.add("tea")
        inside: list[bool] = []

        def write(call: int) -> None:
            inside.append(switching(memory))
            if not inside[-1]:
                memory.add(f"tea {call}", id=str(call))

        memory.reindex(Watched(before=write))
        assert 5 < len(inside) < 10
        assert inside[-1]
        assert not any(inside[:-1])
        assert len(memory.search("tea", mode="dense", limit=100)) == len(inside)
        assert_nothing_left(memory, {"default"})


def test_states_that_replace_each_other_quickly_get_vectors_of_their_own(memory: Memory) -> None:
    memory.add_many([{"id": f"r{n}", "content": f"tea {n}"} for n in range(12)])

    def rewrite(call: int) -> None:
        if call in {1, 3, 4}:
            for number in range(12):  # both before and behind the walk
                for content in ("coffee", "milk", "train"):
                    memory.update(f"r{number}", content=f"{content} {number} {call}")
            memory.delete(f"r{call}")
            memory.add(f"anew {call}", id=f"r{call}")

    memory.reindex(Watched(before=rewrite), batch=3)
    assert_vectors_are_those_of_the_content(memory, NEW)
    states = rows(memory, "SELECT (SELECT count(*) FROM records) + (SELECT count(*) FROM versions)")
    assert len(held(memory, "default")) == states[0][0]
    assert_nothing_left(memory, {"default"})


def test_vectors_given_or_taken_away_meanwhile(memory: Memory) -> None:
    memory.add_many([{"id": f"r{n}", "content": f"tea {n}"} for n in range(6)])

    def change(call: int) -> None:
        if call == 4:
            memory.update("r0", content="tea 0", embed=False)
            memory.update("r1", vector=[1.0] * 64)
            memory.add("", id="r2", vector=[1.0] * 64)
            memory.add("milk", id="new", embed=False)

    memory.reindex(Watched(before=change), batch=1)
    present = {row[0] for row in rows(memory, "SELECT id FROM records")}
    now = {name for name, version in held(memory, "default") if version == 2 or name > "r2"}
    assert present == {"r0", "r1", "r2", "r3", "r4", "r5", "new"}
    assert now == {"r1", "r3", "r4", "r5"}
    assert_vectors_are_those_of_the_content(memory, NEW)


@pytest.mark.parametrize("where", [":memory:", "on disk"])
def test_threads_search_and_write_through_the_switch_and_notice_nothing(
    path: Path, where: str
) -> None:
    errors: list[BaseException] = []
    ended = threading.Event()
    with Memory(path if where == "on disk" else where, embedder=OLD, index="exact") as memory:
        memory.add_many([{"id": f"r{n}", "content": f"tea {n}"} for n in range(300)])
        written: list[str] = []
        begun = threading.Event()

        def repeat(work: Callable[[int], object]) -> None:
            number = 0
            try:
                while not ended.is_set():
                    work(number)
                    number += 1
            except BaseException as error:  # noqa: BLE001 - reported below
                errors.append(error)
                begun.set()

        def write(number: int) -> None:
            written.append(memory.add(f"coffee {number}", id=f"w{number}").id)
            memory.update(f"r{number % 300}", content=f"milk {number}")
            assert memory.search(f"coffee {number}", limit=1)[0].id == f"w{number}"
            begun.set()

        work: list[Callable[[int], object]] = [
            write,
            lambda number: memory.search(f"tea {number}", mode="dense"),
            lambda number: memory.scope("").search(f"milk {number}"),
        ]
        threads = [threading.Thread(target=repeat, args=(one,)) for one in work]
        for thread in threads:
            thread.start()
        for dimension in (48, 64, 32, 48):
            begun.clear()
            assert begun.wait(120)  # it writes on
            memory.reindex(HashingEmbedder(dimension, passage_length=120), batch=50)
        ended.set()
        for thread in threads:
            thread.join()
        assert errors == []
        assert memory.count() == 300 + len(written)
        assert_vectors_are_those_of_the_content(memory, NEW)
        assert_nothing_left(memory, {"default"})


def test_another_process_writes_until_the_switch_and_is_refused_after_it(path: Path) -> None:
    with Memory(path, index="exact") as memory:
        with Memory(path, embedder=OLD, index="exact") as old:
            old.add_many([{"id": f"r{n}", "content": f"tea {n}"} for n in range(100)])
        child = subprocess.Popen(
            [sys.executable, str(WRITE), place_of(path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert child.stdout is not None
        lines: list[Any] = []

        def wait_for_some(call: int) -> None:
            if call <= 15:
                assert child.stdout is not None
                lines.extend(json.loads(child.stdout.readline()) for _ in range(10))

        memory.reindex(Watched(before=wait_for_some), batch=5)
        lines += [json.loads(line) for line in child.communicate()[0].splitlines()]
        refused = lines.pop()
        assert (refused[0], refused[2:]) == ("write", ["search", "but nothing else"])
        assert OLD.identity in refused[1]
        assert NEW.identity in refused[1]
        last = dict(lines)
        contents = {record.id: record.content for record in memory.list(limit=100_000)}
        for name, content in last.items():
            assert contents.get(name) == content
        assert len(contents) == 100 + sum(content is not None for content in last.values())
        assert_vectors_are_those_of_the_content(memory, NEW)
        present = {(record.id, record.version) for record in memory.list(limit=100_000)}
        assert present <= set(held(memory, "default"))
        assert_nothing_left(memory, {"default"})


def test_two_reindexes_to_the_same_embedder_do_it_together(path: Path) -> None:
    with (
        Memory(path, embedder=OLD) as first,
        Memory(path, embedder=OLD) as second,
        Memory(":memory:", embedder=NEW) as fresh,
    ):
        for memory in (first, fresh):
            Life(3).live(memory, FakeClock(), 60)

        def finish(call: int) -> None:
            if call == 3:
                assert second.reindex(NEW, batch=4).switched

        report = first.reindex(Watched(before=finish), batch=4)
        assert report.switched
        assert found(first) == found(second) == found(fresh)
        assert_nothing_left(first, {"default"})


def test_of_two_reindexes_to_different_embedders_the_later_goes_on(path: Path) -> None:
    third = HashingEmbedder(24, passage_length=120)
    with Memory(path, embedder=OLD) as first, Memory(path, embedder=OLD) as second:
        Life(3).live(first, FakeClock(), 60)

        def begin(call: int) -> None:
            if call == 3:
                second.reindex(third)

        with pytest.raises(ConflictError, match="took the place"):
            first.reindex(Watched(before=begin), batch=4)
        assert_vectors_are_those_of_the_content(second, third)
        assert_nothing_left(second, {"default"})
        first.reindex(NEW)
        assert_vectors_are_those_of_the_content(first, NEW)


def test_a_memory_that_is_closed_meanwhile_says_so_and_goes_on_later(path: Path) -> None:
    memory = Memory(path, embedder=OLD)
    memory.add_many([f"tea {n}" for n in range(10)])

    def close(done: int, _total: int) -> None:
        if done == 4:
            memory.close()

    with pytest.raises(ClosedStoreError):
        memory.reindex(NEW, batch=2, progress=close)
    with Memory(path) as again:
        watched = Watched(before=rest)
        again.reindex(watched, batch=2)
        assert watched.texts == 6
        assert_nothing_left(again, {"default"})
