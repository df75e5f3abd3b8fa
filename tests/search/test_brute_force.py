"""Dense search against brute force: random vectors, scopes, filters and pages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonplace import Hit, Memory, PrecomputedEmbedder, Record, Scope, matches, parse_filter

DIMENSION = 3
CLOSE = 1e-6  # the error of a cosine in float32

NUMBERS = st.one_of(
    st.integers(-2, 2).map(float),
    st.sampled_from([3e38, -3e38, 1e-45]),  # their lengths are not numbers of float32
    st.floats(-1e3, 1e3, width=32),
    st.floats(width=32, allow_nan=False, allow_infinity=False),
)
VECTORS = st.lists(NUMBERS, min_size=DIMENSION, max_size=DIMENSION)
RECORDS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "vector": st.none() | st.lists(VECTORS, min_size=1, max_size=3),
        "scope": st.sampled_from(["", "a", "a/b", "ab", "c"]),
        "tags": st.lists(st.sampled_from(["x", "y"]), unique=True),
        "kind": st.sampled_from(["fact", "note"]),
        "metadata": st.fixed_dictionaries({"n": st.integers(0, 2)}),
    }
)
SEARCHES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "scope": st.sampled_from([None, "", "a", "a/b", "ab", "nowhere"]),
        "recursive": st.booleans(),
        "filter": st.sampled_from([None, {"n": 1}, {"n": {"$gte": 1}}, {"$not": {"n": 0}}]),
        "kinds": st.sampled_from([[], ["note"], ["fact", "note"]]),
        "tags": st.sampled_from([[], ["x"], ["x", "y"]]),
    }
)


def cosine(one: list[float], other: list[float]) -> float:
    """The cosine, 0 for a vector of zeros; scaled first, as squares of extremes overflow."""
    scaled = [np.array(v, dtype=np.float64) / (max(map(abs, v)) or 1.0) for v in (one, other)]
    lengths = [float(np.linalg.norm(v)) for v in scaled]
    return float(scaled[0] @ scaled[1]) / (lengths[0] * lengths[1]) if all(lengths) else 0.0


def selected(record: Record, search: dict[str, Any]) -> bool:
    """Whether a search may find a record at all."""
    scope = Scope.of(search["scope"] or "")
    placed = scope.contains(record.scope) if search["recursive"] else record.scope == scope
    return (
        placed
        and matches(parse_filter(search["filter"]), record)
        and (not search["kinds"] or record.kind in search["kinds"])
        and (not search["tags"] or bool(set(search["tags"]) & set(record.tags)))
    )


@given(
    records=st.lists(RECORDS, min_size=1, max_size=12),
    target=VECTORS,
    search=SEARCHES,
    limit=st.integers(0, 6),
    offset=st.integers(0, 6),
    cached=st.booleans(),
)
def test_dense_search_is_brute_force(
    records: list[dict[str, Any]],
    target: list[float],
    search: dict[str, Any],
    limit: int,
    offset: int,
    *,
    cached: bool,
) -> None:
    embedder = PrecomputedEmbedder("t", DIMENSION)
    budget = 1_000_000 if cached else 0
    with Memory(":memory:", embedder=embedder, cache_bytes=budget) as memory:
        stored = memory.add_many({**record, "embed": False} for record in records)
        best = {
            record.id: max(cosine(vector, target) for vector in given["vector"])
            for record, given in zip(stored, records, strict=True)
            if given["vector"] and selected(record, search)
        }
        everything = memory.search(vector=target, mode="dense", limit=100, **search)
        page = memory.search(vector=target, mode="dense", limit=limit, offset=offset, **search)
    assert {hit.id: hit.similarity for hit in everything} == pytest.approx(best, abs=CLOSE)
    assert len(everything) == len(best)
    assert [hit.score for hit in everything] == [hit.similarity for hit in everything]
    check_order(everything)
    assert page == everything[offset : offset + limit]


def check_order(hits: list[Hit]) -> None:
    """Best first; equal scores newest first, then by id."""
    keys = [(-hit.score, -hit.record.created_at.timestamp(), hit.id) for hit in hits]
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    "narrowed", [{}, {"filter": {"n": 3}}, {"tags": ["even"]}, {"scope": "s/4"}]
)
def test_a_thousand_records_are_ranked_as_by_brute_force(narrowed: dict[str, Any]) -> None:
    random = np.random.default_rng(5)
    vectors = random.standard_normal((1_000, 32)).astype(np.float32)
    target = random.standard_normal(32).astype(np.float32)
    with Memory(":memory:", embedder=PrecomputedEmbedder("t", 32)) as memory:
        stored = memory.add_many(
            {
                "vector": vector,
                "scope": f"s/{number % 7}",
                "tags": [["even", "odd"][number % 2]],
                "metadata": {"n": number % 5},
            }
            for number, vector in enumerate(vectors)
        )
        search: dict[str, Any] = {"scope": "", "recursive": True, "filter": None}
        search |= {"kinds": [], "tags": [], **narrowed}
        chosen = [number for number, record in enumerate(stored) if selected(record, search)]
        exact = vectors.astype(np.float64)[chosen]
        cosines = exact @ target / np.linalg.norm(exact, axis=1) / np.linalg.norm(target)
        order: list[int] = np.argsort(-cosines).tolist()
        for _ in range(2):  # from the ledger, then from the cache
            hits = memory.search(vector=target, mode="dense", limit=1_000, **narrowed)
            assert [hit.id for hit in hits] == [stored[chosen[number]].id for number in order]
            assert [hit.score for hit in hits] == pytest.approx(cosines[order], abs=CLOSE)


@pytest.mark.parametrize("number", [3e38, 1e-38, 3e-45])
def test_vectors_of_extreme_length_have_a_direction(number: float) -> None:
    """Regression: lengths beyond float32 became infinite, and their cosines 0."""
    with Memory(":memory:", embedder=PrecomputedEmbedder("t", 4)) as memory:
        memory.add("same", vector=[number] * 4)
        memory.add("across", vector=[number, -number, number, -number])
        for target in ([number] * 4, [1.0] * 4):
            same, across = memory.search(vector=target, mode="dense")
            assert (same.content, across.content) == ("same", "across")
            assert same.similarity == pytest.approx(1, abs=CLOSE)
            assert across.similarity == pytest.approx(0, abs=CLOSE)


def test_zero_vectors_are_found_last_and_find_everything(memory: Memory) -> None:
    memory.add("zero", id="zero", vector=[0.0] * 64)
    memory.add("towards", id="towards", vector=[1.0] * 64)
    memory.add("away", id="away", vector=[-1.0] * 64)
    hits = memory.search(vector=[1.0] * 64, mode="dense")
    assert [hit.id for hit in hits] == ["towards", "zero", "away"]
    assert hits[1].similarity == 0
    nowhere = memory.search(vector=[0.0] * 64, mode="dense")
    assert [hit.id for hit in nowhere] == ["away", "towards", "zero"]  # newest first
    assert [hit.similarity for hit in nowhere] == [0, 0, 0]
    assert memory.search("away", vector=[0.0] * 64)[0].id == "away"
