"""`on_duplicate`: what becomes of a record that nearly repeats one of its scope, as it is added."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from tests.curating.checked import ids

from commonplace import (
    ConflictError,
    HashingEmbedder,
    LimitExceededError,
    Memory,
    Policy,
    PrecomputedEmbedder,
)

ACTIONS = ("skip", "merge", "supersede")


def vector(cosine: float, dimension: int = 32) -> list[float]:
    """A vector at this cosine to the first axis."""
    return [cosine, float(np.sqrt(1 - cosine**2)), *([0.0] * (dimension - 2))]


def test_keep_writes_both(timed: Memory) -> None:
    timed.add("tea", id="1")
    timed.add("tea", id="2", on_duplicate="keep", similar_at=0.5)
    assert ids(timed) == ["1", "2"]


def test_equal_texts_alone_are_the_same_unless_a_cosine_is_given(timed: Memory) -> None:
    """No embedder tells every sentence from its negation, or who owes whom."""
    timed.add("Bob owes Alice 50 euros", id="1")
    timed.add("Alice owes Bob 50 euros", id="2", on_duplicate="skip")
    timed.add("Bob owes Alice 50 euros", id="3", on_duplicate="skip")
    assert ids(timed) == ["1", "2"]
    assert merged_by(timed, Policy(duplicates="text")) == []
    assert merged_by(timed, Policy(duplicates=1)) == ["1"]


def merged_by(memory: Memory, policy: Policy) -> list[str]:
    return [step.record_id for step in memory.maintain(policy, dry_run=True).steps]


def test_skip_leaves_the_old_one_and_returns_it(timed: Memory) -> None:
    old = timed.add("green tea", id="1", tags=["x"])
    head = timed._store.head()  # pyright: ignore[reportPrivateUsage] - the end of the journal
    assert timed.add("GREEN tea", id="2", tags=["y"], on_duplicate="skip", similar_at=0.95) == old
    assert timed._store.head() == head  # pyright: ignore[reportPrivateUsage] - as above
    assert timed.list() == [old]


def test_merge_puts_the_new_one_into_the_old_one(timed: Memory) -> None:
    old = timed.add(
        "green tea",
        id="1",
        key="k",
        tags=["x", "y"],
        metadata={"a": 1, "b": 1},
        importance=0.9,
        value="old",
        source={"app": "first"},
    )
    got = timed.add(
        "Green tea!",
        id="2",
        tags=["z", "x"],
        metadata={"b": 2},
        importance=0.2,
        source={"app": "second"},
        on_duplicate="merge",
        similar_at=0.9,
    )
    assert got == timed.get("1") == timed.get(key="k", scope="")
    assert (got.content, got.tags, got.metadata) == (
        "Green tea!",
        ("x", "y", "z"),
        {"a": 1, "b": 2},
    )
    assert (got.importance, got.value, got.source.app) == (0.9, "old", "first")
    assert (got.version, got.created_at) == (2, old.created_at)
    assert timed.history("1")[0].record == old
    assert timed.history("1")[0].replaced_by == "merge"
    assert ids(timed) == ["1"]
    assert timed.add("green tea", value="new", on_duplicate="merge", similar_at=0.95).value == "new"


def test_what_is_merged_is_found_by_its_new_text_and_vector(timed: Memory) -> None:
    timed.add("old words", id="1", vector=vector(1), vectors={"other": [1.0, 0.0]})
    timed.add("new terms", vector=vector(0.97), on_duplicate="merge", similar_at=0.95)
    assert ids(timed) == ["1"]
    assert timed.search("old", mode="lexical") == []
    assert [hit.id for hit in timed.search("terms", mode="lexical")] == ["1"]
    assert timed.search(vector=vector(0.97))[0].similarity == pytest.approx(1.0)
    assert timed.search(vector=[1.0, 0.0], space="other")[0].id == "1"


def test_supersede_closes_the_old_one(timed: Memory, clock: Any) -> None:
    timed.add("green tea", id="1", tags=["x"])
    before = clock.wait(5)
    new = timed.add("Green Tea", id="2", on_duplicate="supersede", similar_at=0.95)
    assert (new.id, new.tags) == ("2", ())
    assert timed.list() == [new]
    assert ids(timed, as_of=before) == ["1"]
    (link,) = timed.links("2")
    assert (link.type, link.target_id, link.reason) == ("supersedes", "1", "it nearly repeats it")
    third = timed.add("green tea", id="3", on_duplicate="supersede", similar_at=0.95)
    assert timed.list() == [third]
    assert len(timed.links("1")) == 1


@pytest.mark.parametrize("action", ACTIONS)
def test_only_records_of_one_scope_and_kind_are_compared(timed: Memory, action: Any) -> None:
    places = [("a", "fact"), ("a", "note"), ("a/b", "fact"), ("b", "fact"), ("", "fact")]
    for number, (scope, kind) in enumerate(places):
        given: dict[str, Any] = {"id": f"{number}", "scope": scope, "kind": kind}
        timed.add("green tea", on_duplicate=action, similar_at=0.5, **given)
    assert timed.count() == len(places)
    timed.add("green tea", scope="a", kind="note", on_duplicate=action, similar_at=0.95)
    assert timed.count() == len(places)


@pytest.mark.parametrize("action", ACTIONS)
def test_closed_archived_and_expired_records_are_no_duplicates(
    timed: Memory, clock: Any, action: Any
) -> None:
    timed.add_many([{"id": f"{n}", "content": "tea"} for n in range(3)])
    timed.archive("0")
    timed.update("1", valid_to=clock.moment())
    timed.update("2", expires_at=clock.moment() + timedelta(seconds=1))
    clock.wait(5)
    assert timed.add("tea", id="new", on_duplicate=action, similar_at=0.95).id == "new"
    assert timed.links("new") == []


@pytest.mark.parametrize(("least", "alike"), [(0.9, True), (0.899, True), (0.901, False)])
@pytest.mark.parametrize("action", ACTIONS)
def test_the_threshold_itself_is_alike(
    timed: Memory, action: Any, least: float, *, alike: bool
) -> None:
    timed.add("one thing", id="1", vector=vector(1))
    timed.add("another", id="2", vector=vector(0.9), on_duplicate=action, similar_at=least)
    assert (timed.count() == 1) is alike


@pytest.mark.parametrize("action", ACTIONS)
def test_equal_vectors_are_as_alike_as_can_be(action: Any) -> None:
    numbers = np.random.default_rng(5)
    rows = [numbers.normal(size=48) for _ in range(30)]
    with Memory(":memory:", embedder=HashingEmbedder(48)) as memory:
        for number, row in enumerate(rows):
            memory.add(f"this {number}", scope=f"{number}", vector=row)
        again: Any = [
            {"content": f"that {n}", "scope": f"{n}", "vector": row * 3}
            for n, row in enumerate(rows)
        ]
        memory.add_many(again, on_duplicate=action, similar_at=1)
        assert memory.count() == 30


def test_the_nearest_of_several_is_taken_and_an_equal_text_before_all(timed: Memory) -> None:
    for name, cosine in [("1", 0.96), ("2", 0.99), ("3", 0.97)]:
        timed.add(f"text {name}", id=name, vector=vector(cosine))
    assert timed.add("new", vector=vector(1), on_duplicate="skip", similar_at=0.95).id == "2"
    assert timed.add("text 3", vector=vector(0.99), on_duplicate="skip", similar_at=0.95).id == "3"


@pytest.mark.parametrize("action", ACTIONS)
def test_without_a_single_vector_texts_decide(timed: Memory, action: Any) -> None:
    rows = [vector(1), vector(0.5)]
    timed.add("passages", id="1", vector=rows)
    timed.add("out of search", id="2", embed=False)
    for content, given in [
        ("passages too", {"vector": rows}),
        ("passages", {"vector": vector(0), "kind": "note"}),
        ("Out of search", {"embed": False}),
    ]:
        timed.add(content, on_duplicate=action, similar_at=0.5, **given)  # pyright: ignore[reportArgumentType] - of `add`
    assert timed.count() == 5
    timed.add("passages", vector=rows, on_duplicate=action, similar_at=0.95)
    timed.add("out of search", embed=False, on_duplicate=action, similar_at=0.95)
    assert timed.count() == 5


@pytest.mark.parametrize("action", ACTIONS)
def test_a_memory_without_vectors_goes_by_texts(action: Any) -> None:
    with Memory(":memory:", embedder=PrecomputedEmbedder("t", 16)) as memory:
        memory.add("tea", id="1", embed=False)
        memory.add("Tea", id="2", embed=False, on_duplicate=action, similar_at=0.95)
        memory.add("tea", id="3", embed=False, on_duplicate=action, similar_at=0.95)
        assert memory.count() == 2


@pytest.mark.parametrize("action", ACTIONS)
def test_records_without_a_text_do_not_repeat_each_other(timed: Memory, action: Any) -> None:
    for number in range(3):
        got = timed.add("", value=number, on_duplicate=action, similar_at=0.95)
        assert got.value == number
    timed.add(" \n", id="blank", on_duplicate=action, similar_at=0.95)
    timed.add(" \n", id="too", on_duplicate=action, similar_at=0.95)
    assert timed.count() == 5


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("named", [{"id": "1"}, {"key": "k"}])
def test_a_record_does_not_repeat_the_one_it_replaces(
    timed: Memory, action: Any, named: dict[str, Any]
) -> None:
    timed.add("green tea", id="1", key="k", tags=["x"])
    got = timed.add("Green tea", tags=["y"], on_duplicate=action, similar_at=0.95, **named)
    assert (got.id, got.content, got.tags, got.version) == ("1", "Green tea", ("y",), 2)
    assert timed.list() == [got]
    assert timed.links("1") == []
    with pytest.raises(ConflictError):
        timed.add("GREEN tea", on_duplicate=action, similar_at=0.95, if_exists="error", **named)
    assert (
        timed.add("GREEN tea", on_duplicate=action, similar_at=0.95, if_exists="keep", **named)
        == got
    )


def test_a_merge_that_is_too_large_for_one_record_is_refused(timed: Memory) -> None:
    old = timed.add("tea", id="1", tags=[f"a{n}" for n in range(200)])
    tags = [f"b{n}" for n in range(200)]
    with pytest.raises(LimitExceededError):
        timed.add("tea", tags=tags, on_duplicate="merge", similar_at=0.95)
    assert timed.list() == [old]


def test_what_is_merged_lives_as_long_as_both(timed: Memory, clock: Any) -> None:
    timed.add("tea", id="1", ttl=5)
    late = clock.moment() + timedelta(days=1)
    assert (
        timed.add("tea", expires_at=late, on_duplicate="merge", similar_at=0.95).expires_at == late
    )
    assert timed.add("tea", ttl=5, on_duplicate="merge", similar_at=0.95).expires_at == late
    assert timed.add("tea", on_duplicate="merge", similar_at=0.95).expires_at is None


def test_a_fact_that_only_holds_later_is_closed_before_it_begins(timed: Memory, clock: Any) -> None:
    later = clock.moment() + timedelta(days=1)
    timed.add("tea", id="1", valid_from=later)
    timed.add("tea", id="2", valid_from=later, on_duplicate="supersede", similar_at=0.95)
    assert ids(timed, valid_at=later) == ["2"]


def test_words_still_find_what_is_merged_with_a_record_kept_out_of_search(timed: Memory) -> None:
    timed.add("green tea", id="1")
    timed.add("green tea", embed=False, tags=["x"], on_duplicate="merge", similar_at=0.95)
    for mode in ("dense", "lexical"):
        assert [hit.id for hit in timed.search("green tea", mode=mode)] == ["1"]
