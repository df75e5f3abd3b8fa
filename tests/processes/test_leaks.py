"""What a memory opened is gone when it is closed, or when its process is."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.pgserver import index_at, place_of
from tests.processes.conftest import held

from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from pathlib import Path

    from tests.figures import Figures
    from tests.processes.conftest import AwaitEnd, IndexProcesses, LeftSince

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def used(path: Path | str, index: str) -> None:
    memory = Memory(path, embedder=HashingEmbedder(16), index=index, sweep_every=60)
    record = memory.add("text")
    memory.flush()
    assert memory.search("text")
    assert memory.delete(record.id) == 1
    memory.close()


def cycles(path: Path, count: int, index: str, left_since: LeftSince) -> None:
    link = path.parent / "link"
    link.symlink_to(path)
    spellings = [path, str(path) + "/", link, path / ".." / path.name, os.path.relpath(path)]
    used(path, index)
    before = held()
    for number in range(count):
        used(spellings[number % len(spellings)], index)
    assert left_since(before) == []


def test_opening_and_closing_by_any_name_leaves_no_file_thread_or_process(
    path: Path, left_since: LeftSince, figures: Figures
) -> None:
    cycles(path, 20, "exact", left_since)
    figures(21, cycles=20, spellings=5, file_handles_more=0, threads_more=0, processes_more=0)


def test_opening_and_closing_with_an_index_leaves_no_file_thread_or_process(
    path: Path, index_processes: IndexProcesses, left_since: LeftSince
) -> None:
    cycles(path, 3, index_at(path), left_since)
    assert index_processes(path) == []


@pytest.mark.nightly
@pytest.mark.timeout(1_800)
def test_three_hundred_cycles_leave_nothing(
    path: Path, left_since: LeftSince, figures: Figures
) -> None:
    cycles(path, 300, "exact", left_since)
    figures(21, cycles=300, spellings=5, file_handles_more=0, threads_more=0, processes_more=0)


@pytest.mark.parametrize("sweep_every", [pytest.param(None, marks=pytest.mark.nightly), 60])
def test_a_memory_that_is_only_forgotten_is_closed(
    path: Path,
    index_processes: IndexProcesses,
    left_since: LeftSince,
    sweep_every: float | None,
) -> None:
    """Regression: its own finalizer kept it alive, through the sweeper's method."""
    used(path, index_at(path))
    before = held()
    memory = Memory(
        path, embedder=HashingEmbedder(16), index=index_at(path), sweep_every=sweep_every
    )
    memory.add("text")
    memory.flush()
    assert len(index_processes(path)) == 1
    del memory
    gc.collect()
    assert left_since(before) == []
    assert index_processes(path) == []


def test_a_refused_opening_leaves_nothing(path: Path, left_since: LeftSince) -> None:
    used(path, "exact")
    before = held()
    for _ in range(5):
        with pytest.raises(ValueError, match="index"):
            Memory(path, index="nonsense")
    assert left_since(before) == []


OPEN = """
import os, sys
from commonplace import HashingEmbedder, Memory
memory = Memory(sys.argv[1], embedder=HashingEmbedder(16), index=sys.argv[3])
memory.add("text")
if sys.argv[2] != "killed while it starts":
    memory.flush()
if sys.argv[2] == "killed, survived by a forked child":
    child = os.fork()
    if child == 0:
        sys.stdin.read()
        os._exit(0)
print("open", flush=True)
if sys.argv[2] == "exits without closing":
    sys.exit()
sys.stdin.read()
"""
ENDS = [
    "killed",
    pytest.param("killed while it starts", marks=pytest.mark.nightly),
    "killed, survived by a forked child",
    pytest.param("exits without closing", marks=pytest.mark.nightly),
]


@pytest.mark.parametrize("end", ENDS)
def test_an_index_process_ends_with_its_memorys_process(
    path: Path, end: str, index_processes: IndexProcesses, await_end: AwaitEnd
) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OPEN, place_of(path), end, index_at(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert owner.stdout is not None
    assert owner.stdin is not None
    assert owner.stdout.readline() == b"open\n"
    serving = index_processes(path)
    if end != "exits without closing":
        assert len(serving) == 1
        owner.kill()
    owner.wait(120)
    await_end(serving)
    assert index_processes(path) == []
    owner.stdin.close()
    owner.stdout.close()
    with Memory(path, embedder=HashingEmbedder(16), index=index_at(path)) as memory:
        memory.flush()
        assert memory.stats().index == "ready"
        assert memory.verify().ok
