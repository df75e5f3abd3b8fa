"""Every combination of scope, categories, metadata and ids, beside the plain-Python model."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from crewai.memory.types import MemoryRecord
from tests.crewai import records as some
from tests.crewai.model import check_found, holds, scores

from commonplace import HashingEmbedder, Memory
from crewai_commonplace import CommonplaceStorage

if TYPE_CHECKING:
    from collections.abc import Iterator

IDS = [f"longprefix-{n}" for n in range(80)]


@pytest.fixture
def storage() -> Iterator[CommonplaceStorage]:
    with Memory(":memory:", embedder=HashingEmbedder(8)) as memory:
        yield CommonplaceStorage(memory, scope="crew")


def drawn(random: Random, name: str) -> MemoryRecord:
    vector = [float(random.randint(-2, 2)) for _ in range(4)]
    keys = random.sample(some.KEYS, random.randint(0, 3))
    return MemoryRecord(
        id=name,
        content=name,
        scope=random.choice(some.SCOPES),
        categories=random.choices(some.CATEGORIES, k=random.randint(0, 2)),
        metadata={key: random.choice(some.VALUES) for key in keys},
        created_at=some.JUNE.replace(day=random.randint(1, 5)),
        embedding=vector if random.random() < 0.9 else None,
    )


def criteria(random: Random) -> tuple[str | None, list[str] | None, dict[str, Any] | None]:
    prefix = random.choice(some.PREFIXES) if random.random() < 0.5 else None
    categories = random.sample(some.CATEGORIES, 2) if random.random() < 0.4 else None
    key, value = random.choice(some.KEYS), random.choice(some.VALUES)
    return prefix, categories, {key: value} if random.random() < 0.4 else None


@pytest.mark.parametrize("seed", range(4))
def test_a_search_finds_the_best_of_what_the_filters_leave(
    storage: CommonplaceStorage, seed: int
) -> None:
    random = Random(seed)
    held = [drawn(random, name) for name in IDS]
    storage.save(held)
    found_some = 0
    for _ in range(60):
        query = [random.uniform(-1, 1) for _ in range(4)]
        chosen, limit = criteria(random), random.choice([1, 3, 10, 100])
        least = random.choice([0.0, 0.5])
        possible = scores(held, query, *chosen)
        check_found(storage.search(query, *chosen, limit, least), possible, limit, least)
        found_some += bool(possible) and chosen != (None, None, None)
    assert found_some > 20


@pytest.mark.parametrize("seed", range(4))
def test_a_delete_removes_what_all_criteria_hold_for(
    storage: CommonplaceStorage, seed: int
) -> None:
    random = Random(seed)
    removed = 0
    for _ in range(25):
        held = [drawn(random, name) for name in IDS[:40]]
        storage.save(held)
        prefix, categories, metadata = criteria(random)
        ids = random.sample(IDS, 30) if random.random() < 0.5 else None
        older = some.JUNE.replace(day=3) if random.random() < 0.5 else None
        gone = {
            one.id
            for one in held
            if holds(one, prefix, categories, metadata)
            and (ids is None or one.id in ids)
            and (older is None or one.created_at < older)
        }
        assert storage.delete(prefix, categories, ids, older, metadata) == len(gone)
        assert {one.id for one in storage.list_records()} == {one.id for one in held} - gone
        removed += 0 < len(gone) < len(held)
    assert removed > 10
