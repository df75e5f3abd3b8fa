"""How many of the truly nearest a search finds: by the shape of the vectors and by the filter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from commonplace import Memory, PrecomputedEmbedder

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from tests.figures import Figures

    Matrix = NDArray[np.float32]

pytestmark = pytest.mark.files

K = 10
SHARES = (1, 10, 100, 500, 1000)
"""Of a thousand: what a filter leaves."""


def vectors(shape: str, count: int, dimension: int, seed: int) -> Matrix:
    chance = np.random.default_rng(seed)
    noise = chance.standard_normal((count, dimension))
    if shape == "clustered":
        centres = np.random.default_rng(24).standard_normal((100, dimension))
        noise = centres[chance.integers(0, 100, count)] + 0.4 * noise
    units = noise / np.linalg.norm(noise, axis=1, keepdims=True)
    return units.astype(np.float32)


def filled(path: Path, held: Matrix) -> Memory:
    """A memory of these vectors, with its index up to date."""
    embedder = PrecomputedEmbedder("test/cells@1", held.shape[1])
    memory = Memory(path, embedder=embedder, index="chroma")
    for start in range(0, len(held), 5_000):
        memory.add_many(
            {"id": f"r{n}", "vector": held[n], "metadata": {"of": n * 7919 % 1000}}
            for n in range(start, min(start + 5_000, len(held)))
        )
    memory.flush()
    return memory


def recall(memory: Memory, held: Matrix, asked: Matrix, share: int) -> float:
    """The share of the truly nearest that is found; never is there less than there could be."""
    allowed = np.array([n for n in range(len(held)) if n * 7919 % 1000 < share])
    wanted = None if share == 1000 else {"of": {"$lt": share}}
    found = 0
    for query in asked:
        hits = memory.search(vector=query, filter=wanted, limit=K)
        assert len(hits) == min(K, len(allowed))
        nearest = allowed[np.argsort(-(held[allowed] @ query), kind="stable")[:K]]
        found += len({hit.id for hit in hits} & {f"r{n}" for n in nearest})
    return found / (len(asked) * min(K, len(allowed)))


def cell(path: Path, shape: str, rows: int, dimension: int, queries: int, figures: Figures) -> None:
    held = vectors(shape, rows, dimension, seed=1)
    asked = vectors(shape, queries, dimension, seed=2)
    with filled(path, held) as memory:
        cells = {share: recall(memory, held, asked, share) for share in SHARES}
    least = 0.99 if shape == "clustered" else 0.95
    assert min(cells.values()) >= least, cells
    figures(
        24,
        shape=shape,
        rows=rows,
        dimension=dimension,
        queries=queries,
        **{f"recall_at_10_with_{share / 10:g}_percent": round(cells[share], 4) for share in SHARES},
    )


@pytest.mark.parametrize("shape", ["clustered"])
def test_recall_of_few(path: Path, shape: str, figures: Figures) -> None:
    cell(path, shape, 4_000, 32, 20, figures)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("shape", ["clustered", "gaussian"])
@pytest.mark.parametrize("rows", [10_000, 50_000])
def test_recall_in_every_cell(path: Path, shape: str, rows: int, figures: Figures) -> None:
    cell(path, shape, rows, 128, 100, figures)
