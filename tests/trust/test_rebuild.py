"""The index is gone, or another version's: every record is found again from the ledger."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from commonplace import Memory, PrecomputedEmbedder

if TYPE_CHECKING:
    from pathlib import Path

    from tests.figures import Figures

pytestmark = pytest.mark.files

DIMENSION = 64


def opened(path: Path) -> Memory:
    return Memory(path, embedder=PrecomputedEmbedder("rebuild", DIMENSION), index="chroma")


def vectors(count: int) -> Any:
    return np.random.default_rng(1).standard_normal((count, DIMENSION)).astype(np.float32)


def filled(path: Path, count: int) -> None:
    made = vectors(count)
    with opened(path) as memory:
        for start in range(0, count, 1000):
            memory.add_many(
                {"id": f"r{n}", "content": f"text {n}", "vector": made[n]}
                for n in range(start, min(start + 1000, count))
            )
        memory.flush()


def removed_and_rebuilt(path: Path, count: int, sample: int, figures: Figures) -> None:
    filled(path, count)
    shutil.rmtree(path / "index")
    made = vectors(count)
    with opened(path) as memory:
        found = {record.id: record.content for record in memory.list(limit=count + 1)}
        texts = sum(found.get(f"r{n}") == f"text {n}" for n in range(count))
        memory.flush()
        chosen = range(0, count, max(count // sample, 1))
        hits = [memory.search(vector=made[n], limit=1, explain=True) for n in chosen]
        home = sum(hit[0].id == f"r{n}" for n, hit in zip(chosen, hits, strict=True))
        ok = memory.verify().ok
        indexed = memory.stats().spaces[0].applied == memory.stats().head
    figures(6, records=count, texts_back=texts, asked=len(hits), self_recall_at_1=home / len(hits))
    assert texts == count
    assert home >= 0.999 * len(hits)
    assert ok
    assert indexed


def test_an_index_that_is_removed_is_rebuilt(path: Path, figures: Figures) -> None:
    removed_and_rebuilt(path, 600, 60, figures)


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_an_index_of_ten_thousand_that_is_removed_is_rebuilt(path: Path, figures: Figures) -> None:
    removed_and_rebuilt(path, 10_000, 1000, figures)


def test_an_index_of_another_chroma_is_built_anew(path: Path, figures: Figures) -> None:
    filled(path, 50)
    manifest = path / "index" / "manifest.json"
    written = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**written, "chroma": "0.4.24"}))
    with opened(path) as memory:
        memory.flush()
        hits = [memory.search(vector=vector, limit=1)[0].id for vector in vectors(50)]
        assert memory.verify().ok
    assert json.loads(manifest.read_text())["chroma"] == written["chroma"]
    found = sum(hit == f"r{n}" for n, hit in enumerate(hits))
    figures(8, chroma_versions=1, records=50, found=found)
    assert found == 50
