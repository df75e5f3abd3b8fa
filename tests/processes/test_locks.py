"""What other processes' locks, and our own, may and may not do to a memory."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests.pgserver import place_of

from commonplace import HashingEmbedder, Memory, StoreLockedError
from commonplace.ledger import postgres_database, sqlite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WRITE_ONE = """
import sys
from commonplace import HashingEmbedder, Memory
with Memory(sys.argv[1], embedder=HashingEmbedder(16), index="exact") as memory:
    memory.add("by another process", id=sys.argv[2])
"""

# Holds the write lock until its standard input ends.
HOLD = """
import sys
from commonplace import Memory
with Memory(sys.argv[1], index="exact") as memory, memory._store._ledger.write() as held:
    held.spaces()
    print("held", flush=True)
    sys.stdin.read()
"""


def _opened(path: Path) -> Memory:
    return Memory(path, embedder=HashingEmbedder(16), index="exact")


def _elsewhere(path: Path, record_id: str) -> None:
    subprocess.run([sys.executable, "-c", WRITE_ONE, str(path), record_id], check=True, timeout=120)


@pytest.mark.files
@pytest.mark.parametrize("again", ["opened and closed", "opened and kept"])
def test_a_second_memory_of_one_process_does_not_drop_the_locks_of_the_first(
    path: Path, again: str
) -> None:
    """Regression: opening used to open and close the ledger file, which drops POSIX locks.

    The next process to leave then took itself for the last one and removed the write-ahead log;
    what this process wrote afterwards was acknowledged and lost.
    """
    with _opened(path) as memory:
        memory.add("first", id="first")
        second = _opened(path)
        if again == "opened and closed":
            second.close()
        _elsewhere(path, "theirs 1")
        assert (path / "ledger.sqlite-wal").exists()
        memory.add("ours", id="ours")
        _elsewhere(path, "theirs 2")
        expected = {"first", "ours", "theirs 1", "theirs 2"}
        assert {record.id for record in memory.list()} == expected
        second.close()
    with _opened(path) as memory:
        assert {record.id for record in memory.list()} == expected
        assert memory.verify().ok


@pytest.fixture
def held(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the write lock of a memory of one record."""
    with _opened(path) as memory:
        memory.add("before", id="before")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, place_of(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    yield holder
    holder.communicate()


def test_a_held_write_lock_is_waited_for_and_then_named(
    path: Path, held: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 300)
    monkeypatch.setattr(postgres_database, "LOCK_SECONDS", 0.3)
    with _opened(path) as memory:  # opening needs no write lock
        for write in (
            lambda: memory.add("x"),
            lambda: memory.update("before", metadata={"n": 1}),
            lambda: memory.delete("before"),
            memory.sweep,
            memory.repair,
        ):
            started = time.monotonic()
            with pytest.raises(StoreLockedError):
                write()
            assert 0.2 < time.monotonic() - started < 60
        assert memory.get("before") is not None
        assert [hit.id for hit in memory.search("before")] == ["before"]
        assert memory.count() == 1
        held.communicate()
        assert memory.add("after", id="after").version == 1
        assert memory.count() == 2


@pytest.mark.usefixtures("held")
def test_a_write_goes_on_when_the_lock_is_released_in_time(
    path: Path, held: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 120_000)
    with _opened(path) as memory:
        written = threading.Event()

        def write() -> None:
            memory.add("waited", id="waited")
            written.set()

        thread = threading.Thread(target=write)
        thread.start()
        assert not written.wait(0.2)
        held.communicate()
        assert written.wait(120)
        thread.join()
        assert memory.get("waited") is not None
