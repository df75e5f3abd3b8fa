"""One thread written from threads, tasks and processes: every message once, in one order."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.pgserver import place_of

from commonplace import AsyncMemory, ConflictError, HashingEmbedder, Memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonplace import Thread

PROGRAM = Path(__file__).parent / "programs" / "append.py"
WRITERS, BATCHES = 8, 10


@pytest.fixture(params=["in memory", "on disk"])
def memory(request: pytest.FixtureRequest, path: Path) -> Iterator[Memory]:
    where = ":memory:" if request.param == "in memory" else path
    with Memory(where, embedder=HashingEmbedder(16)) as opened:
        yield opened
        assert opened.verify().ok


def check(thread: Thread, batches: int) -> None:
    """Every batch is there once, its messages side by side, each writer's in its order."""
    messages = thread.messages()
    assert [message.position for message in messages] == list(range(2 * batches))
    asked = [message.text for message in messages[::2]]
    assert [message.text for message in messages[1::2]] == [f"{said} answered" for said in asked]
    assert Counter(asked).most_common(1)[0][1] == 1
    for writer in {said.split()[0] for said in asked}:
        numbers = [int(said.split()[1]) for said in asked if said.split()[0] == writer]
        assert numbers == list(range(len(numbers)))
    info = thread.info()
    assert info is not None
    assert info.messages == len(messages)
    assert info.tokens == sum(message.token_count for message in messages)


def batch(writer: object, number: int) -> list[tuple[str, str]]:
    return [("user", f"{writer} {number}"), ("assistant", f"{writer} {number} answered")]


def test_eight_threads_add_at_once(memory: Memory) -> None:
    together = threading.Barrier(WRITERS)

    def write(writer: int) -> None:
        together.wait(60)
        for number in range(BATCHES):
            memory.thread("shared").add(batch(writer, number))

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    assert memory.threads.count() == 1
    check(memory.thread("shared"), WRITERS * BATCHES)


def test_tasks_add_at_once(memory: Memory) -> None:
    async def write(writer: int) -> None:
        thread = AsyncMemory(memory).thread("shared")
        for number in range(BATCHES):
            await thread.add(batch(writer, number))

    async def main() -> None:
        await asyncio.gather(*map(write, range(WRITERS)))

    asyncio.run(main())
    check(memory.thread("shared"), WRITERS * BATCHES)


def test_all_add_the_same_messages_at_once(memory: Memory) -> None:
    together = threading.Barrier(WRITERS)
    batch = [{"role": "user", "content": f"text {n}", "id": f"m{n}"} for n in range(5)]

    def write(_: int) -> None:
        together.wait(60)
        memory.thread("shared").add(batch)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    found = memory.thread("shared").messages()
    assert [(one.id, one.position) for one in found] == [(f"m{n}", n) for n in range(5)]
    assert memory.count() == 5


def test_a_limit_holds_while_many_add(memory: Memory) -> None:
    memory.thread("shared").create(max_messages=7)

    def write(writer: int) -> None:
        for number in range(BATCHES):
            memory.thread("shared").add(batch(writer, number))

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    last = 2 * WRITERS * BATCHES
    positions = [one.position for one in memory.thread("shared").messages()]
    assert positions == list(range(last - 7, last))


def test_every_message_is_popped_once(memory: Memory) -> None:
    memory.thread("shared").add([str(n) for n in range(40)])

    def pop(_: int) -> list[str]:
        return [found.text for _ in range(8) if (found := memory.thread("shared").pop())]

    with ThreadPoolExecutor(WRITERS) as pool:
        popped = [text for some in pool.map(pop, range(WRITERS)) for text in some]
    assert sorted(popped) == sorted(map(str, range(40)))
    assert memory.thread("shared").messages() == []


def test_of_many_changes_at_once_none_is_lost_unnoticed(memory: Memory) -> None:
    thread = memory.thread("shared")
    thread.add({"role": "user", "content": "x", "id": "m", "metadata": {"n": 0}})

    def change(worker: int) -> int:
        changed = 0
        for number in range(BATCHES):
            try:
                thread.update_message("m", content=f"change {number} of worker {worker}")
            except ConflictError:
                continue
            changed += 1
        return changed

    with ThreadPoolExecutor(4) as pool:
        changes = sum(pool.map(change, range(4)))
    (message,) = thread.messages()
    record = memory.get(message.record_id)
    assert record is not None
    assert record.version == changes + 1


def test_many_make_one_thread(memory: Memory) -> None:
    together = threading.Barrier(WRITERS)

    def make(_: int) -> str:
        together.wait(60)
        return memory.threads.get_or_create("shared").id

    with ThreadPoolExecutor(WRITERS) as pool:
        assert len(set(pool.map(make, range(WRITERS)))) == 1


def test_four_processes_add_at_once(path: Path) -> None:
    names = ["a", "b", "c", "d"]
    with Memory(path, embedder=HashingEmbedder(16)) as memory:
        memory.thread("shared").create()
    processes = [
        subprocess.Popen(
            [sys.executable, str(PROGRAM), place_of(path), name, str(BATCHES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [process.communicate(timeout=120)[0] for process in processes] == ["done\n"] * 4
    finally:
        for process in processes:
            process.kill()
            process.wait()
    with Memory(path, embedder=HashingEmbedder(16)) as memory:
        thread = memory.thread("shared")
        last = thread.get("the last to come")
        assert last is not None
        assert last.text in names
        assert len(thread.messages()) == 4 * 2 * BATCHES + 1
        assert thread.delete_messages(last.id) == 1
        said = [message.text for message in thread.messages()]
        asked = [text for text in said if not text.endswith("answered")]
        assert sorted(asked) == sorted(f"{name} {n}" for name in names for n in range(BATCHES))
        for number, text in enumerate(said[:-1]):
            assert said[number + 1] == f"{text} answered" or text.endswith("answered")
        for name in names:
            assert [text for text in asked if text[0] == name] == [
                f"{name} {n}" for n in range(BATCHES)
            ]
        positions = [message.position for message in thread.messages()]
        assert positions == sorted(set(positions))
        assert memory.verify().ok
