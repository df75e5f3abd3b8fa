"""A mixed load with a fault every so often: killed, stopped, the disk full. Nothing is lost."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from commonplace import HashingEmbedder, Memory
from commonplace.testing import crash

if TYPE_CHECKING:
    from tests.figures import Figures

pytestmark = pytest.mark.files

PROGRAM = Path(__file__).parent / "programs" / "load.py"


class Soak:
    """One directory, loaded again and again, and what was acknowledged in it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.held: dict[str, str | None] = {}
        self.acknowledged = 0
        self.full = 0

    def load(self, fault: str, seed: int) -> None:
        """Load it until the fault; what was being done then may be in or not."""
        kill_at = crash.Moment(seed, said=120) if fault == "killed" else None
        outcome = crash.run(PROGRAM, self._path, seed, fault, kill_at=kill_at, timeout=280)
        assert outcome.killed == (fault == "killed"), outcome.errors
        assert outcome.code in {0, -9}, outcome.errors
        unsure: tuple[str, str | None] | None = None
        for what, *more in outcome.said:
            if what == "begin":
                unsure = more[0], more[1]
            elif what == "done" and unsure is not None:
                self.held[unsure[0]] = unsure[1]
                self.acknowledged += 1
                unsure = None
            elif what == "full":
                self.full += 1
                unsure = None  # refused: it is wholly out
        self.check(unsure)

    def check(self, unsure: tuple[str, str | None] | None) -> None:
        with Memory(self._path, embedder=HashingEmbedder(16), index="exact") as memory:
            found = {record.id: record.content for record in memory.list(limit=100_000)}
            if unsure is not None and found.get(unsure[0]) == unsure[1]:
                self.held[unsure[0]] = unsure[1]
            assert found == {name: text for name, text in self.held.items() if text is not None}
            assert memory.count() == len(found)
            assert memory.verify().problems == ()


def soaked(path: Path, faults: int) -> Soak:
    chance = random.Random(25)
    soak = Soak(path)
    kinds = [["killed", "full", "stopped"][number % 3] for number in range(faults)]
    chance.shuffle(kinds)
    for seed, fault in enumerate(kinds):
        soak.load(fault, seed)
    return soak


def test_a_load_with_faults_loses_nothing(path: Path, figures: Figures) -> None:
    soak = soaked(path, 3)
    assert soak.full > 0
    figures(25, faults=3, acknowledged=soak.acknowledged, refused_full=soak.full, lost=0)


@pytest.mark.nightly
@pytest.mark.timeout(3_000)
def test_a_load_with_thirty_faults_loses_nothing(path: Path, figures: Figures) -> None:
    soak = soaked(path, 30)
    assert soak.full > 0
    figures(25, faults=30, acknowledged=soak.acknowledged, refused_full=soak.full, lost=0)
