"""A reindex that is killed goes on where it was."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.pgserver import place_of
from tests.reindex.lives import NEW, OLD, Life, assert_alike, assert_nothing_left, found

from commonplace import HashingEmbedder, Memory
from commonplace.testing import FakeClock

ROOT = Path(__file__).parents[2]
MOVE = Path(__file__).parent / "programs" / "move.py"


def moving(
    path: Path, method: str = "-", call: int = 0, batches: int = 1_000_000
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(MOVE), place_of(path), method, str(call), str(batches)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def texts_of(lines: list[str]) -> int:
    """How many texts a process had embedded when it last said so."""
    return max((int(line) for line in lines if line.strip().isdigit()), default=0)


def model_of(memory: Memory) -> str:
    """Whose vectors are in the memory's own space."""
    return next(space.identity for space in memory.stats().spaces if space.name == "default")


def test_it_goes_on_where_it_was_killed_whatever_was_written_between(path: Path) -> None:
    chance, clock = random.Random(1), FakeClock()
    ours, theirs = Life(20), Life(20)
    embedded = kills = 0
    with Memory(path, embedder=OLD, clock=clock, index="exact") as memory:
        ours.live(memory, clock, 150)
    while True:
        told = chance.randint(2, 6)
        child = moving(path, batches=told + 1)  # it may be on its way to the next, and no further
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(told)]
        child.kill()
        lines += child.communicate()[0].splitlines()
        embedded += texts_of(lines)
        if child.returncode == 0 or "done" in lines:
            break
        kills += 1
        with Memory(path, index="exact") as memory:
            assert memory.verify().ok
            assert memory.repair().mended == ()
            if model_of(memory) == NEW.identity:
                continue
        if kills % 2:
            with Memory(path, embedder=OLD, clock=clock, index="exact") as memory:
                ours.live(memory, clock, 6)
    assert kills >= 5
    same = FakeClock()
    with (
        Memory(path, embedder=NEW, index="exact") as moved,
        Memory(":memory:", embedder=NEW, clock=same) as fresh,
    ):
        theirs.live(fresh, same, len(ours.moments))
        assert_alike(moved, fresh, (ours, theirs))
        assert_nothing_left(moved, {"default"})
        total = sum(space.vectors for space in moved.stats().spaces)
    # What was embedded and not written at a kill is embedded again, and nothing else.
    assert embedded < 3 * total


@pytest.mark.parametrize(
    ("method", "call"),
    [
        ("keep", 1),
        ("keep", 4),
        ("add", 1),
        ("add", 7),
        ("rename", 1),
        ("rename", 2),
        ("drop_some", 1),
        ("drop_some", 3),
        ("drop", 1),
    ],
)
def test_it_may_be_killed_in_the_middle_of_any_transaction(
    path: Path, method: str, call: int
) -> None:
    with Memory(path, embedder=OLD, index="exact") as memory:
        Life(21).live(memory, FakeClock(), 50)
        before = found(memory)
    child = moving(path, method, call)
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    switched = method.startswith("drop")
    with Memory(path, embedder=NEW if switched else OLD, index="exact") as memory:
        assert memory.verify().ok
        assert memory.repair().mended == ()
        assert (found(memory) == before) != switched
    with Memory(path, index="exact") as memory, Memory(":memory:", embedder=NEW) as fresh:
        memory.reindex(NEW)
        Life(21).live(fresh, FakeClock(), 50)
        assert found(memory) == found(fresh)
        assert_nothing_left(memory, {"default"})


def test_another_embedder_starts_over_and_drops_what_was_half_made(path: Path) -> None:
    with Memory(path, embedder=OLD, index="exact") as memory:
        Life(22).live(memory, FakeClock(), 50)
    moving(path, "keep", 6).communicate()
    third = HashingEmbedder(24, passage_length=120)
    with Memory(path, index="exact") as memory, Memory(":memory:", embedder=third) as fresh:
        half = [space for space in memory.stats().spaces if space.partial]
        assert [space.identity for space in half] == [NEW.identity]
        assert half[0].vectors > 0
        memory.reindex(third)
        Life(22).live(fresh, FakeClock(), 50)
        assert found(memory) == found(fresh)
        assert_nothing_left(memory, {"default"})
