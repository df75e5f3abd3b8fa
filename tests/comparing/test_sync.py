"""`sync`: one memory is kept a copy of another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.comparing.checked import equal, links, sync

from commonplace import (
    ConflictError,
    HashingEmbedder,
    InvalidInputError,
    Memory,
    OutsideViewError,
)


def test_a_copy_and_what_changes_after_it(here: Memory, there: Memory, clock: Any) -> None:
    there.add("tea", id="1", scope="a", tags=["x"], value=[1, 2**70], ttl=999)
    there.add_many([{"id": "2", "scope": "a/b"}, {"id": "3", "key": "k"}, {"id": "4"}])
    there.archive("4")
    there.link("1", "2", "about", weight=0.5, reason="why", metadata={"n": 1})
    assert sync(here, there) == (4, 0, 1)
    assert equal(here, there)
    clock.wait(10)
    there.update("1", content="coffee", scope="c")
    there.delete("2")
    there.add("new", id="5")
    there.restore("4")
    there.supersede("3", "5")
    assert sync(here, there) == (4, 1, 1)
    assert equal(here, there)
    assert [hit.id for hit in here.search("coffee", mode="lexical")] == ["1"]
    assert here.search("tea", mode="lexical") == []
    there.delete(everything=True)
    assert sync(here, there)[1] == 4
    assert here.count(include_closed=True, include_archived=True) == 0


def test_links_follow_whenever_they_change(here: Memory, there: Memory) -> None:
    there.add_many([{"id": name} for name in "abc"])
    sync(here, there)
    there.link("a", "b")
    assert sync(here, there) == (0, 0, 1)
    there.link("a", "b", weight=0.5, reason="now")
    there.link("b", "c", "causes")
    assert sync(here, there) == (0, 0, 2)
    assert equal(here, there)
    there.unlink("a", "b")
    sync(here, there)
    assert equal(here, there)
    there.update("b", scope="x")
    there.update("c", key="k")
    sync(here, there)
    assert equal(here, there)
    assert len(links(here)) == 1
    there.delete("c")
    there.restore("c")
    sync(here, there)
    assert equal(here, there)
    assert links(here) == []


def test_what_only_the_copy_has_is_left_alone(here: Memory, there: Memory) -> None:
    own = here.add("own", id="own", scope="a", key="own")
    there.add("tea", id="1", scope="a")
    sync(here, there)
    here.link("own", "1", reason="ours")
    here.link("1", "own", "about")
    there.update("1", scope="b", tags=["x"])
    sync(here, there)
    assert here.get("own") == own
    assert len(here.links("own")) == 2
    there.delete("1")
    sync(here, there)
    assert here.list() == [own]


def test_the_source_wins_where_it_changes(here: Memory, there: Memory, clock: Any) -> None:
    there.add("tea", id="1", scope="a")
    sync(here, there)
    clock.wait(10)
    here.update("1", content="mine", tags=["x"])
    here.archive("1")
    assert sync(here, there) == (0, 0, 0)
    there.update("1", importance=0.9)
    assert sync(here, there) == (1, 0, 0)
    assert equal(here, there)


def test_keys_change_hands_as_they_do_in_the_source(here: Memory, there: Memory) -> None:
    there.add("one", id="1", key="k")
    there.add("two", id="2", key="l")
    there.add("three", id="3", key="m")
    sync(here, there)
    there.update("1", key=None)
    there.update("2", key="k")
    there.update("1", key="l")
    there.delete("3")
    there.add("four", id="4", key="m")
    assert sync(here, there) == (3, 1, 0)
    assert equal(here, there)
    there.update("4", key=None)
    assert sync(here, there) == (1, 0, 0)
    assert here.get(key="m", scope="") is None


def test_vectors_come_along(here: Memory, there: Memory) -> None:
    rows = np.eye(2, 32, dtype=np.float32)
    there.add("tea", id="1", vector=rows[0], vectors={"other": [3.0, 4.0]})
    there.add("hidden", id="2", embed=False)
    sync(here, there)
    there.update("1", vector=rows[1], content="tea too", vectors={"other": [4.0, 3.0]})
    sync(here, there)
    assert here.search(vector=rows[1])[0].similarity == pytest.approx(1.0)
    found = here.search(vector=[4.0, 3.0], space="other")
    assert [hit.similarity for hit in found] == pytest.approx([1.0])
    assert here.search("hidden", mode="lexical") == []


def test_a_copy_with_another_embedder(there: Memory, clock: Any) -> None:
    there.add("green tea", id="1")
    with Memory(":memory:", embedder=HashingEmbedder(16), clock=clock) as memory:
        sync(memory, there)
        assert memory.search("green tea", mode="dense")[0].similarity == pytest.approx(1.0)
        assert equal(memory, there)


def test_while_the_source_moves_to_another_embedder(here: Memory, clock: Any) -> None:
    with Memory(":memory:", embedder=HashingEmbedder(32), clock=clock) as source:
        source.add_many([{"id": f"{n}", "content": f"tea {n}"} for n in range(4)])

        def meanwhile(_done: int, _all: int) -> None:
            sync(here, source)

        source.reindex(HashingEmbedder(24), batch=2, progress=meanwhile)
        assert equal(here, source)
        sync(here, source)
        assert [space.name for space in here.stats().spaces] == ["default"]


def test_a_conflict_changes_nothing_of_its_lot(here: Memory, there: Memory) -> None:
    there.add_many([{"id": "1", "scope": "a"}, {"id": "2", "scope": "a"}, {"id": "3"}])
    there.link("1", "2")
    sync(here, there)
    here.add("ours", id="own", scope="b", key="k")
    there.delete("3")
    there.update("1", scope="b", key="k")
    before, kept = here.list(order_by="id"), links(here)
    with pytest.raises(ConflictError) as caught:
        here.sync(there)
    assert "ours" not in str(caught.value)
    assert (here.list(order_by="id"), links(here)) == (before, kept)
    here.update("own", key=None)
    assert sync(here, there) == (1, 1, 0)
    assert links(here) == links(there)


def test_expired_records_go_on_both_sides(here: Memory, there: Memory, clock: Any) -> None:
    there.add("tea", id="1", ttl=5)
    sync(here, there)
    clock.wait(10)
    assert (here.count(), sync(here, there)) == (0, (0, 0, 0))
    there.sweep()
    sync(here, there)
    there.add("again", id="1")
    assert sync(here, there) == (1, 0, 0)
    assert equal(here, there)


def test_what_cannot_be_synchronised_is_refused(here: Memory, there: Memory) -> None:
    there.add("tea", id="1")
    wrong: Any
    for wrong in (None, "path", here, here.scope("a"), there.view(read=["a", "b"])):
        with pytest.raises(InvalidInputError):
            here.sync(wrong)
    wrong = "yes"
    with pytest.raises(InvalidInputError):
        here.sync(there, dry_run=wrong)
    for view in (here.view(read=["a"]), here.view(read=["a"], write="a/b")):
        with pytest.raises(OutsideViewError):
            view.sync(there)
    assert here.count() == 0


def test_what_changes_outside_the_view_of_the_source_removes_nothing(
    here: Memory, there: Memory
) -> None:
    there.add("seen", id="1", scope="v")
    there.add("not seen", id="2", scope="w")
    view = there.scope("v")
    here.sync(view)
    own = here.add("only here", id="2", scope="notes")
    there.update("2", content="changed")
    report = here.sync(view)
    assert (report.written, report.deleted) == (0, 0)
    assert here.get("2") == own
    there.update("1", scope="w")
    there.delete("2")
    assert here.sync(view).deleted == 1
    assert here.list() == [own]
