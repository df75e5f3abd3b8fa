"""Filter before ranking: a thousand better records that may not be found hide nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from commonplace import HashingEmbedder, Memory
from commonplace.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonplace import Hits

CROWD = 1_000
QUERY = "green tea"
MODES = ["dense", "lexical", "hybrid"]
ASIDE: dict[str, dict[str, Any]] = {
    "scope": {"scope": "other"},
    "scope with a longer name": {"scope": "own-too"},
    "scope above": {"scope": ""},
    "tag": {"scope": "own", "tags": ["other"]},
    "kind": {"scope": "own", "kind": "note"},
    "filter": {"scope": "own", "metadata": {"n": 2}},
    "expiry": {"scope": "own", "ttl": 1},
    "validity": {"scope": "own", "valid_to": "then"},
}
WANTED: dict[str, dict[str, Any]] = {
    "tag": {"tags": ["mine"]},
    "kind": {"kinds": ["fact"]},
    "filter": {"filter": {"n": 1}},
}


@pytest.fixture(scope="module", params=ASIDE)
def crowded(request: pytest.FixtureRequest) -> Iterator[tuple[str, Memory]]:
    """A memory of one record of one's own, and a thousand better ones that lie aside."""
    aside = ASIDE[request.param]
    clock = FakeClock()
    with Memory(":memory:", embedder=HashingEmbedder(16), clock=clock) as memory:
        text = "a kettle for green things"
        own = memory.add(text, id="own", scope="own", tags=["mine"], metadata={"n": 1})
        if "valid_to" in aside:
            aside = {**aside, "valid_to": own.created_at + timedelta(seconds=1)}
        memory.add_many({"content": QUERY, **aside} for _ in range(CROWD))
        clock.micros += 2_000_000
        yield request.param, memory


@pytest.mark.parametrize("mode", MODES)
def test_a_crowd_that_is_better_hides_nothing(crowded: tuple[str, Memory], mode: Any) -> None:
    cause, memory = crowded
    wanted = WANTED.get(cause, {})
    for found in (
        memory.search(QUERY, mode=mode, scope="own", limit=1, **wanted),
        memory.scope("own").search(QUERY, mode=mode, limit=1, **wanted),
        memory.view(read=["own", "nowhere"]).search(QUERY, mode=mode, limit=1, **wanted),
    ):
        assert ids(found) == ["own"]
    assert ids(memory.search(QUERY, mode=mode, scope="own", limit=50, **wanted)) == ["own"]
    assert memory.count(scope="own", **wanted) == 1
    assert [record.id for record in memory.list(scope="own", limit=1, **wanted)] == ["own"]


@pytest.mark.parametrize("mode", MODES)
def test_the_crowd_is_found_where_it_may_be(crowded: tuple[str, Memory], mode: Any) -> None:
    """The tests above would mean nothing if it were not better."""
    cause, memory = crowded
    if cause == "expiry":
        assert memory.stats().expired == CROWD
        return
    first = memory.search(QUERY, mode=mode, limit=CROWD, include_closed=True)
    assert len(first) == CROWD
    assert {hit.content for hit in first} == {QUERY}


def ids(hits: Hits) -> list[str]:
    return [hit.id for hit in hits]
