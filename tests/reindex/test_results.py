"""After a reindex a memory is what it would be had it had the embedder from the start."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.reindex.lives import (
    NEW,
    OLD,
    Life,
    Watched,
    assert_alike,
    assert_nothing_left,
    found,
    held,
    rest,
    rows,
)

from commonplace import (
    AsyncMemory,
    ConflictError,
    EmbedderError,
    HashingEmbedder,
    InvalidInputError,
    Memory,
    ModelMismatchError,
    OutsideViewError,
    PrecomputedEmbedder,
    ReindexReport,
)
from commonplace.ledger.reindexing import WHITE_SPACE
from commonplace.testing import FakeClock

if TYPE_CHECKING:
    from pathlib import Path


def lived(where: str | Path, embedder: Any, seed: int) -> tuple[Memory, Life]:
    clock, life = FakeClock(), Life(seed)
    memory = Memory(where, embedder=embedder, clock=clock, index="exact")
    life.live(memory, clock, 150)
    return memory, life


@pytest.mark.parametrize(("where", "seed"), [(":memory:", 0), ("on disk", 1), ("on disk", 2)])
def test_nothing_tells_it_from_a_memory_that_had_the_embedder_from_the_start(
    path: Path, where: str, seed: int
) -> None:
    moved, ours = lived(path if where == "on disk" else ":memory:", OLD, seed)
    fresh, theirs = lived(":memory:", NEW, seed)
    with moved, fresh:
        former = held(moved, "default")
        told: list[tuple[int, int]] = []
        report = moved.reindex(
            NEW, batch=7, progress=lambda done, total: told.append((done, total))
        )
        assert_alike(moved, fresh, (ours, theirs))
        assert_nothing_left(moved, {"default"})
        assert report.records + report.versions == len(former) == len(held(moved, "default"))
        assert (report.former, report.identity) == (OLD.identity, NEW.identity)
        assert (report.other_texts, report.given, report.without) == (0, 0, 0)
        assert report.vectors == moved.stats().spaces[0].vectors > report.records
        assert told[-1] == (len(former), len(former))
        assert told == sorted(told)
        assert len(told) >= len(former) / 7
        moved.add("tea at last", id="last")
        fresh.add("tea at last", id="last")
        assert found(moved) == found(fresh)


def test_it_is_the_new_memory_when_it_is_opened_again(path: Path) -> None:
    moved, _ = lived(path, OLD, 0)
    with moved:
        moved.reindex(NEW)
        expected = found(moved)
    with Memory(path, embedder=NEW) as memory:
        assert found(memory) == expected
        assert memory.verify().ok


def test_the_same_length_and_another_model(path: Path) -> None:
    class Other(HashingEmbedder):
        def __init__(self) -> None:
            super().__init__(64)
            self.identity = "other@1"

        def embed_documents(self, texts: Any) -> Any:
            return -super().embed_documents(texts)

    with Memory(path, embedder=HashingEmbedder(64)) as memory:
        memory.add("tea", id="a")
        before = held(memory, "default")
        memory.reindex(Other())
        vector = np.frombuffer(held(memory, "default")["a", 1], "<f4")
        assert np.array_equal(vector, -np.frombuffer(before["a", 1], "<f4"))
        assert memory.search("tea", mode="dense")[0].similarity == pytest.approx(1)


def test_records_without_vectors_stay_without(memory: Memory) -> None:
    memory.add("tea in secret", id="quiet", embed=False)
    memory.add("tea", id="loud")
    report = memory.reindex(NEW)
    assert (report.records, report.without) == (1, 0)
    assert [hit.id for hit in memory.search("tea", mode="dense")] == ["loud"]
    assert set(held(memory, "default")) == {("loud", 1)}


def test_vectors_of_other_texts_and_of_the_caller_become_those_of_the_content(
    memory: Memory,
) -> None:
    memory.add("tea", id="plain")
    memory.add("tea", id="texts", embed=["coffee", "milk"])
    memory.add("tea", id="given", vector=[1.0] * 64)
    memory.add("", id="empty", embed=["coffee"])
    memory.add("\u2003 \n", id="blank", vector=[1.0] * 64)
    memory.add("tea", id="then given")
    memory.update("then given", vector=[1.0] * 64)
    memory.add("tea", id="then plain", vector=[1.0] * 64)
    memory.update("then plain", content="milk")
    planned = memory.reindex(NEW, dry_run=True)
    report = memory.reindex(NEW)
    assert (report.records, report.versions) == (5, 2)
    assert (report.other_texts, report.given, report.without) == (1, 3, 2)
    assert (planned.switched, planned.vectors) == (False, 0)
    expected = {**report.to_dict(), "switched": False, "vectors": 0}
    assert planned.to_dict() == expected
    same = {hit.id: hit.similarity for hit in memory.search("tea", mode="dense")}
    assert {name for name, near in same.items() if near == pytest.approx(1)} == {
        "plain",
        "texts",
        "given",
        "then given",
    }
    assert "empty" not in same
    assert memory.get("empty") is not None
    again = memory.reindex(OLD)
    assert (again.other_texts, again.given, again.without) == (0, 0, 0)


def test_spaces_of_other_models_are_not_touched(memory: Memory) -> None:
    memory.add("tea", id="both", vectors={"theirs": [[1, 0], [0, 1]]})
    memory.add("tea", id="theirs alone", vectors={"theirs": [1, 1]}, embed=False)
    memory.update("both", content="coffee", vectors={"theirs": [0, 1]})
    before = held(memory, "theirs")
    assert len(before) == 3
    memory.reindex(NEW)
    assert held(memory, "theirs") == before
    hits = memory.search(vector=[0, 1], space="theirs")
    assert [hit.id for hit in hits] == ["both", "theirs alone"]
    assert_nothing_left(memory, {"default", "theirs"})


def test_the_old_vectors_can_be_kept_under_their_own_name(memory: Memory) -> None:
    life, clock = Life(5), FakeClock()
    life.live(memory, clock, 100)
    before = held(memory, "default")
    query = HashingEmbedder(64).embed_queries(["tea by the river"])[0]
    hits = memory.search(vector=query, limit=1_000)
    report = memory.reindex(NEW, keep_old=True)
    kept = HashingEmbedder(64).identity
    assert report.kept == kept
    assert held(memory, kept) == before
    again = memory.search(vector=query, space=kept, limit=1_000)
    assert [(hit.id, hit.score) for hit in again] == [(hit.id, hit.score) for hit in hits]
    assert_nothing_left(memory, {"default", kept})
    memory.reindex(HashingEmbedder(64))
    with pytest.raises(ConflictError, match="hashing-64"):
        memory.reindex(HashingEmbedder(32), keep_old=True)
    memory.reindex(HashingEmbedder(32))
    assert_nothing_left(memory, {"default", kept})


def test_a_name_that_is_taken_is_not_overwritten(memory: Memory) -> None:
    name = f"default@{NEW.identity}"
    memory.add("tea", id="a", vectors={name: [1, 2, 3]})
    with pytest.raises(ConflictError, match="another identity"):
        memory.reindex(NEW)
    assert [hit.id for hit in memory.search(vector=[1, 2, 3], space=name)] == ["a"]
    memory.reindex(HashingEmbedder(8))
    assert_nothing_left(memory, {"default", name})


def test_the_embedder_in_use_leaves_nothing_to_do(memory: Memory) -> None:
    memory.add("tea")
    seen: list[int] = []
    watched = Watched(64, before=seen.append)
    report = memory.reindex(watched)
    assert report == ReindexReport(
        identity=watched.identity, dimension=64, switched=True, vectors=1
    )
    assert seen == []
    memory.add("coffee")
    assert seen == [1], "the memory uses the embedder that was given"


def test_an_empty_memory_has_the_new_embedder(path: Path) -> None:
    with Memory(path, embedder=OLD) as memory:
        assert memory.reindex(NEW, dry_run=True).records == 0
        report = memory.reindex(NEW)
        assert (report.records, report.former, report.switched) == (0, None, True)
        memory.add("tea", id="a")
        assert [hit.id for hit in memory.search("tea")] == ["a"]
        assert_nothing_left(memory, {"default"})
    with Memory(path, embedder=NEW) as memory:
        assert memory.count() == 1


def test_a_view_cannot_reindex(memory: Memory) -> None:
    memory.add("tea", scope="a")
    views = [memory.scope("a"), memory.view(read=["a"], write="a"), memory.view(read=[""])]
    for view in views:
        with pytest.raises(OutsideViewError):
            view.reindex(NEW)
        with pytest.raises(OutsideViewError):
            view.reindex(NEW, dry_run=True)
    assert memory.view(read=[""], write="").reindex(NEW).switched
    assert views[0].search("tea")[0].content == "tea"


MALFORMED: list[tuple[Any, dict[str, Any]]] = [
    (None, {}),
    ("builtin", {}),
    (len, {}),
    (NEW, {"batch": 0}),
    (NEW, {"batch": True}),
    (NEW, {"batch": 1.5}),
    (NEW, {"batch": 100_001}),
    (NEW, {"keep_old": 1}),
    (NEW, {"dry_run": "yes"}),
    (NEW, {"progress": 3}),
]


@pytest.mark.parametrize(("given", "options"), MALFORMED)
def test_malformed_arguments_change_nothing(
    memory: Memory, given: Any, options: dict[str, Any]
) -> None:
    memory.add("tea")
    with pytest.raises(InvalidInputError):
        memory.reindex(given, **options)
    assert_nothing_left(memory, {"default"})
    assert memory.search("tea")


def test_an_embedder_that_fails_leaves_the_memory_as_it_was(memory: Memory) -> None:
    life = Life(1)
    life.live(memory, FakeClock(), 60)
    before = found(memory)

    def fail(call: int) -> None:
        if call == 3:
            raise RuntimeError("tea was said")

    failing = Watched(before=fail)
    with pytest.raises(EmbedderError) as caught:
        memory.reindex(failing, batch=5)
    assert "tea" not in str(caught.value)
    assert "go on" in str(caught.value)
    assert found(memory) == before
    assert memory.verify().ok
    assert memory.repair().mended == ()
    half = next(space for space in memory.stats().spaces if space.partial)
    assert (half.identity, half.name) == (NEW.identity, f"default@{NEW.identity}")
    assert half.vectors > 0
    with pytest.raises(EmbedderError):
        memory.reindex(PrecomputedEmbedder("theirs@1", 3))
    memory.reindex(NEW)
    assert_nothing_left(memory, {"default"})


def test_half_made_vectors_are_neither_searched_nor_written_by_name(memory: Memory) -> None:
    memory.add_many(["tea", "coffee", "milk"])

    def stop(done: int, _total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        memory.reindex(NEW, batch=1, progress=stop)
    name = f"default@{NEW.identity}"
    assert memory.search(vector=[1.0] * 48, space=name) == []
    with pytest.raises(ModelMismatchError):
        memory.add("x", vectors={name: [1.0] * 48})


def test_giving_up_drops_what_was_half_done(memory: Memory) -> None:
    memory.add_many(["tea", "coffee", "milk"])

    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    for embedder in (NEW, HashingEmbedder(32), NEW):
        with pytest.raises(KeyboardInterrupt):
            memory.reindex(embedder, batch=1, progress=stop)
        assert sum(space.partial for space in memory.stats().spaces) == 1
    memory.reindex(HashingEmbedder(64))
    assert_nothing_left(memory, {"default"})
    assert memory.search("tea")[0].content == "tea"


def test_space_ids_are_never_used_again(memory: Memory) -> None:
    memory.add("tea")
    seen: set[int] = set()
    for dimension in (32, 16, 64, 32):
        memory.reindex(HashingEmbedder(dimension))
        seen.add(rows(memory, "SELECT id FROM spaces WHERE name = 'default'")[0][0])
    assert len(seen) == 4


def test_blank_content_is_told_as_python_tells_it() -> None:
    assert set(WHITE_SPACE) == {
        character for character in map(chr, range(sys.maxunicode + 1)) if character.isspace()
    }


@pytest.mark.anyio
async def test_the_same_with_await(path: Path) -> None:
    async with await AsyncMemory.open(path, embedder=OLD) as memory:
        await memory.add_many([f"tea {n}" for n in range(20)])
        told: list[tuple[int, int]] = []
        report = await memory.reindex(
            NEW, batch=5, progress=lambda done, total: told.append((done, total))
        )
        assert (report.records, told) == (20, [(5, 20), (10, 20), (15, 20), (20, 20)])
        assert (await memory.search("tea 7"))[0].content == "tea 7"
        with pytest.raises(InvalidInputError):
            await memory.reindex(OLD, progress=3)  # pyright: ignore[reportArgumentType]


@pytest.mark.anyio
async def test_a_cancelled_call_stops_after_its_batch_and_goes_on_later(path: Path) -> None:
    import anyio  # noqa: PLC0415 - only here

    async with await AsyncMemory.open(path, embedder=OLD) as memory:
        await memory.add_many([f"tea {n}" for n in range(20)])
        scope = anyio.CancelScope()
        watched = Watched(
            before=lambda call: anyio.from_thread.run_sync(scope.cancel) if call == 2 else None
        )
        with scope:
            await memory.reindex(watched, batch=5)
        assert scope.cancelled_caught
        assert watched.calls == 2
        assert [s.vectors for s in (await memory.stats()).spaces if s.partial] == [10]
        again = Watched(before=rest)
        assert (await memory.reindex(again, batch=5)).records == 20
        assert again.texts == 10
