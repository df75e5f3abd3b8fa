"""What a filter leaves is kept until the next change, and is never out of date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from commonplace import HashingEmbedder, Memory, Source

if TYPE_CHECKING:
    from commonplace.testing import FakeClock


def found(memory: Memory, **asked: object) -> set[str]:
    return {hit.id for hit in memory.search("tea", mode="dense", **asked)}  # pyright: ignore[reportArgumentType] - any of its options


def test_a_change_is_seen_by_the_next_search(memory: Memory) -> None:
    first = memory.add("green tea", tags=["t"], metadata={"n": 1})
    assert found(memory, tags=["t"]) == found(memory, filter={"n": 1}) == {first.id}
    second = memory.add("black tea", tags=["t"], metadata={"n": 1})
    assert found(memory, tags=["t"]) == found(memory, filter={"n": 1}) == {first.id, second.id}
    memory.update(first.id, tags=[])
    assert found(memory, tags=["t"]) == {second.id}
    memory.delete(second.id)
    assert found(memory, tags=["t"]) == set()
    assert found(memory, filter={"n": 1}) == {first.id}


def test_views_of_one_memory_keep_their_own(memory: Memory) -> None:
    ours = memory.add("green tea", scope="a", tags=["t"])
    theirs = memory.add("green tea", scope="ab", tags=["t"])
    for _ in range(2):
        assert found(memory.scope("a"), tags=["t"]) == {ours.id}
        assert found(memory.scope("ab"), tags=["t"]) == {theirs.id}
        assert found(memory, tags=["t"]) == {ours.id, theirs.id}


def test_what_expires_meanwhile_is_not_found(clock: FakeClock) -> None:
    with Memory(":memory:", embedder=HashingEmbedder(16), clock=clock) as memory:
        memory.add("green tea", tags=["t"], ttl=5)
        assert len(found(memory, tags=["t"])) == 1
        clock.micros += 6_000_000
        assert found(memory, tags=["t"]) == set()


def test_a_note_in_a_value_is_seen(memory: Memory) -> None:
    then = datetime(2020, 1, 1, tzinfo=UTC)
    record = memory.add("green tea", source=Source(app="crewai"))
    for day in range(3):
        at = then + timedelta(days=day)
        memory.note_reading([record.id], app="crewai", at=at)
        wanted = {"@value.crewai.last_accessed": at.isoformat()}
        assert found(memory, filter=wanted) == {record.id}


def test_more_filters_than_are_kept(memory: Memory) -> None:
    made = [memory.add("green tea", tags=[f"t{n}"]).id for n in range(80)]
    for _ in range(2):
        for n, record_id in enumerate(made):
            assert found(memory, tags=[f"t{n}"]) == {record_id}


@pytest.mark.parametrize("tag", ['a"b', 'x"t', '["t"', ',"t"', "t\\", "a,", "\u0000t", "é\u2028"])
def test_a_tag_is_never_taken_for_part_of_another(memory: Memory, tag: str) -> None:
    others = ["t", "a", "b", f"{tag}x", f"x{tag}", *(c for c in ('"', "[", ",") if c != tag)]
    memory.add("green tea", tags=others)
    ours = memory.add("green tea", tags=["first", tag, "last"])
    assert found(memory, tags=[tag]) == {ours.id}
    assert memory.count(tags=[tag]) == 1
    assert memory.count(tags=["t"]) == 1
