"""`sync`: one memory is kept a copy of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from commonplace import (
    ConflictError,
    HashingEmbedder,
    InvalidInputError,
    Memory,
    OutsideViewError,
)

if TYPE_CHECKING:
    from pathlib import Path


def links(memory: Memory) -> list[dict[str, Any]]:
    ids = [one.id for one in memory.list(include_closed=True, include_archived=True)]
    found = [link.to_dict() for link in memory.links(ids, limit=1000)]
    return sorted(
        found, key=lambda link: [link[name] for name in ("source_id", "target_id", "type")]
    )


def head(memory: Memory) -> int:
    return memory._store.head()  # pyright: ignore[reportPrivateUsage] - the end of the journal


def sync(target: Memory, source: Memory) -> tuple[int, int, int]:
    """A run that does what its dry run said and makes an equal copy; a second one does nothing."""
    ends = head(target), head(source)
    told = target.sync(source, dry_run=True)
    assert told.dry_run
    assert (head(target), head(source)) == ends
    done = target.sync(source)
    assert (done.written, done.deleted, done.position) == (told.written, told.deleted, ends[1])
    assert not done.dry_run
    assert head(source) == ends[1]
    end = head(target)
    again = target.sync(source)
    assert (again.written, again.deleted, again.links) == (0, 0, 0)
    assert head(target) == end
    return done.written, done.deleted, done.links


def equal(target: Memory, source: Memory) -> bool:
    return target.diff(source).empty and links(target) == links(source)


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


def test_views_are_followed_each_for_itself(here: Memory, there: Memory) -> None:
    there.add("tea", id="1", scope="a/x")
    there.add("secret", id="2", scope="b")
    there.add("secret", id="3", scope="ab")
    ours = here.scope("copy/a")
    assert sync(ours, there.scope("a")) == (1, 0, 0)
    assert [one.scope.path for one in here.list()] == ["copy/a/x"]
    assert sync(here.scope("copy/b"), there.scope("b")) == (1, 0, 0)
    there.update("2", content="open", scope="a")
    there.update("1", scope="ab")
    with pytest.raises(ConflictError):
        ours.sync(there.scope("a"))
    assert sync(here.scope("copy/b"), there.scope("b")) == (0, 1, 0)
    assert sync(ours, there.scope("a")) == (1, 1, 0)
    assert [(one.id, one.scope.path) for one in here.list()] == [("2", "copy/a")]
    assert ours.diff(there.scope("a")).empty


def test_scopes_with_strange_names_are_told_apart(here: Memory, there: Memory) -> None:
    there.add("tea", id="1", scope="a>b")
    sync(here.scope("c"), there.scope("a>b"))
    there.add("tea", id="2", scope="a")
    assert sync(here.scope("b>c"), there.scope("a")) == (1, 0, 0)
    assert sync(here.scope("c"), there.scope("a>b")) == (0, 0, 0)


def test_a_run_that_was_stopped_is_taken_up_again(here: Memory, there: Memory) -> None:
    there.add_many([{"id": f"{n:04}", "content": f"{n}", "embed": False} for n in range(600)])
    there.link("0001", "0599")
    here.add("in the way", id="0550", scope="x")
    blocked = here.scope("copy")
    with pytest.raises(ConflictError):
        blocked.sync(there)
    assert blocked.count() == 500
    here.delete("0550")
    there.update("0001", content="meanwhile")
    there.delete("0002")
    done = blocked.sync(there)
    assert (done.written, done.deleted, done.links) == (101, 1, 1)
    assert blocked.diff(there).empty
    there.update("0003", tags=["x"])
    assert sync(blocked, there) == (1, 0, 0)


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


def test_one_after_the_other(here: Memory, there: Memory, clock: Any) -> None:
    with Memory(":memory:", embedder=HashingEmbedder(32), clock=clock) as third:
        there.add("tea", id="1", scope="a")
        sync(here, there)
        sync(third, here)
        there.update("1", content="coffee", scope="b")
        there.add("new", id="2")
        sync(here, there)
        assert sync(third, here) == (2, 0, 0)
        assert equal(third, there)


def test_a_copy_goes_on_after_a_restart(path: Path, tmp_path: Path) -> None:
    def opened(name: Path) -> Memory:
        return Memory(name, embedder=HashingEmbedder(16))

    with opened(path) as source, opened(tmp_path / "copy") as copy:
        source.add_many([{"id": "1"}, {"id": "2"}])
        assert sync(copy, source) == (2, 0, 0)
    with opened(path) as source:
        source.delete("1")
    with opened(path) as source, opened(tmp_path / "copy") as copy:
        assert sync(copy, source) == (0, 1, 0)


def test_an_older_copy_of_the_source_is_read_anew(tmp_path: Path) -> None:
    """Its journal ends before what was followed: nothing in it would be seen otherwise."""
    with Memory(":memory:", embedder=HashingEmbedder(16)) as copy:
        with Memory(tmp_path / "old", embedder=HashingEmbedder(16)) as source:
            source.add("first", id="1")
            source.flush()
        backup = {
            file: file.read_bytes() for file in (tmp_path / "old").iterdir() if file.is_file()
        }
        with Memory(tmp_path / "old", embedder=HashingEmbedder(16)) as source:
            source.update("1", content="second")
            source.add("third", id="3")
            copy.sync(source)
        for file in (tmp_path / "old").iterdir():
            if file.is_file():
                file.unlink()
        for file, content in backup.items():
            file.write_bytes(content)
        with Memory(tmp_path / "old", embedder=HashingEmbedder(16)) as source:
            assert copy.sync(source).written == 1
            assert not copy.diff(source).changed


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
