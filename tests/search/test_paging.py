"""Paging to the end returns every match once, in one order, in every mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonplace import Hit

MODES = ["dense", "lexical", "hybrid"]
TEXTS = ["green tea", "black tea", "tea", "a train to Porto", "green things", "nothing alike"]


@pytest.fixture(scope="module")
def filled() -> Iterator[Memory]:
    """Texts that repeat, so that there are ties; some have no vector, some no words."""
    with Memory(":memory:", embedder=HashingEmbedder(16)) as memory:
        memory.add_many(
            {
                "content": TEXTS[number % len(TEXTS)],
                "scope": f"s/{number % 4}",
                "metadata": {"n": number % 3},
                "embed": ["other words"] if number % 7 == 0 else number % 11 > 0,
            }
            for number in range(90)
        )
        for number in range(10):
            memory.add("green tea", scope=f"s/{number % 4}", metadata={"n": 1})
        yield memory


def paged(memory: Memory, size: int, **search: Any) -> list[Hit]:
    """Every page, to one past the end."""
    found: list[Hit] = []
    for offset in range(0, 200, size):
        page = memory.search("green tea", limit=size, offset=offset, **search)
        found.extend(page)
        if not page:
            break
        assert len(page) <= size
    return found


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [1, 3, 7, 50, 199])
@pytest.mark.parametrize(
    "narrowed",
    [{}, {"scope": "s/1"}, {"filter": {"n": 1}}, {"min_score": 0.3}, {"dense_weight": 0.9}],
    ids=str,
)
def test_pages_are_the_whole_cut_in_pieces(
    filled: Memory, mode: Any, size: int, narrowed: dict[str, Any]
) -> None:
    whole = filled.search("green tea", mode=mode, limit=1_000, **narrowed)
    assert paged(filled, size, mode=mode, **narrowed) == whole
    assert len({hit.id for hit in whole}) == len(whole) > 5
    scores = [hit.score for hit in whole]
    assert scores == sorted(scores, reverse=True)
    assert filled.search("green tea", mode=mode, limit=1_000, **narrowed) == whole


@pytest.mark.parametrize("mode", MODES)
def test_what_lies_beyond_the_end_is_empty(filled: Memory, mode: Any) -> None:
    for offset in (200, 2**62):
        assert filled.search("green tea", mode=mode, offset=offset) == []
    assert filled.search("green tea", mode=mode, limit=0) == []
    assert filled.search(offset=2**62) == filled.list(offset=2**62) == []


def test_every_match_is_among_the_pages(filled: Memory) -> None:
    records = filled.list(limit=1_000)
    words = {record.id for record in records if {"green", "tea"} & set(record.content.split())}
    lexical = {hit.id for hit in filled.search("green tea", mode="lexical", limit=1_000)}
    dense = {hit.id for hit in filled.search("green tea", mode="dense", limit=1_000)}
    hybrid = {hit.id for hit in filled.search("green tea", mode="hybrid", limit=1_000)}
    assert lexical < words  # those that are kept out of search are in none
    assert dense < {record.id for record in records}
    assert hybrid == dense | lexical
    assert len(lexical) > len(words) - 10


@given(
    first=st.integers(0, 40),
    size=st.integers(1, 40),
    mode=st.sampled_from(MODES),
    weight=st.sampled_from([0.0, 0.25, 1.0]),
)
def test_any_page_is_a_part_of_the_whole(
    filled: Memory, first: int, size: int, mode: Any, weight: float
) -> None:
    options: dict[str, Any] = {"mode": mode, "dense_weight": weight}
    whole = filled.search("green tea", limit=1_000, **options)
    page = filled.search("green tea", limit=size, offset=first, **options)
    assert page == whole[first : first + size]


def test_listing_without_a_query_pages_as_the_list_does(filled: Memory) -> None:
    listed = filled.list(limit=1_000)
    hits = [hit for n in range(0, 110, 9) for hit in filled.search(limit=9, offset=n)]
    assert [hit.record for hit in hits] == listed
    assert {hit.score for hit in hits} == {0.0}


def test_hybrid_pages_reach_matches_without_a_vector(filled: Memory) -> None:
    """In the space of another model nearly all records are found by their words alone."""
    filled.add("green tea", id="theirs", vectors={"theirs": [1.0, 0.0]})
    search: dict[str, Any] = {"vector": [1.0, 0.0], "space": "theirs", "mode": "hybrid"}
    try:
        whole = filled.search("green tea", limit=1_000, **search)
        assert whole[0].id == "theirs"
        assert [hit.similarity for hit in whole[1:]] == [None] * (len(whole) - 1)
        assert len(whole) == len(filled.search("green tea", mode="lexical", limit=1_000))
        assert paged(filled, 7, **search) == whole
    finally:
        filled.delete("theirs")


def test_hybrid_reaches_text_matches_past_the_first_thousand() -> None:
    """Regression: those without a vector in the searched space were cut off there."""
    with Memory(":memory:", embedder=HashingEmbedder(4)) as memory:
        memory.add_many({"content": "green tea", "embed": ["x"]} for _ in range(1_100))
        memory.add("other", id="theirs", vectors={"theirs": [1.0, 0.0]})
        search: dict[str, Any] = {"vector": [1.0, 0.0], "space": "theirs", "limit": 2_000}
        assert len(memory.search("green tea", **search)) == 1_101
