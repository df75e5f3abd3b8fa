"""Test 16: batches of any size, and vectors of another model, length or kind."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from tests.pgserver import index_at

from commonplace import (
    HashingEmbedder,
    LimitExceededError,
    Memory,
    ModelMismatchError,
    PrecomputedEmbedder,
    Scope,
    limits,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.figures import Figures

CHROMAS_LIMIT = 5_461
"""How many records Chroma takes at once."""


def batches_come_back(path: Path, sizes: list[int], figures: Figures) -> None:
    """Write batches, read them, delete most of them; with the index following."""
    done: dict[str, int] = {"records": 0, "deleted": 0}
    with Memory(path, embedder=HashingEmbedder(8), index=index_at(path)) as memory:
        for size in sizes:
            scope = f"batch/{size}"
            written = memory.add_many(
                [{"content": f"note {n}", "scope": scope, "id": f"{size}-{n}"} for n in range(size)]
            )
            ids = [record.id for record in written]
            assert len(set(ids)) == size == memory.count(scope=scope)
            assert memory.get_many(ids) == written
            done["records"] += size
        memory.flush()
        assert memory.verify().ok
        for size in sizes:
            most = [f"{size}-{n}" for n in range(size * 4 // 5)]
            assert memory.delete(most) == len(most)
            assert memory.delete(most) == 0
            assert memory.count(scope=f"batch/{size}") == size - len(most)
            done["deleted"] += len(most)
        memory.flush()
        assert memory.verify().ok
    figures(16, batches=len(sizes), largest=max(sizes), **done)


def test_batches_come_back(path: Path, figures: Figures) -> None:
    batches_come_back(path, [1, 100, 600], figures)


@pytest.mark.nightly
@pytest.mark.timeout(1200)
def test_batches_around_every_limit_come_back(path: Path, figures: Figures) -> None:
    batches_come_back(path, [1, CHROMAS_LIMIT, CHROMAS_LIMIT + 1, 50_000], figures)


def deletes_are_exact(rounds: int, figures: Figures) -> None:
    """Delete by ids, scope and filter, and compare how many went with a plain-Python count."""
    rng = random.Random(16)
    wrong = deleted = 0
    with Memory(":memory:", embedder=HashingEmbedder(8)) as memory:
        held: dict[str, tuple[str, int]] = {}
        for number in range(rounds):
            new: list[Any] = [
                {
                    "id": f"r{number}-{n}",
                    "content": f"n {n}",
                    "scope": rng.choice(["a", "a/b", "ab", "c"]),
                    "metadata": {"n": rng.randrange(4)},
                }
                for n in range(rng.randrange(6))
            ]
            memory.add_many(new)
            held |= {one["id"]: (one["scope"], one["metadata"]["n"]) for one in new}
            how = rng.randrange(3)
            if how == 0:
                named = [*rng.sample(sorted(held), min(len(held), 3)), "nobody"]
                gone = [name for name in named if name in held]
                count = memory.delete(named)
            else:
                scope, n = rng.choice(["a", "a/b", "c"]), rng.randrange(4)
                gone = [
                    name
                    for name, (place, m) in held.items()
                    if Scope.of(scope).contains(Scope.of(place)) and m == n
                ]
                count = memory.delete(scope=scope, filter={"n": n})
            for name in gone:
                del held[name]
            deleted += count
            wrong += count != len(gone) or memory.count() != len(held)
        assert memory.verify().ok
    figures(16, cases=rounds, deleted=deleted, wrong_counts=wrong)
    assert wrong == 0


def test_delete_counts_are_exact(figures: Figures) -> None:
    deletes_are_exact(100, figures)


@pytest.mark.nightly
def test_delete_counts_are_exact_in_a_thousand_cases(figures: Figures) -> None:
    deletes_are_exact(1_000, figures)


def test_no_vectors_of_two_models_are_mixed(path: Path, figures: Figures) -> None:
    """Another dimension, and another model of the same dimension."""
    with Memory(path, embedder=HashingEmbedder(16)) as memory:
        kept = memory.add_many([f"note {n}" for n in range(20)])
    refused = 0
    others: list[Any] = [HashingEmbedder(32), PrecomputedEmbedder("other", 16)]
    for other in others:
        with pytest.raises(ModelMismatchError, match=r"memory\.reindex"):
            Memory(path, embedder=other)
        refused += 1
    with Memory(path) as memory:  # opened without one: what needs none works
        assert memory.get_many([r.id for r in kept]) == kept
        assert memory.search("note", mode="lexical")
        for attempt in (lambda: memory.search("note", mode="dense"), lambda: memory.add("new")):
            with pytest.raises(ModelMismatchError):
                attempt()
            refused += 1
    with Memory(path, embedder=HashingEmbedder(16)) as memory:
        for wrong in ([1.0] * 15, [1.0] * 17, [[1.0] * 16, [1.0] * 17]):
            with pytest.raises(Exception, match=r"16|length|numbers|shape"):
                memory.add("x", vector=wrong)
            refused += 1
        assert memory.count() == 20
        assert memory.verify().ok
        (space,) = memory.spaces().values()
        assert (space.vectors, space.dimension) == (20, 16)
    figures(16, refused=refused, mixed_rows=0)


def test_every_limit_holds_at_its_edge_and_not_beyond(memory: Memory) -> None:
    careless: Any = memory
    edges: list[tuple[Callable[[int], Any], int]] = [
        (
            lambda n: memory.add("x" * n, embed=False),
            limits.MAX_CONTENT_CHARACTERS,
        ),
        (lambda n: memory.add("x", metadata={"k": "v" * (n - 8)}), limits.MAX_METADATA_CHARACTERS),
        (
            lambda n: memory.add("x", metadata={str(k): 1 for k in range(n)}),
            limits.MAX_METADATA_KEYS,
        ),
        (lambda n: memory.add("x", tags=[f"t{k}" for k in range(n)]), limits.MAX_TAGS),
        (lambda n: memory.add("x", tags=["t" * n]), limits.MAX_TAG_CHARACTERS),
        (lambda n: memory.add("x", id="i" * n), limits.MAX_ID_CHARACTERS),
        (lambda n: memory.add("x", key="k" * n), limits.MAX_KEY_CHARACTERS),
        (lambda n: memory.add("x", value="v" * (n - 2)), limits.MAX_VALUE_CHARACTERS),
        (lambda n: memory.add("x", scope="/".join("s" * n)), 32),
        (lambda n: memory.add("x", scope="s" * n), 1024),
        (lambda n: memory.search("q" * n, mode="lexical"), limits.MAX_QUERY_CHARACTERS),
        (lambda n: memory.list(limit=n), limits.MAX_PAGE),
        (
            lambda n: memory.list(filter={"$or": [{"a": k} for k in range(n)]}),
            limits.MAX_FILTER_LEAVES,
        ),
        (lambda n: memory.list(filter={"a": {"$in": list(range(n))}}), limits.MAX_FILTER_ITEMS),
    ]
    for number, (call, most) in enumerate(edges):
        call(most)
        held = careless.count()
        with pytest.raises(LimitExceededError):
            call(most + 1)
        assert careless.count() == held, number
