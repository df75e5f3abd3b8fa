"""`compact` builds an index anew of which much is of removed records; also when it is killed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from commonplace import Memory, PrecomputedEmbedder
from commonplace.testing import crash

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.files

PROGRAM = Path(__file__).parents[1] / "trust" / "programs" / "compact.py"
COUNT, DIMENSION, LIMIT = 1_200, 8, 500
VECTORS = np.random.default_rng(4).standard_normal((COUNT, DIMENSION)).astype(np.float32)
QUERY = np.random.default_rng(3).standard_normal(DIMENSION).astype(np.float32)


def opened(path: Path) -> Memory:
    embedder = PrecomputedEmbedder("test/index@1", DIMENSION)
    return Memory(path, embedder=embedder, index="chroma")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A memory with an index, some of which is of removed records."""
    path = tmp_path_factory.mktemp("compacting") / "memory"
    with opened(path) as memory:
        memory.add_many(
            {"id": f"r{n}", "content": f"text number{n}", "vector": VECTORS[n]}
            for n in range(COUNT)
        )
        memory.flush()
        forget(memory, 0, 200)
    return path


@pytest.fixture
def copy(original: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("commonplace.search.candidates.EXACT_LIMIT", LIMIT)
    shutil.copytree(original, path)
    return path


def forget(memory: Memory, first: int, last: int) -> None:
    gone = [f"r{number}" for number in range(first, last)]
    assert memory.delete(gone) == last - first
    memory.flush()


def vectors_bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in path.glob("index/*/data_level0.bin"))


def nearest(first: int) -> set[str]:
    units: NDArray[np.float32] = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    order = np.argsort(-(units[first:] @ QUERY))[:10]
    return {f"r{first + number}" for number in order.tolist()}


def is_whole(memory: Memory, *, first: int) -> None:
    """The index answers, and with what is left."""
    memory.flush()
    assert memory.verify().problems == ()
    hits = memory.search(vector=QUERY, explain=True)
    assert hits.plan is not None
    assert hits.plan.route == "index"
    assert len({hit.id for hit in hits} & nearest(first)) >= 9


def test_an_index_is_built_anew_once_a_fifth_of_it_is_dead(copy: Path) -> None:
    with opened(copy) as memory:
        whole = vectors_bytes(copy)
        assert not memory.compact().index_rebuilt
        assert vectors_bytes(copy) == whole
        forget(memory, 200, 500)
        with opened(copy) as other:  # which does not own the index
            found = other.compact()
            assert (found.index_rebuilt, found.pending) == (False, ("index",))
        report = memory.compact()
        assert (report.index_rebuilt, report.pending) == (True, ())
        assert vectors_bytes(copy) <= 0.6 * whole
        is_whole(memory, first=500)
        assert not memory.compact().index_rebuilt


def test_a_small_index_is_left_alone(path: Path) -> None:
    """Regression: the room that a new index has was taken for removed records, every time."""
    with opened(path) as memory:
        memory.add_many({"content": f"text {n}", "vector": VECTORS[n]} for n in range(20))
        memory.flush()
        assert vectors_bytes(path) > 0
        assert not memory.compact().index_rebuilt


@pytest.mark.nightly
@pytest.mark.parametrize("point", ["index.before_rebuild", "index.following"])
def test_killed_half_way_it_is_done_again(copy: Path, point: str) -> None:
    with opened(copy) as memory:
        forget(memory, 200, 500)
    whole = vectors_bytes(copy)
    outcome = crash.run(PROGRAM, copy, DIMENSION, point)
    assert outcome.code == -9, outcome.errors
    with opened(copy) as memory:
        assert memory.count() == COUNT - 500
        is_whole(memory, first=500)
        if point == "index.before_rebuild":
            assert memory.compact().index_rebuilt
        assert not memory.compact().index_rebuilt
    assert vectors_bytes(copy) <= 0.6 * whole
