"""A memory opened before a fork is its opener's alone."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.pgserver import index_at, place_of

if TYPE_CHECKING:
    from tests.figures import Figures

PROGRAM = Path(__file__).parent / "programs" / "fork.py"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize(
    "way", ["exit", pytest.param("close", marks=pytest.mark.nightly), "collect"]
)
def test_a_forked_child_is_refused_at_once_and_its_end_harms_nobody(path: Path, way: str) -> None:
    """Regression: a child that exits runs its finalizers, and closed its parent's index process."""
    forked(path, way)


@pytest.mark.nightly
@pytest.mark.timeout(1_800)
def test_fifty_forks_harm_nobody(tmp_path: Path, figures: Figures) -> None:
    for number in range(50):
        forked(tmp_path / str(number), ["close", "exit", "collect"][number % 3])
    figures(20, forks=50, refused=50, hangs=0, harmed=0)


def forked(path: Path, way: str) -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), place_of(path), index_at(path), way],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(told["answers"].values()) == {"ForkedStoreError"}, told["answers"]
    # At once: none waits for a lock. Half of them, as a busy machine may hold up any of them.
    assert statistics.median(told["seconds"]) < 0.1
    assert told["status"] == 0
    assert told["found"] == ["after", "before"]
    assert told["ok"]
    assert told["same index process"]
