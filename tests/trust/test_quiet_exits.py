"""A program ends, with and without closing its memory: everything is there at the next opening."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.pgserver import index_at, place_of

from commonplace import Memory, PrecomputedEmbedder

if TYPE_CHECKING:
    from tests.figures import Figures

LEFT_OPEN = Path(__file__).parent / "programs" / "left_open.py"
# Around the sizes at which Chroma writes its index, and at which it splits batches.
COUNTS = (1, 10, 500, 999, 1_000, 1_001, 5_461, 5_462)


def found_again(path: Path, count: int, index: str, end: str) -> bool:
    """Whether all that was written is listed, counted, and found by meaning and by words."""
    command = [sys.executable, str(LEFT_OPEN), place_of(path), str(count), index, end]
    assert subprocess.run(command, check=False).returncode == 0
    with Memory(path, embedder=PrecomputedEmbedder("damage", 16), index=index) as memory:
        listed = {record.id for record in memory.list(limit=count + 1)}
        right = listed == {f"r{n}" for n in range(count)} and memory.count() == count
        for n in {0, count // 2, count - 1}:
            vector = np.random.default_rng(n).standard_normal(16).astype(np.float32)
            right &= memory.search(vector=vector, limit=1)[0].id == f"r{n}"
            right &= memory.search(f"word{n}x", mode="lexical", limit=1)[0].id == f"r{n}"
        memory.flush()
        return right and memory.verify().ok


def all_found_again(
    tmp_path: Path, counts: tuple[int, ...], indexes: tuple[str, ...], figures: Figures
) -> None:
    cases = [(n, index, end) for n in counts for index in indexes for end in ("close", "exit")]
    missed = [
        case for number, case in enumerate(cases) if not found_again(tmp_path / str(number), *case)
    ]
    figures(9, cases=len(cases), records=sum(case[0] for case in cases), missed=len(missed))
    assert missed == []


def test_a_quiet_exit_loses_nothing(tmp_path: Path, figures: Figures) -> None:
    all_found_again(tmp_path, (1, 501), ("exact",), figures)


@pytest.mark.nightly
@pytest.mark.timeout(1200)
def test_quiet_exits_at_every_threshold(tmp_path: Path, figures: Figures) -> None:
    all_found_again(tmp_path, COUNTS, ("exact", index_at(tmp_path)), figures)
