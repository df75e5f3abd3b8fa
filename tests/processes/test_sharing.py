"""Several processes on one directory: nothing is lost, nobody hangs, each finds what all wrote."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.pgserver import index_at, place_of

from commonplace import HashingEmbedder, Memory

PROGRAM = Path(__file__).parent / "programs" / "share.py"
READS = ("list", "get", "lexical", "dense", "count")


class Sharer:
    """One process of `share.py`, spoken to by lines."""

    def __init__(self, path: Path, name: str, batches: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), place_of(path), index_at(path), name, str(batches)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def heard(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def told(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self) -> int:
        self.process.communicate(timeout=120)
        return self.process.returncode


def share(path: Path, processes: int, batches: int) -> int:
    """All open a directory that is not there yet at the same moment; how much they wrote."""
    sharers = [Sharer(path, f"p{n}", batches) for n in range(processes)]
    try:
        assert [sharer.heard() for sharer in sharers] == ["ready\n"] * processes
        for sharer in sharers:
            sharer.told("go")
        written = [json.loads(sharer.heard()) for sharer in sharers]
        everything = [one for ids in written for one in ids]
        for sharer in sharers:
            sharer.told(json.dumps(everything))
        for sharer in sharers:
            assert json.loads(sharer.heard()) == {way: [] for way in READS}
        for sharer in sharers:
            sharer.told("close")
        assert [sharer.end() for sharer in sharers] == [0] * processes
    finally:
        for sharer in sharers:
            sharer.process.kill()
            sharer.process.communicate()
    with Memory(path, embedder=HashingEmbedder(32), index=index_at(path)) as memory:
        memory.flush()
        assert memory.count() == len(everything)
        assert memory.stats().index == "ready"
        assert memory.verify().ok
    return len(everything)


@pytest.mark.parametrize("processes", [pytest.param(2, marks=pytest.mark.nightly), 4])
def test_every_process_finds_every_acknowledged_write(path: Path, processes: int) -> None:
    assert share(path, processes, 16) == processes * 40


@pytest.mark.nightly
def test_eight_processes(path: Path) -> None:
    assert share(path, 8, 200) == 8 * 500


COUNT = """
import sys
from commonplace import ConflictError, HashingEmbedder, Memory
with Memory(sys.argv[1], embedder=HashingEmbedder(16), index="exact") as memory:
    done = 0
    while done < int(sys.argv[2]):
        record = memory.get(key="counter", scope="shared")
        try:
            memory.update(
                record.id, value=record.value + 1, expected_version=record.version
            )
            done += 1
        except ConflictError:
            continue
"""


def test_expected_versions_make_a_counter_that_loses_no_step(path: Path) -> None:
    with Memory(path, embedder=HashingEmbedder(16), index="exact") as memory:
        memory.add(key="counter", scope="shared", value=0)
        counters = [
            subprocess.Popen([sys.executable, "-c", COUNT, place_of(path), "50"]) for _ in range(3)
        ]
        assert [counter.wait(120) for counter in counters] == [0, 0, 0]
        record = memory.get(key="counter", scope="shared")
        assert record is not None
        assert (record.value, record.version) == (150, 151)


KEYED = """
import sys
from commonplace import HashingEmbedder, Memory
with Memory(sys.argv[1], embedder=HashingEmbedder(16), index="exact") as memory:
    print("ready", flush=True)
    sys.stdin.readline()
    for n in range(50):
        memory.add(f"{sys.argv[2]} {n}", key=str(n), scope="deep/new/scope", dedupe=True)
"""


def test_processes_that_write_the_same_keys_and_make_the_same_scopes_agree(path: Path) -> None:
    with Memory(path, embedder=HashingEmbedder(16), index="exact") as memory:
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", KEYED, place_of(path), f"w{n}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for n in range(3)
        ]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        for writer in writers:
            writer.communicate(timeout=120)
            assert writer.returncode == 0
        assert memory.count() == 50
        assert [info.scope.path for info in memory.scopes()] == ["deep/new/scope"]
        assert {record.version for record in memory.list()} == {3}
        assert memory.verify().ok
