"""Exact ties: newest first, then by id, wherever the records lie and however they were read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from commonplace import HashingEmbedder, Memory, PrecomputedEmbedder

if TYPE_CHECKING:
    from pathlib import Path

    from commonplace import Hits

MODES = ["dense", "lexical", "hybrid"]


def order(hits: Hits) -> list[str]:
    return [hit.id for hit in hits]


@pytest.mark.parametrize("mode", MODES)
def test_equal_texts_come_newest_first_then_by_id(memory: Memory, mode: Any) -> None:
    memory.add("green tea", id="old", scope="a")
    memory.add_many({"content": "green tea", "id": name, "scope": name} for name in "cab")
    memory.add("green tea", id="new", scope="d")
    memory.add("something else", id="worse")
    hits = memory.search("green tea", mode=mode)
    assert order(hits)[:5] == ["new", "a", "b", "c", "old"]
    assert len({hit.score for hit in hits[:5]}) == 1
    pages = [memory.search("green tea", mode=mode, limit=1, offset=n) for n in range(5)]
    assert [order(page) for page in pages] == [["new"], ["a"], ["b"], ["c"], ["old"]]
    memory.update("old", tags=["changed"])  # what counts is when it was made
    assert order(memory.search("green tea", mode=mode))[:5] == ["new", "a", "b", "c", "old"]


def test_equal_texts_tie_at_scopes_of_any_depth(memory: Memory) -> None:
    """Regression: the words that stand for scopes were counted as words of the text."""
    memory.add_many([{"content": "green tea", "scope": "a"}, {"content": "green tea"}])
    memory.add_many({"content": "green tea", "scope": f"a/{n}/b/c/d"} for n in range(3))
    assert len({hit.score for hit in memory.search("green tea", mode="lexical")}) == 1


@pytest.mark.parametrize("words", [2, 5, 9, 17])
def test_texts_of_equal_words_tie_wherever_they_stand(words: int) -> None:
    """Regression: a product of BLAS rounds the last columns otherwise than the first."""
    known = [f"word{number}" for number in range(words)]
    with Memory(":memory:", embedder=HashingEmbedder(16)) as memory:
        for count in (70, 1, 38, 237):
            memory.add_many(
                {"content": " ".join(known), "scope": f"s/{count}"} for _ in range(count)
            )
            memory.add_many({"content": f"{known[0]} alone {n} " * n} for n in range(1, 4))
            hits = memory.search(" ".join(known), mode="lexical", limit=1_000)
            assert len({hit.score for hit in hits if hit.content == " ".join(known)}) == 1


@pytest.mark.parametrize("cache_bytes", [0, 1_000_000])
@pytest.mark.parametrize("dimension", [3, 12, 47, 64])
def test_equal_vectors_tie_wherever_they_stand(dimension: int, cache_bytes: int) -> None:
    """Regression: BLAS rounds the last rows of a matrix otherwise than the first."""
    random = np.random.default_rng(dimension)
    one = random.standard_normal(dimension).astype(np.float32)
    target = random.standard_normal(dimension).astype(np.float32)
    embedder = PrecomputedEmbedder("t", dimension)
    with Memory(":memory:", embedder=embedder, cache_bytes=cache_bytes) as memory:
        for count in (70, 1, 38, 237):
            memory.add_many({"vector": one, "scope": f"s/{count}"} for _ in range(count))
            hits = memory.search(vector=target, mode="dense", limit=1_000)
            assert len({hit.score for hit in hits}) == 1
            newest = sorted(hits, key=lambda hit: hit.id)
            newest.sort(key=lambda hit: hit.record.created_at, reverse=True)
            assert order(hits) == [hit.id for hit in newest]


def test_the_order_of_ties_does_not_depend_on_what_was_read_before(path: Path) -> None:
    embedder = HashingEmbedder(47)
    with (
        Memory(path, embedder=embedder) as warm,
        Memory(path, embedder=embedder, cache_bytes=0) as cold,
    ):
        warm.add_many(["green tea", "black tea"] * 30)
        assert warm.search("tea", limit=100) == cold.search("tea", limit=100)
        for record in warm.list(limit=20, offset=10):
            warm.update(record.id, content="green tea")
            assert warm.search("tea", limit=100) == cold.search("tea", limit=100)
