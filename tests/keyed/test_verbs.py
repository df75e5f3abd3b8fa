"""The verbs under stores of values by key: batches of keys, exchange, renew, patterns of scopes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonplace import (
    HashingEmbedder,
    InvalidInputError,
    Memory,
    OutsideViewError,
    Scope,
)
from commonplace.clock import from_micros

if TYPE_CHECKING:
    from pathlib import Path

    from commonplace.testing import FakeClock


def paths(found: list[Scope]) -> list[str]:
    return [scope.path for scope in found]


def test_keys_are_found_at_their_scopes_in_the_order_given(memory: Memory) -> None:
    memory.add("one", key="a", scope="x")
    memory.add("two", key="a", scope="y")
    memory.add("three", key="b", scope="x/below")
    found = memory.get_keys([("y", "a"), ("x", "b"), ("x", "a"), ("y", "a"), ("no/where", "a")])
    assert [None if one is None else one.content for one in found] == [
        "two",
        None,
        "one",
        "two",
        None,
    ]
    assert memory.get_keys([]) == []


def test_a_record_without_a_key_is_found_by_its_id(memory: Memory) -> None:
    keyless = memory.add("one", scope="x")
    keyed = memory.add("two", scope="x", key="k")
    assert memory.get_keys([("x", keyless.id), ("y", keyless.id)]) == [keyless, None]
    assert memory.get_keys([("x", keyed.id)]) == [None]


def test_a_view_of_one_scope_needs_keys_alone(memory: Memory) -> None:
    memory.add("one", key="a", scope="x")
    memory.add("two", key="b", scope="x/below")
    found = memory.scope("x").get_keys(["a", "b", ("x/below", "b")])
    assert [one and one.content for one in found] == ["one", None, "two"]
    with pytest.raises(InvalidInputError, match="several scopes"):
        memory.view(read=["x", "y"]).get_keys(["a"])


def test_keys_as_they_were(memory: Memory) -> None:
    first = memory.add("before", key="a", scope="x")
    memory.add("after", key="a", scope="x")
    (found,) = memory.get_keys([("x", "a")], as_of=first.updated_at)
    assert found is not None
    assert found.content == "before"


def test_keys_outside_the_view_cannot_be_named(memory: Memory) -> None:
    memory.add("one", key="a", scope="x")
    with pytest.raises(OutsideViewError):
        memory.scope("y").get_keys([("x", "a")])


@pytest.mark.parametrize("places", [[b"ab"], [("x",)], [("x", 1)], "ab", 3])
def test_malformed_places_are_refused(memory: Memory, places: Any) -> None:
    with pytest.raises(InvalidInputError):
        memory.get_keys(places)


def test_exchange_deletes_and_writes_in_one_step(memory: Memory) -> None:
    old = memory.add("old", key="a", scope="x")
    kept = memory.add("kept", key="b", scope="x")
    (new,) = memory.exchange([{"content": "new", "key": "c", "scope": "x"}], delete=[old.id])
    assert memory.get(old.id) is None
    assert memory.get(kept.id) == kept
    assert memory.get(key="c", scope="x") == new


def test_exchange_changes_nothing_if_anything_is_malformed(memory: Memory) -> None:
    old = memory.add("old", key="a", scope="x")
    with pytest.raises(InvalidInputError):
        memory.exchange([{"content": "new"}, {"content": "bad", "importance": 7}], delete=[old.id])
    assert memory.list() == [old]


def test_exchange_leaves_what_the_view_does_not_write(memory: Memory) -> None:
    other = memory.add("other", scope="y")
    memory.scope("x").exchange([], delete=[other.id])
    assert memory.get(other.id) == other


def test_renew_moves_the_expiry_and_nothing_else(path: Path, clock: FakeClock) -> None:
    with Memory(path, embedder=HashingEmbedder(64), clock=clock) as memory:
        record = memory.add("short", ttl=60)
        before = memory.events()
        assert record.expires_at is not None
        later = record.expires_at + timedelta(hours=1)
        assert memory.renew({record.id: later, "no such id": later}) == 1
        found = memory.get(record.id)
        assert found is not None
        assert (found.expires_at, found.version) == (later, record.version)
        assert found.updated_at == record.updated_at
        assert memory.events() == before
        assert memory.renew({record.id: None}) == 1
        assert memory.renew({record.id: timedelta(seconds=5)}) == 1
        soon = memory.get(record.id)
        assert soon is not None
        assert soon.expires_at is not None
        assert soon.expires_at < later


def test_renew_does_not_bring_back_what_expired(path: Path, clock: FakeClock) -> None:
    with Memory(path, embedder=HashingEmbedder(64), clock=clock) as memory:
        record = memory.add("gone", expires_at=from_micros(1))
        assert memory.renew({record.id: None}) == 0
        assert memory.get(record.id) is None


def test_renew_reaches_only_what_the_view_writes(memory: Memory) -> None:
    record = memory.add("other", scope="y", ttl=60)
    assert memory.scope("x").renew({record.id: None}) == 0
    with pytest.raises(OutsideViewError):
        memory.view(read=["y"]).renew({record.id: None})
    with pytest.raises(InvalidInputError):
        memory.renew([record.id])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - on purpose


LABELS = st.sampled_from(["a", "b", "a-b", "a b", "*", "é", "a/b"])
PLACES = st.lists(LABELS, min_size=1, max_size=4).map(tuple)


@given(
    places=st.lists(PLACES, max_size=12),
    gone=st.lists(st.integers(0, 11), max_size=6),
    base=st.lists(LABELS, max_size=1).map(tuple),
    prefix=st.lists(LABELS, max_size=2),
    suffix=st.lists(LABELS, max_size=2),
    depth=st.none() | st.integers(0, 4),
    limit=st.integers(0, 6),
    offset=st.integers(0, 3),
)
def test_scopes_are_found_as_a_plain_list_says(
    places: list[tuple[str, ...]],
    gone: list[int],
    base: tuple[str, ...],
    prefix: list[str],
    suffix: list[str],
    depth: int | None,
    limit: int,
    offset: int,
) -> None:
    def alike(pattern: list[str], segments: tuple[str, ...]) -> bool:
        return len(segments) >= len(pattern) and all(
            wanted in ("*", found) for wanted, found in zip(pattern, segments, strict=False)
        )

    with Memory(":memory:", embedder=HashingEmbedder(8)) as memory:
        ids = [memory.add(scope=Scope(*place), embed=False).id for place in places]
        asked: dict[str, Any] = {"prefix": prefix, "suffix": suffix, "depth": depth}
        memory.find_scopes(scope=Scope(*base), **asked)  # so that the rest is followed
        memory.delete([ids[number] for number in gone if number < len(ids)])
        held = {place for number, place in enumerate(places) if number not in gone}
        own = [place[len(base) :] for place in held if place[: len(base)] == base]
        matching = [
            segments
            for segments in own
            if alike(prefix, segments) and alike(suffix[::-1], segments[::-1])
        ]
        expected = sorted({base + segments[:depth] for segments in matching})
        found = memory.find_scopes(scope=Scope(*base), **asked, limit=limit, offset=offset)
        assert [scope.segments for scope in found] == expected[offset : offset + limit]


def test_what_lies_above_the_depth_hides_nothing_below_it(memory: Memory) -> None:
    for place in ("a", "a/b", "a/b/c", "a/b/d", "a-b"):
        memory.add("x", scope=place)
    assert paths(memory.find_scopes(depth=2)) == ["a", "a/b", "a-b"]


def test_scopes_whose_records_all_expired_are_not_found(path: Path, clock: FakeClock) -> None:
    with Memory(path, embedder=HashingEmbedder(64), clock=clock) as memory:
        memory.add("lives", scope="a/one")
        memory.add("gone", scope="a/two", expires_at=from_micros(1))
        memory.add("gone", scope="a/three", expires_at=from_micros(1))
        memory.add("lives", scope="a/three")
        assert paths(memory.find_scopes()) == ["a/one", "a/three"]
        assert paths(memory.find_scopes(depth=1)) == ["a"]


def test_another_process_s_scopes_are_found(path: Path) -> None:
    with Memory(path, embedder=HashingEmbedder(64)) as one, Memory(path) as other:
        assert paths(one.find_scopes()) == []
        record = other.add("new", scope="a/b", embed=False)
        assert paths(one.find_scopes()) == ["a/b"]
        other.delete([record.id])
        assert paths(one.find_scopes()) == []


def test_a_view_finds_only_its_scopes(memory: Memory) -> None:
    memory.add("one", scope="a/b")
    memory.add("two", scope="ab")
    assert paths(memory.scope("a").find_scopes()) == ["a/b"]
    with pytest.raises(OutsideViewError):
        memory.scope("a").find_scopes(scope="ab")
    with pytest.raises(InvalidInputError):
        memory.view(read=["a", "ab"]).find_scopes()


def test_records_without_a_vector_follow_those_with_one(memory: Memory) -> None:
    for number in range(5):
        memory.add(f"word {number}", scope="a", key=f"v{number}")
        memory.add(f"silent {number}", scope="a", key=f"s{number}", embed=False)
    whole = memory.search("word", mode="dense", limit=100, unscored=True)
    assert [hit.record.key for hit in whole[5:]] == ["s4", "s3", "s2", "s1", "s0"]
    assert all(hit.similarity is None and hit.score == 0 for hit in whole[5:])
    pages = [
        hit.record.key
        for offset in range(0, 15, 3)
        for hit in memory.search("word", mode="dense", limit=3, offset=offset, unscored=True)
    ]
    assert pages == [hit.record.key for hit in whole]
    assert len(memory.search("word", mode="dense", limit=100)) == 5
    assert len(memory.search("word", mode="dense", limit=100, unscored=True, min_score=-1)) == 5


def test_a_memory_of_records_without_vectors_lists_them(memory: Memory) -> None:
    memory.add("silent", embed=False)
    (hit,) = memory.search("word", mode="dense", unscored=True)
    assert hit.record.content == "silent"
