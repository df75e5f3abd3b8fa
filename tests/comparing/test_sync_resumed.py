"""`sync`: where it goes on: by scopes, after a stop, after a restart."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from tests.comparing.checked import equal, sync
from tests.pgserver import place_of

from commonplace import (
    ConflictError,
    HashingEmbedder,
    InvalidInputError,
    Memory,
)

if TYPE_CHECKING:
    from pathlib import Path


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


@pytest.mark.files
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


@pytest.mark.files
def test_copies_of_the_files_are_memories_of_their_own(path: Path, tmp_path: Path) -> None:
    """Two machines go on from one backup, and each brings in what the other did."""

    def opened(name: Path) -> Memory:
        return Memory(name, embedder=HashingEmbedder(16), index="exact")

    with opened(path) as memory:
        memory.add_many([{"id": "1"}, {"id": "2"}, {"id": "3"}])
    shutil.copytree(path, tmp_path / "copy")
    with opened(path) as one, opened(tmp_path / "copy") as other:
        one.update("1", content="changed")
        one.add("new", id="4")
        other.add("other", id="5")
        assert [change.id for change in other.diff(one).changed] == ["1"]
        assert other.merge(one, dry_run=True).to_dict()["updated"] == 1
        other.merge(one)
        one.merge(other)
        assert equal(other, one)
        one.delete("2")
        assert other.sync(one).written == 0
        one.delete("3")
        assert sync(other, one) == (0, 1, 0)


def test_two_handles_on_one_place_are_one_memory(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    on_server = place_of(path) != str(path)
    with Memory(path, embedder=HashingEmbedder(16)) as memory:
        link.symlink_to(path)
        named = f"{place_of(path)}&pool_size=3" if on_server else link
        with Memory(named, embedder=HashingEmbedder(16)) as same:
            memory.add("tea", scope="a")
            assert memory.scope("a").diff(same.scope("a")).same == 1
            for verb in (memory.sync, memory.merge):
                with pytest.raises(InvalidInputError):
                    verb(same)
            assert same.scope("b").merge(memory.scope("a")).added == 1
