"""After much adding, deleting and rewriting, `compact` brings a memory back to its size."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.trust.marked import embedder

from commonplace import Memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.figures import Figures

pytestmark = pytest.mark.files


def made(random: np.random.Generator, count: int) -> Iterator[dict[str, Any]]:
    words = np.array([f"word{n}" for n in range(2_000)])
    for _ in range(count):
        text = " ".join(random.choice(words, 40))
        yield {"content": text, "vector": random.standard_normal(16), "scope": "a"}


def size(path: Path) -> int:
    """The bytes of all files, but for what Chroma's database keeps free for its next writes.

    Those pages are as many as once waited in its queue, in an index that was just built too.
    """
    held = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return held - sum(map(free_bytes, path.rglob("chroma.sqlite3")))


def free_bytes(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        (pages,) = connection.execute("PRAGMA freelist_count").fetchone()
        (page,) = connection.execute("PRAGMA page_size").fetchone()
    return pages * page


def churn(tmp_path: Path, figures: Figures, *, index: str, rounds: int, lot: int) -> None:
    path, fresh = tmp_path / "churned", tmp_path / "fresh"
    random = np.random.default_rng(23)
    largest = 0
    with Memory(path, embedder=embedder(), index=index, keep_versions=0) as memory:
        kept = [record.id for record in memory.add_many(made(random, 2 * lot))]
        for _ in range(rounds):
            kept += [record.id for record in memory.add_many(made(random, lot))]
            gone, kept = kept[:lot], kept[lot:]
            assert memory.delete(gone) == lot
            for name, new in zip(kept[: lot // 2], made(random, lot // 2), strict=True):
                memory.update(name, content=new["content"], vector=new["vector"])
            largest = max(largest, size(path))
        memory.flush()
        before = size(path)
        report = memory.compact()
        assert report.pending == ()
        assert memory.count() == len(kept)
        found = memory.search(vector=made_query(random), limit=10)
        assert memory.verify().ok
        survivors = [
            {"id": r.id, "content": r.content, "scope": r.scope, "vector": vectors["default"][0]}
            for r in memory.list(limit=100_000)
            for vectors in [memory.vectors(r.id)]
        ]
    after = size(path)
    with Memory(fresh, embedder=embedder(), index=index, keep_versions=0) as memory:
        memory.add_many(survivors)
        memory.flush()
        same = memory.search(vector=made_query(np.random.default_rng(0)), limit=10)
        assert len(same) == len(found) == 10
    alone = size(fresh)
    journalled(path, fresh)
    with Memory(fresh, embedder=embedder(), index="exact") as memory:
        memory.compact()
    beside = size(fresh)
    figures(
        23,
        index=index,
        rounds=rounds,
        added=(rounds + 2) * lot,
        survivors=len(kept),
        bytes_before=before,
        bytes_largest=largest,
        bytes_after=after,
        bytes_fresh=alone,
        bytes_fresh_with_journal=beside,
        ratio=round(after / beside, 2),
    )
    assert after <= 1.3 * beside
    assert after < before


def made_query(random: np.random.Generator) -> Any:
    return random.standard_normal(16)


def journalled(path: Path, fresh: Path) -> None:
    """Give a fresh memory the journal of another: what happened is not forgotten by compacting."""
    with closing(sqlite3.connect(fresh / "ledger.sqlite")) as connection:
        connection.execute("ATTACH ? AS churned", (str(path / "ledger.sqlite"),))
        connection.execute(
            "INSERT INTO journal SELECT * FROM churned.journal AS other "
            "WHERE other.seq > (SELECT max(seq) FROM main.journal)"
        )
        connection.commit()


@pytest.mark.parametrize("index", ["exact"])
def test_compact_gives_back_what_churn_took(tmp_path: Path, figures: Figures, index: str) -> None:
    churn(tmp_path, figures, index=index, rounds=4, lot=100)


@pytest.mark.nightly
@pytest.mark.timeout(900)
@pytest.mark.parametrize("index", ["exact", "chroma"])
def test_compact_gives_back_what_a_hundred_rounds_took(
    tmp_path: Path, figures: Figures, index: str
) -> None:
    churn(tmp_path, figures, index=index, rounds=100 if index == "exact" else 20, lot=1_000)
