"""`merge`: what another memory, or another scope of the same one, has is brought in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from commonplace import (
    ConflictError,
    HashingEmbedder,
    InvalidInputError,
    Memory,
    ModelMismatchError,
    OutsideViewError,
)

STRATEGIES = ("newest", "source", "target", "both")


def counts(report: Any) -> dict[str, int]:
    return {
        name: number for name, number in report.to_dict().items() if number and name != "dry_run"
    }


def contents(memory: Memory, **which: Any) -> list[str]:
    return sorted(one.content for one in memory.list(include_archived=True, **which))


def head(memory: Memory) -> int:
    return memory._store.head()  # pyright: ignore[reportPrivateUsage] - the end of the journal


def merge(target: Memory, source: Memory, strategy: Any = "newest") -> dict[str, int]:
    """A merge that does what its dry run said, and that a second one adds nothing to."""
    ends = head(target), head(source)
    told = target.merge(source, strategy=strategy, dry_run=True)
    assert told.dry_run
    assert (head(target), head(source)) == ends
    done = target.merge(source, strategy=strategy)
    without = {"links": 0, "dry_run": False}
    assert done.to_dict() | without == told.to_dict() | without
    records = target.list(order_by="id", include_closed=True, include_archived=True)
    again = counts(target.merge(source, strategy=strategy))
    assert not again.keys() & {"added", "updated", "doubled", "links"}
    assert target.list(order_by="id", include_closed=True, include_archived=True) == records
    return counts(done)


def apart(here: Memory, there: Memory, clock: Any) -> None:
    """Two records that both have and see differently, each newer on one side; one of each."""
    here.add("written here first", id="1", scope="a", importance=0.3)
    there.add("written there first", id="2", scope="a", tags=["there"])
    clock.wait(10)
    there.add("written there last", id="1", scope="a", tags=["there"])
    here.add("written here last", id="2", scope="a")
    here.add("only here", id="here")
    there.add("only there", id="there", scope="b/c", key="k")
    for memory in (here, there):
        memory.add("both", id="both")


@pytest.mark.parametrize(
    ("strategy", "report", "found"),
    [
        ("newest", {"updated": 1, "kept": 1}, ["written here last", "written there last"]),
        ("source", {"updated": 2}, ["written there first", "written there last"]),
        ("target", {"kept": 2}, ["written here first", "written here last"]),
        (
            "both",
            {"doubled": 2},
            [
                "written here first",
                "written here last",
                "written there first",
                "written there last",
            ],
        ),
    ],
)
def test_strategies(
    here: Memory, there: Memory, clock: Any, strategy: Any, report: Any, found: list[str]
) -> None:
    apart(here, there, clock)
    before = there.list(order_by="id")
    assert merge(here, there, strategy) == {"added": 1, "same": 1, **report}
    assert contents(here, scope="a") == found
    brought = here.get("there")
    assert brought is not None
    assert (brought.content, brought.key, brought.scope.path) == ("only there", "k", "b/c")
    assert here.get("here") is not None
    assert there.list(order_by="id") == before


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_into_an_empty_memory_makes_an_equal_one(
    here: Memory, there: Memory, strategy: Any, clock: Any
) -> None:
    full: dict[str, Any] = {
        "key": "k",
        "kind": "summary",
        "value": {"n": [1, None, 2**70, True]},
        "tags": ["x", "y"],
        "metadata": {"m": 1.5},
        "importance": 0.9,
        "source": {"app": "test", "trust": 0.5},
        "valid_from": clock.moment(),
        "valid_to": clock.moment() + timedelta(days=1),
        "expires_at": clock.moment() + timedelta(days=2),
    }
    there.add("green tea", id="1", scope="a/é", **full)
    there.add_many([{"id": "2"}, {"id": "3", "content": "x"}])
    there.archive("3")
    there.supersede("2", {"content": "new", "id": "4"}, reason="why")
    clock.wait(10)
    assert merge(here, there, strategy) == {"added": 4, "links": 1}
    assert here.diff(there).empty
    first, copy = there.get("1"), here.get("1")
    assert first is not None
    assert copy is not None
    assert copy.created_at == first.created_at
    assert [link.to_dict() for link in here.links("4")] == [
        link.to_dict() for link in there.links("4")
    ]
    assert len(here.history("4")) == 1


def test_what_is_updated_keeps_its_id_and_gets_the_whole_state(
    here: Memory, there: Memory, clock: Any
) -> None:
    late = clock.moment() + timedelta(days=1)
    here.add("tea", id="1", scope="a", key="k", tags=["x"], value=1, expires_at=late)
    there.add("coffee", id="1", scope="b/c", metadata={"m": 1})
    before = here.get("1")
    assert merge(here, there, "source") == {"updated": 1}
    assert here.diff(there).empty
    assert here.history("1")[0].record == before
    there.archive("1")
    assert merge(here, there) == {"updated": 1}
    assert here.count() == 0
    there.restore("1")
    assert merge(here, there) == {"updated": 1}
    assert here.count() == 1


def test_a_record_with_the_key_is_the_same_record(here: Memory, there: Memory, clock: Any) -> None:
    here.add("old", id="here", scope="a", key="k")
    clock.wait(1)
    there.add("new", id="there", scope="a", key="k")
    there.add("other place", id="other", scope="a/b", key="k")
    assert merge(here, there) == {"added": 1, "updated": 1}
    assert here.get(key="k", scope="a") == here.get("here")
    assert here.get("there") is None
    assert contents(here) == ["new", "other place"]


def test_both_keeps_the_key_with_the_target(here: Memory, there: Memory) -> None:
    here.add("ours", id="1", key="k", scope="a")
    there.add("theirs", id="1", key="k", scope="a")
    assert merge(here, there, "both") == {"doubled": 1}
    kept = here.get(key="k", scope="a")
    assert kept is not None
    assert (kept.id, kept.content) == ("1", "ours")
    assert contents(here) == ["ours", "theirs"]


def test_both_doubles_once_whichever_was_made_first(
    here: Memory, there: Memory, clock: Any
) -> None:
    there.add("tea", id="1", tags=["there"])
    clock.wait(10)
    here.add("tea", id="1", tags=["here"])
    there.add("more", id="2")
    there.link("1", "2")
    assert merge(here, there, "both") == {"added": 1, "doubled": 1, "links": 1}
    assert here.count() == 3


def test_a_key_that_changed_hands_goes_with_its_state(here: Memory, there: Memory) -> None:
    for memory in (here, there):
        memory.add("one", id="1", key="k")
        memory.add("two", id="2", key="l")
    there.update("1", key=None)
    there.update("2", key="k")
    there.update("1", key="l")
    assert merge(here, there, "source") == {"updated": 2}
    assert here.diff(there).empty


def test_a_record_that_lost_its_key_loses_it_here(here: Memory, there: Memory) -> None:
    for memory in (here, there):
        memory.add("one", id="1", key="k")
    there.update("1", key=None)
    there.add("new", id="0", key="k")
    assert counts(here.merge(there, strategy="source")) == {"added": 1, "updated": 1}
    assert here.diff(there).empty


def test_a_key_that_another_record_keeps_is_a_conflict_and_nothing_is_lost(
    here: Memory, there: Memory
) -> None:
    here.add("ours", id="1", scope="a", key="k")
    here.add("moves", id="2", scope="b")
    here.add("ties", id="3")
    here.link("2", "3")
    there.add("moves", id="2", scope="a", key="k")
    before = here.list(order_by="id")
    with pytest.raises(ConflictError) as caught:
        here.merge(there, strategy="source")
    assert "ours" not in str(caught.value)
    assert here.list(order_by="id") == before
    assert len(here.links("2")) == 1


def test_vectors_come_along_and_nothing_is_embedded(here: Memory, there: Memory) -> None:
    rows = np.eye(2, 32, dtype=np.float32)
    there.add("tea", id="1", vector=rows, vectors={"other": [3.0, 4.0]})
    there.add("hidden", id="2", embed=False)
    there.add("unworded", id="3", embed=False, vector=[2.0] * 32)
    merge(here, there)
    for row in rows:
        assert here.search(vector=row)[0].similarity == pytest.approx(1.0)
    assert [hit.id for hit in here.search(vector=[3.0, 4.0], space="other")] == ["1"]
    assert here.search(vector=[1.0] * 32)[0].id == "3"
    assert here.search("hidden unworded", mode="lexical") == []
    assert {hit.id for hit in here.search("hidden", mode="dense")} == {"1", "3"}


def test_another_embedder_s_vectors_are_made_anew(there: Memory, clock: Any) -> None:
    there.add("green tea", id="1", vectors={"other": [3.0, 4.0]})
    there.add("hidden", id="2", embed=False)
    with Memory(":memory:", embedder=HashingEmbedder(16), clock=clock) as memory:
        merge(memory, there)
        assert memory.search("green tea", mode="dense")[0].similarity == pytest.approx(1.0)
        assert memory.search(vector=[3.0, 4.0], space="other")[0].id == "1"
        assert memory.search("hidden", mode="lexical") == []
        assert memory.diff(there).empty
        assert memory.verify().problems == ()


def test_a_space_of_another_length_is_an_error_and_nothing_is_written(
    here: Memory, there: Memory
) -> None:
    here.add("tea", id="1", vectors={"other": [1.0, 2.0, 3.0]})
    there.add("coffee", id="1", scope="b")
    there.add("coffee", id="2", vectors={"other": [1.0, 2.0]})
    before = here.list()
    with pytest.raises(ModelMismatchError):
        here.merge(there, strategy="source")
    assert here.list() == before


def test_links_come_along_between_what_was_matched(here: Memory, there: Memory) -> None:
    here.add("a", id="ours", key="k")
    here.add("b", id="b")
    here.link("ours", "b", "about", weight=0.2)
    there.add("a", id="theirs", key="k")
    there.add_many([{"id": "b", "content": "b"}, {"id": "c"}, {"id": "outside", "scope": "x"}])
    there.link("theirs", "b", "about", weight=0.7, reason="why", metadata={"n": 1})
    there.link("c", "theirs", "causes")
    there.link("c", "outside")
    assert merge(here, there)["links"] == 3
    found = {(link.source_id, link.target_id): link for link in here.links(["ours", "b", "c"])}
    assert set(found) == {("ours", "b"), ("c", "ours"), ("c", "outside")}
    link = found["ours", "b"]
    assert (link.weight, link.reason, link.metadata) == (0.7, "why", {"n": 1})
    there.link("theirs", "b", "about", weight=0.7, reason="why", metadata={"n": 2})
    assert here.merge(there).links == 1


def test_links_of_what_moved_stay(here: Memory, there: Memory, clock: Any) -> None:
    for memory in (here, there):
        memory.add_many([{"id": "1", "scope": "a"}, {"id": "2", "scope": "a"}])
    here.link("1", "2", "ours", reason="kept")
    clock.wait(1)
    there.update("1", scope="b", key="k")
    merge(here, there)
    assert here.diff(there).empty
    assert [link.reason for link in here.links("1")] == ["kept"]


def test_two_scopes_of_one_memory(here: Memory) -> None:
    here.add("tea", id="1", scope="a", tags=["x"])
    here.add("coffee", id="2", scope="a/x")
    here.add("tea", id="3", scope="b", tags=["y"])
    here.add("water", id="4", scope="b", key="k")
    here.link("1", "2")
    a, b = here.scope("a"), here.scope("b")
    assert merge(b, a, "source") == {"added": 1, "updated": 1, "links": 1}
    assert contents(here, scope="b/x") == ["coffee"]
    third = here.get("3")
    assert third is not None
    assert third.tags == ("x",)
    assert contents(here, scope="a") == ["coffee", "tea"]
    merge(a, b, "source")
    assert a.diff(b).empty


def test_a_scope_within_the_source_or_itself_is_no_target(here: Memory) -> None:
    here.add("tea", id="1", scope="x")
    for target, source in [
        (here.scope("a"), here),
        (here, here),
        (here.scope("x"), here.scope("x")),
    ]:
        with pytest.raises(InvalidInputError):
            target.merge(source)
    assert here.count() == 1


def test_a_scope_is_merged_into_what_contains_it(here: Memory) -> None:
    here.add("tea", id="1", scope="a/draft/x")
    assert merge(here.scope("a"), here.scope("a/draft")) == {"added": 1}
    assert contents(here, scope="a/x") == ["tea"]


def test_what_lies_outside_the_view_is_neither_read_nor_touched(
    here: Memory, there: Memory
) -> None:
    here.add("ours", id="1", scope="other")
    there.add("theirs", id="1", scope="a")
    there.add("secret", id="2", scope="ab")
    view, source = here.scope("mine"), there.scope("a")
    assert merge(view, source) == {"added": 1}
    assert contents(here, scope="mine") == ["theirs"]
    assert contents(here, scope="other") == ["ours"]
    assert here.count() == 2


def test_an_expired_record_does_not_stand_in_the_way(
    here: Memory, there: Memory, clock: Any
) -> None:
    here.add("gone", id="1", ttl=1)
    there.add("tea", id="1")
    clock.wait(5)
    assert merge(here, there) == {"added": 1}
    assert [one.id for one in here.list()] == ["1"]


def test_what_was_deleted_here_comes_back(here: Memory, there: Memory) -> None:
    there.add("tea", id="1")
    merge(here, there)
    here.delete("1")
    assert merge(here, there) == {"added": 1}
    assert [state.record.version for state in here.history("1")] == [1, 2]


def test_more_records_than_are_read_at_once(here: Memory, there: Memory) -> None:
    records: list[Any] = [{"id": f"{n}", "content": f"{n}", "embed": False} for n in range(601)]
    there.add_many(records)
    there.link("0", "99")
    assert counts(here.merge(there)) == {"added": 601, "links": 1}
    assert here.diff(there).same == 601


def test_what_cannot_be_merged_is_refused(here: Memory, there: Memory) -> None:
    there.add("tea", id="1")
    wrong: Any
    for wrong in (None, "path", 5):
        with pytest.raises(InvalidInputError):
            here.merge(wrong)
    for wrong in ("oldest", None):
        with pytest.raises(InvalidInputError):
            here.merge(there, strategy=wrong)
    wrong = 1
    with pytest.raises(InvalidInputError):
        here.merge(there, dry_run=wrong)
    with pytest.raises(InvalidInputError):
        here.merge(there.view(read=["a", "b"]))
    for view in (here.view(read=["a"]), here.view(read=["a"], write="a/b")):
        with pytest.raises(OutsideViewError):
            view.merge(there)
    assert here.count() == 0
