"""Handles that were open before the switch, and those that have no embedder or the wrong one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.reindex.lives import NEW, OLD, Watched, found

from commonplace import HashingEmbedder, Memory, ModelMismatchError, PrecomputedEmbedder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TEXTS = ["tea by the river", "coffee in the garden", "milk for the kettle"]
ALIKE = HashingEmbedder(64)
ALIKE.identity = "alike@1"


@pytest.fixture
def stocked(path: Path) -> Iterator[Memory]:
    with Memory(path, embedder=OLD, index="exact") as memory:
        memory.add_many([{"content": text, "id": str(n)} for n, text in enumerate(TEXTS)])
        yield memory


def opened(path: Path, embedder: Any = OLD) -> Memory:
    return Memory(path, embedder=embedder, index="exact")


REFUSED: dict[str, Callable[[Memory], object]] = {
    "search": lambda memory: memory.search("tea"),
    "dense search": lambda memory: memory.search("tea", mode="dense", scope="a"),
    "search by vector": lambda memory: memory.search(vector=[1.0] * 64),
    "search in the past": lambda memory: memory.search("tea", as_of=memory.list()[0].created_at),
    "add": lambda memory: memory.add("new"),
    "add_many": lambda memory: memory.add_many(["new", "newer"]),
    "add with a vector": lambda memory: memory.add("new", vector=[1.0] * 64),
    "update": lambda memory: memory.update("0", content="new"),
    "update the vector": lambda memory: memory.update("0", vector=[1.0] * 64),
}


@pytest.mark.parametrize("verb", REFUSED)
@pytest.mark.parametrize("embedder", [NEW, ALIKE], ids=["other length", "same length"])
@pytest.mark.parametrize("warm", [True, False])
def test_an_old_handle_is_refused_and_told_how_to_go_on(
    stocked: Memory, path: Path, verb: str, embedder: HashingEmbedder, *, warm: bool
) -> None:
    with opened(path) as old:
        if warm:  # what it remembers of spaces and vectors is of no use any more
            assert old.search("tea")
            assert old.search("tea", scope="a") == []
        stocked.reindex(embedder)
        before = stocked.list(order_by="id")
        for _ in range(2):
            with pytest.raises(ModelMismatchError) as caught:
                REFUSED[verb](old)
            said = str(caught.value)
            assert embedder.identity in said
            assert OLD.identity in said
            assert "64" in said
            assert str(embedder.dimension) in said
            assert "memory.reindex(embedder)" in said
        assert stocked.list(order_by="id") == before


def test_an_old_handle_still_does_what_needs_no_vectors(stocked: Memory, path: Path) -> None:
    with opened(path) as old:
        old.search("tea")
        stocked.reindex(NEW)
        assert [hit.id for hit in old.search("tea", mode="lexical")] == ["0"]
        assert old.count() == len(old.list()) == 3
        assert old.update("0", metadata={"n": 1}).version == 2
        assert old.add("quiet", embed=False).content == "quiet"
        assert old.delete("1") == 1
        assert old.search() != []
    assert stocked.verify().ok


def test_an_old_handle_takes_the_new_embedder_without_embedding_again(
    stocked: Memory, path: Path
) -> None:
    with opened(path) as old:
        view = old.scope("")
        stocked.reindex(NEW)
        watched = Watched(before=lambda _: None)
        assert old.reindex(watched).switched
        assert watched.texts == 0
        assert found(old) == found(view) == found(stocked)
        old.add("new", id="new")
        assert stocked.search("new")[0].id == "new"


def test_there_and_back_again_an_old_handle_goes_on(stocked: Memory, path: Path) -> None:
    with opened(path) as old:
        before = found(old)
        stocked.reindex(NEW)
        stocked.reindex(OLD)
        assert found(old) == before
        old.add("bridge", id="new")
        assert old.search("bridge")[0].id == stocked.search("bridge")[0].id == "new"


def test_views_use_the_new_embedder_at_once(stocked: Memory) -> None:
    view = stocked.scope("a")
    assert view.search("tea") == []
    stocked.reindex(NEW)
    assert view.search("tea") == []
    view.add("tea for two", id="a")
    assert [hit.id for hit in view.search("tea", mode="dense")] == ["a"]
    with pytest.raises(ModelMismatchError):
        view.add("x", vector=[1.0] * 64)
    assert view.add("x", vector=[1.0] * 48)


def test_a_cache_of_vectors_outlives_the_space_it_was_read_from(stocked: Memory) -> None:
    assert stocked.search("tea")
    stocked.reindex(NEW)
    # Follows the journal with blocks of a space that is no more.
    stocked.add("tea again", id="again")
    assert {hit.id for hit in stocked.search("tea", mode="dense")} == {"0", "1", "2", "again"}


def test_without_an_embedder_a_memory_is_read_and_moved(stocked: Memory, path: Path) -> None:
    stocked.close()
    with Memory(path) as memory:
        assert memory.get("0") is not None
        assert [record.id for record in memory.list(order_by="id")] == ["0", "1", "2"]
        assert [hit.id for hit in memory.search("tea", mode="lexical")] == ["0"]
        assert len(memory.search()) == 3
        assert memory.stats().spaces[0].identity == OLD.identity
        for verb in ("search", "dense search", "add", "update"):
            with pytest.raises(ModelMismatchError, match=r"hashing-64.*static-en.*reindex"):
                REFUSED[verb](memory)
        for vector in ([1.0] * 64, [1.0] * 256):
            with pytest.raises(ModelMismatchError):
                memory.search(vector=vector)
        memory.reindex(NEW)
        assert memory.search("tea river")[0].id == "0"
    with pytest.raises(ModelMismatchError, match=r"hashing-48.*hashing-64.*reindex"):
        opened(path)


def test_a_memory_of_vectors_made_elsewhere_is_moved_by_its_content(path: Path) -> None:
    vectors = np.eye(3, dtype=np.float32)
    with Memory(path, embedder=PrecomputedEmbedder("theirs@1", 3)) as memory:
        for number, content in enumerate(TEXTS):
            memory.add(content, id=str(number), vector=vectors[number])
    with Memory(path) as memory:
        report = memory.reindex(NEW)
        assert (report.records, report.given) == (3, 3)
        assert memory.search("coffee")[0].id == "1"


def test_another_length_for_a_space_says_what_is_stored_and_what_was_given(
    stocked: Memory,
) -> None:
    stocked.add("x", vectors={"theirs": [1, 2, 3]})
    refused: list[Callable[[], object]] = [
        lambda: stocked.search(vector=[1, 2], space="theirs"),
        lambda: stocked.add("x", vectors={"theirs": [1, 2]}),
    ]
    for verb in refused:
        with pytest.raises(ModelMismatchError, match=r"'theirs' with 3 .*with 2.*another space"):
            verb()
    with pytest.raises(ModelMismatchError, match=r"64 numbers.*given 2.*reindex"):
        stocked.add("x", vector=[1, 2])
