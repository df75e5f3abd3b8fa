"""What `CommonplaceStorage` promises where CrewAI's own stores break."""

from __future__ import annotations

import asyncio
import copy
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from crewai.memory.storage.backend import EmbeddingDimensionMismatchError, StorageBackend
from crewai.memory.types import MemoryRecord
from tests.crewai.records import EAST, JUNE, NORTH, record
from tests.pgserver import place_of

from commonplace import ClosedStoreError, HashingEmbedder, InvalidInputError, Memory, Source
from crewai_commonplace import CommonplaceStorage
from crewai_commonplace.opened import Opened

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def storage(shared: Memory) -> CommonplaceStorage:
    return CommonplaceStorage(shared)


@pytest.fixture
def tree(storage: CommonplaceStorage) -> CommonplaceStorage:
    scopes = {"root": "/", "a": "/a", "ac": "/a/c", "ab": "/ab", "a-b": "/a-b", "A": "/A"}
    storage.save([record(name, scope) for name, scope in scopes.items()])
    return storage


def left(storage: CommonplaceStorage) -> set[str]:
    return {one.id for one in storage.list_records()}


def found(storage: CommonplaceStorage, **asked: Any) -> list[str]:
    return [one.id for one, _ in storage.search(EAST, **asked)]


def test_it_is_a_storage_backend(storage: CommonplaceStorage) -> None:
    assert isinstance(storage, StorageBackend)


def test_what_goes_in_comes_out_equal(storage: CommonplaceStorage) -> None:
    whole = record(
        "an id / of % any kind",
        "/a b/ü/%",
        categories=["x", "Größe", "x"],
        metadata={"n": 2**70, "f": 0.1, "deep": {"list": [None, True, {"a.b": "\u2028"}]}},
        importance=0.123456789,
        last_accessed=JUNE + timedelta(seconds=1, microseconds=7),
        source="user-7",
        private=True,
        embedding=[0.5, -0.25, 0.125, 3.0],
    )
    storage.save([whole])
    assert storage.get_record(whole.id) == whole
    assert storage.list_records() == [whole.model_copy(update={"embedding": None})]


@pytest.mark.parametrize("prefix", ["/a", "a", "/a/", "//a", "a//"])
def test_a_prefix_is_a_path_of_whole_segments(tree: CommonplaceStorage, prefix: str) -> None:
    assert set(found(tree, scope_prefix=prefix)) == {"a", "ac"}
    assert {one.id for one in tree.list_records(prefix)} == {"a", "ac"}
    assert tree.count(prefix) == 2
    assert tree.get_scope_info(prefix).path == "/a"
    assert tree.list_scopes(prefix) == ["/a/c"]


@pytest.mark.parametrize("prefix", [None, "", "/", "//"])
def test_none_empty_and_slash_are_everything(tree: CommonplaceStorage, prefix: str | None) -> None:
    assert tree.count(prefix) == len(found(tree, scope_prefix=prefix)) == 6


@pytest.mark.parametrize("given", ["a/x", "/a/x/", "//a//x"])
def test_a_scope_is_normalised_when_it_is_written(storage: CommonplaceStorage, given: str) -> None:
    storage.save([record("x", given)])
    assert storage.list_records("/a")[0].scope == "/a/x"


def test_an_intermediate_path_is_a_child(storage: CommonplaceStorage) -> None:
    storage.save([record("x", "/a/b/c"), record("y", "/a/d")])
    assert storage.list_scopes("/") == ["/a"]
    assert storage.list_scopes("/a") == ["/a/b", "/a/d"]


def test_a_slash_within_a_segment_is_written_escaped(
    shared: Memory, storage: CommonplaceStorage
) -> None:
    shared.add("x", scope=r"users/a\/b")
    shared.add("y", scope="users/a/b")
    assert storage.list_scopes("/users") == ["/users/a", r"/users/a\/b"]
    assert [one.content for one in storage.list_records(r"/users/a\/b")] == ["x"]


@pytest.mark.parametrize(
    "criteria",
    [
        {"record_ids": []},
        {"categories": []},
        {"metadata_filter": {}},
        {"record_ids": ["ab"], "scope_prefix": "/a"},
        {"record_ids": ["ab"], "older_than": JUNE},
        {"record_ids": ["ab"], "categories": ["c"]},
        {"record_ids": ["nobody"]},
        {"older_than": JUNE},
    ],
    ids=str,
)
def test_a_delete_that_nothing_fits_removes_nothing(
    tree: CommonplaceStorage, criteria: dict[str, Any]
) -> None:
    assert tree.delete(**criteria) == 0
    assert tree.count() == 6


def test_a_delete_without_criteria_removes_all_that_crewai_wrote(
    shared: Memory, tree: CommonplaceStorage
) -> None:
    kept = shared.add("of another framework", scope="a", source=Source(app="langgraph"))
    assert tree.delete(scope_prefix="/a") == 2
    assert tree.delete() == 4
    assert shared.list() == [kept]
    assert tree.delete(record_ids=[kept.id]) == 1


def test_older_than_takes_a_time_of_any_zone(storage: CommonplaceStorage) -> None:
    storage.save([record("old", created_at=JUNE), record("new", created_at=JUNE.replace(hour=2))])
    noon_elsewhere = datetime(2026, 6, 1, 3, tzinfo=timezone(timedelta(hours=2)))
    assert storage.delete(scope_prefix="/a", older_than=noon_elsewhere) == 1
    assert left(storage) == {"new"}


def test_resetting_a_scope_leaves_its_siblings(tree: CommonplaceStorage) -> None:
    tree.reset("/a")
    assert left(tree) == {"root", "ab", "a-b", "A"}


def test_times_come_back_naive_whatever_was_given(storage: CommonplaceStorage) -> None:
    storage.save([record("x", created_at=JUNE.replace(tzinfo=UTC), last_accessed=JUNE)])
    (seen,) = storage.list_records()
    assert (seen.created_at, seen.last_accessed) == (JUNE, JUNE)
    assert storage.get_scope_info("/").oldest_record == JUNE


def test_saving_a_known_id_replaces_it_wherever_it_lies(storage: CommonplaceStorage) -> None:
    storage.save([record("x", "/a")])
    later = record("x", "/b", created_at=JUNE + timedelta(1), categories=["c"])
    storage.save([record("x", "/c"), later])
    assert storage.list_records() == [later.model_copy(update={"embedding": None})]


def test_a_batch_with_a_bad_record_writes_nothing(storage: CommonplaceStorage) -> None:
    storage.save([record("x")])
    for bad in (datetime.now(tz=UTC), {1, 2}, float("nan")):
        with pytest.raises(InvalidInputError):
            storage.save([record("y"), record("x", metadata={"k": bad})])
    assert storage.list_records()[0].metadata == {}
    assert left(storage) == {"x"}


def test_an_update_without_an_embedding_keeps_the_vector(storage: CommonplaceStorage) -> None:
    storage.save([record("x"), record("y", embedding=NORTH)])
    storage.update(MemoryRecord(id="y", content="changed", scope="/a"))
    changed = storage.get_record("y")
    assert changed is not None
    assert (changed.content, changed.embedding) == ("changed", NORTH)
    assert storage.search(NORTH, limit=1)[0][0].id == "y"


def test_an_update_of_an_unknown_id_inserts_it(storage: CommonplaceStorage) -> None:
    storage.update(record("x"))
    assert found(storage) == ["x"]


@pytest.mark.parametrize("unusable", [None, [], [0.0, 0.0, 0.0, 0.0]])
def test_without_a_usable_vector_a_record_is_never_a_hit(
    storage: CommonplaceStorage, unusable: list[float] | None
) -> None:
    storage.save([record("x"), record("none", embedding=unusable)])
    assert found(storage) == ["x"]
    assert storage.count() == 2


def test_what_is_private_stays_private_through_a_consolidation(
    storage: CommonplaceStorage,
) -> None:
    storage.save([record("x", source="alice", private=True)])
    merged = MemoryRecord(id="x", content="merged", scope="/a", embedding=EAST)
    storage.update(merged)
    seen = storage.get_record("x")
    assert seen is not None
    assert (seen.content, seen.source, seen.private) == ("merged", "alice", True)
    storage.update(seen.model_copy(update={"private": False}))
    assert not storage.list_records()[0].private


def test_touching_moves_last_accessed_and_nothing_else(
    shared: Memory, storage: CommonplaceStorage
) -> None:
    storage.save([record("x"), record("y")])
    before = shared.get("x")
    storage.touch_records(["x", "nobody"])
    after = shared.get("x")
    assert before is not None
    assert after is not None
    assert (after.version, after.updated_at) == (before.version, before.updated_at)
    accessed = {one.id: one.last_accessed for one in storage.list_records()}
    assert accessed["x"] > JUNE
    assert accessed["y"] == JUNE


def test_scores_are_clamped_cosines(storage: CommonplaceStorage) -> None:
    west = [-1.0, 0.0, 0.0, 0.0]
    storage.save([record("e"), record("n", embedding=NORTH), record("w", embedding=west)])
    assert [(one.id, score) for one, score in storage.search([7.0, 0.0, 0.0, 0.0])] == [
        ("e", 1.0),
        ("n", 0.0),
        ("w", 0.0),
    ]
    assert found(storage, min_score=1.0) == ["e"]


def test_scores_can_be_those_of_lancedb(shared: Memory) -> None:
    storage = CommonplaceStorage(shared, score="lancedb")
    west = [-1.0, 0.0, 0.0, 0.0]
    storage.save([record("e"), record("n", embedding=NORTH), record("w", embedding=west)])
    scores = [score for _, score in storage.search(EAST)]
    assert scores == pytest.approx([1.0, 1 / 3, 1 / 5])


def test_limits_beyond_what_is_there(tree: CommonplaceStorage) -> None:
    assert tree.search(EAST, limit=0) == tree.search(EAST, limit=-1) == tree.search([]) == []
    assert len(tree.search(EAST, limit=None)) == len(tree.search(EAST, limit=10**9)) == 6
    assert len(tree.list_records(limit=10**9)) == 6
    assert tree.list_records(limit=0) == tree.list_records(offset=-1) == []


def test_a_vector_of_another_length_is_refused_by_crewais_own_error(
    shared: Memory, storage: CommonplaceStorage
) -> None:
    storage.save([record("x")])
    reopened = CommonplaceStorage(shared)
    longer = [1.0] * 8
    for call in (
        lambda: storage.save([record("y"), record("z", embedding=longer)]),
        lambda: reopened.save([record("z", embedding=longer)]),
        lambda: storage.update(record("x", embedding=longer)),
        lambda: reopened.search(longer),
    ):
        with pytest.raises(EmbeddingDimensionMismatchError) as refused:
            call()
        assert (refused.value.stored_dim, refused.value.new_dim) == (4, 8)
        assert "4-dimensional" in str(refused.value)
    assert left(storage) == {"x"}


def test_a_batch_of_two_lengths_is_refused_in_an_empty_store(storage: CommonplaceStorage) -> None:
    with pytest.raises(EmbeddingDimensionMismatchError):
        storage.save([record("x"), record("y", embedding=[1.0] * 8)])
    assert storage.count() == 0


def test_a_reset_frees_the_length(storage: CommonplaceStorage) -> None:
    storage.save([record("x")])
    storage.reset()
    storage.save([record("y", embedding=[1.0] * 8)])
    assert [one.id for one, _ in storage.search([1.0] * 8)] == ["y"]


def test_storages_of_two_scopes_share_nothing(shared: Memory) -> None:
    one = CommonplaceStorage(shared, scope="acme")
    other = CommonplaceStorage(shared, scope="acme-corp")
    one.save([record("x", embedding=[1.0] * 8)])
    other.save([record("y")])
    assert (left(one), left(other)) == ({"x"}, {"y"})
    assert other.get_record("x") is None
    assert other.delete(record_ids=["x"]) == 0
    other.reset()
    assert left(one) == {"x"}
    assert one.get_scope_info("/").record_count == 1


def test_what_others_wrote_is_shown_and_stays_theirs(
    shared: Memory, storage: CommonplaceStorage
) -> None:
    theirs = shared.add(
        "",
        scope="users/alice",
        key="k",
        value={"food": ["tea"], "a": 1},
        source=Source(app="langgraph", user="alice"),
        embed=False,
    )
    (seen,) = storage.list_records("/users")
    assert (seen.content, seen.source) == ('{"a": 1, "food": ["tea"]}', "alice")
    storage.update(seen.model_copy(update={"importance": 0.9}))
    after = shared.get(theirs.id)
    assert after is not None
    assert (after.value, after.content, after.key) == (theirs.value, "", "k")
    assert (after.importance, after.source) == (0.9, theirs.source)


def test_what_crewai_wrote_is_found_by_meaning_elsewhere(
    shared: Memory, storage: CommonplaceStorage
) -> None:
    storage.save([record("the database is postgres", "/team")])
    (hit,) = shared.search("which database", scope="team")
    assert hit.content == "the database is postgres"
    assert hit.record.source.app == "crewai"


def test_a_handed_in_memory_is_never_closed(shared: Memory, storage: CommonplaceStorage) -> None:
    storage.close()
    storage.save([record("x")])
    assert shared.count() == 1
    shared.close()
    with pytest.raises(ClosedStoreError):
        storage.count()


def test_a_path_is_opened_again_after_a_close(path: Path) -> None:
    storage = CommonplaceStorage(path, embedder=HashingEmbedder(16))
    storage.save([record("x")])
    storage.close()
    storage.close()
    storage.save([record("y")])
    other = CommonplaceStorage(path, embedder=HashingEmbedder(16))
    storage.save([record("z")])
    assert left(other) == {"x", "y", "z"}
    assert len(found(other)) == 3
    storage.reset()
    other.save([record("w")])
    assert left(storage) == left(other) == {"w"}
    storage.close()
    other.close()


def test_a_deep_copy_is_the_same_storage(storage: CommonplaceStorage) -> None:
    assert copy.deepcopy({"storage": storage})["storage"] is storage


def test_bad_arguments_are_refused(shared: Memory) -> None:
    refused: list[dict[str, Any]] = [
        {"score": "l2"},
        {"vectors": "mine"},
        {"embedder": HashingEmbedder(8)},
    ]
    for bad in refused:
        with pytest.raises(InvalidInputError):
            CommonplaceStorage(shared, **bad)
    with pytest.raises(InvalidInputError):
        CommonplaceStorage(7)  # pyright: ignore[reportArgumentType] - what callers without types do


def test_the_awaited_methods_do_the_same(storage: CommonplaceStorage) -> None:
    async def main() -> None:
        await storage.asave([record("x")])
        assert [one.id for one, _ in await storage.asearch(EAST, "/a", None, None, 3, 0.5)] == ["x"]
        assert await storage.adelete("/a") == 1

    asyncio.run(main())


def test_eight_threads_lose_nothing(path: Path) -> None:
    storage = CommonplaceStorage(path, embedder=HashingEmbedder(16))

    def work(number: int) -> None:
        storage.save([record(f"{number}-{n}", f"/t{number}") for n in range(5)])
        assert len(found(storage, scope_prefix=f"/t{number}")) == 5
        storage.touch_records([f"{number}-0"])
        if number % 4 == 0:
            storage.close()  # as `Memory.close` of one of several crews does
        assert storage.delete(record_ids=[f"{number}-1"]) == 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(16)))
    assert storage.count() == 16 * 4
    storage.close()


def test_closing_waits_for_the_work_that_others_are_in(path: Path) -> None:
    opened = Opened(path, {"embedder": HashingEmbedder(16)})

    def work(memory: Memory) -> int:
        for _ in range(3):  # each closes what the next use has opened
            opened.close()
            opened.use(lambda other: other.add("beside"))
        return memory.count()  # still open

    assert opened.use(work) == 3
    opened.close()


SAVER = """
import sys, time
from crewai.memory.types import MemoryRecord
from commonplace import HashingEmbedder
from crewai_commonplace import CommonplaceStorage
from crewai_commonplace.opened import Opened
path, name, ends = sys.argv[1:]
storage = CommonplaceStorage(path, embedder=HashingEmbedder(16))
for n in range(20):
    vector = [1.0, float(n), 0.0, 0.0]
    storage.save([MemoryRecord(id=f"{name}-{n}", content="x", scope="/p", embedding=vector)])
    print(n, flush=True)
while ends == "killed":
    time.sleep(1)
"""


def test_two_processes_and_a_kill_lose_nothing(path: Path) -> None:
    def start(name: str, ends: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", SAVER, place_of(path), name, ends],
            stdout=subprocess.PIPE,
            text=True,
        )

    with start("one", "killed") as one, start("two", "ended") as two:
        assert one.stdout is not None
        for line in one.stdout:
            if line.strip() == "19":
                break
        os.kill(one.pid, signal.SIGKILL)
        assert two.wait(timeout=120) == 0
    storage = CommonplaceStorage(path, embedder=HashingEmbedder(16))
    assert storage.count("/p") == len(found(storage, limit=100)) == 40
    storage.close()


def test_a_forked_child_opens_its_own(path: Path) -> None:
    storage = CommonplaceStorage(path, embedder=HashingEmbedder(16))
    storage.save([record("x")])
    child = os.fork()
    if not child:
        storage.save([record("y")])
        os._exit(0 if left(storage) == {"x", "y"} else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert left(storage) == {"x", "y"}
    storage.close()
