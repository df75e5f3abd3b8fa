"""`merge`: where records go, by which keys, and what a view keeps out."""

from __future__ import annotations

from typing import Any

import pytest
from tests.comparing.checked import contents, counts, merge

from commonplace import (
    ConflictError,
    InvalidInputError,
    Memory,
)

STRATEGIES = ("newest", "source", "target", "both")


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
