"""What ours does beyond LangGraph's interface, and how it is opened, closed and swept."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.store.base import GetOp, PutOp

from commonplace import EmbedderError, InvalidInputError, Memory, ModelMismatchError
from langgraph_store_commonplace import AsyncCommonplaceStore, CommonplaceStore, label, unlabel

if TYPE_CHECKING:
    from pathlib import Path

    from commonplace.testing import FakeClock

NS = ("users", "alice")


def letters(texts: list[str]) -> list[list[float]]:
    return [[float(text.count(letter)) + 0.01 for letter in "abcd"] for text in texts]


def other_letters(texts: list[str]) -> list[list[float]]:
    return letters(texts)


LETTERS: Any = {"dims": 4, "embed": letters, "fields": ["text"]}


@given(st.text())
def test_any_text_is_a_label_and_back(text: str) -> None:
    made = label(text)
    assert unlabel(made) == text
    assert made
    assert not set(made) & {".", "\0"}
    assert made not in {"langgraph", "*"}


def test_a_label_of_a_number_is_its_text() -> None:
    assert label(7427) == "7427"


def test_records_of_others_are_items(store: CommonplaceStore) -> None:
    keyless = store.memory.add("Alice moved to Lisbon", scope="users/alice", tags=["home"])
    store.memory.add("named", scope="users/alice", key="k", value=[1])
    item = store.get(NS, keyless.id)
    assert item is not None
    assert item.value == {
        "content": "Alice moved to Lisbon",
        "kind": "fact",
        "tags": ["home"],
        "metadata": {},
        "importance": 0.5,
    }
    assert {found.key for found in store.search(NS)} == {keyless.id, "k"}
    named = store.get(NS, "k")
    assert named is not None
    assert named.value["value"] == [1]


def test_a_put_over_a_record_of_others_takes_its_place(store: CommonplaceStore) -> None:
    keyless = store.memory.add("Alice moved to Lisbon", scope="users/alice")
    store.put(NS, keyless.id, {"text": "Alice moved to Porto"})
    (item,) = store.search(NS)
    assert item.value == {"text": "Alice moved to Porto"}
    assert item.created_at == keyless.created_at
    store.delete(NS, keyless.id)
    assert store.memory.count() == 0


def test_a_record_says_what_was_indexed(memory: Memory) -> None:
    store = CommonplaceStore(memory, index={"fields": ["title", "text"]})
    store.put(NS, "two", {"title": "Tea", "text": "is green"})
    store.put(NS, "none", {"b": 1, "a": 2}, index=False)
    contents = {record.key: record.content for record in memory.list()}
    assert contents == {"two": "Tea\nis green", "none": '{"a": 2, "b": 1}'}
    assert [hit.record.key for hit in memory.search("green", mode="lexical")] == ["two"]


@pytest.mark.parametrize("mode", ["hybrid", "lexical"])
def test_other_ways_to_rank(store: CommonplaceStore, mode: Any) -> None:
    store.put(NS, "tea", {"text": "green tea"})
    store.put(NS, "apple", {"text": "red apple"})
    found = store.search(NS, query="apple", mode=mode)
    assert found[0].key == "apple"
    assert found[0].score
    through = CommonplaceStore(store.memory, mode=mode)
    assert through.search(NS, query="apple") == found
    assert asyncio.run(store.asearch(NS, query="apple", mode=mode)) == found


def test_as_it_was(store: CommonplaceStore) -> None:
    store.put(NS, "k", {"n": 1})
    before = store.get(NS, "k")
    assert before is not None
    store.put(NS, "k", {"n": 2})
    store.put(NS, "new", {"n": 3})
    moment = before.updated_at
    assert store.get(NS, "k", as_of=moment) == before
    assert [item.value for item in store.search(NS, as_of=moment)] == [{"n": 1}]
    assert store.count(NS, as_of=moment) == 1
    assert asyncio.run(store.aget(NS, "k", as_of=moment)) == before
    assert asyncio.run(store.acount(NS, as_of=moment)) == 1


def test_namespaces_are_counted_and_deleted_by_whole_labels(store: CommonplaceStore) -> None:
    for namespace in (("a",), ("a", "b"), ("ab",)):
        store.put(namespace, "k", {"kind": "x"})
    assert store.count(("a",), filter={"kind": "x"}) == 2
    assert store.delete_namespace(("a",)) == 2
    assert store.list_namespaces() == [("ab",)]
    with pytest.raises(InvalidInputError):
        store.delete_namespace(())
    assert asyncio.run(store.adelete_namespace((), everything=True)) == 1


def test_a_store_under_a_scope_reaches_nothing_else(memory: Memory) -> None:
    one, two = (CommonplaceStore(memory, scope=f"apps/{name}") for name in ("a", "ab"))
    one.put(NS, "k", {"n": 1})
    two.put(NS, "k", {"n": 2})
    assert one.delete_namespace((), everything=True) == 1
    assert two.count() == 1
    assert two.list_namespaces(suffix=("ab", "users", "alice")) == []


def test_an_asynchronous_function_embeds_in_the_caller_s_loop(memory: Memory) -> None:
    loops: list[object] = []

    async def embed(texts: list[str]) -> list[list[float]]:
        loops.append(asyncio.get_running_loop())
        return letters(texts)

    index: Any = {"dims": 4, "embed": embed, "fields": ["text"]}
    store = CommonplaceStore(memory, index=index)

    async def work() -> None:
        await store.aput(NS, "a", {"text": "aaaa"})
        await store.aput(NS, "b", {"text": "bbbb"})
        assert [item.key for item in await store.asearch(NS, query="bb")] == ["b", "a"]
        assert set(loops) == {asyncio.get_running_loop()}

    asyncio.run(work())
    with pytest.raises((EmbedderError, ValueError)):
        store.put(NS, "c", {"text": "cccc"})
    assert store.get(NS, "c") is None


def test_texts_of_a_batch_are_embedded_once(memory: Memory) -> None:
    asked: list[list[str]] = []

    def embed(texts: list[str]) -> list[list[float]]:
        asked.append(texts)
        return letters(texts)

    index: Any = {"dims": 4, "embed": embed, "fields": ["text"]}
    store = CommonplaceStore(memory, index=index)
    store.batch([PutOp(NS, str(n), {"text": "abc"[n % 3]}) for n in range(9)])
    assert asked == [["a", "b", "c"]]


def test_another_function_cannot_open_a_path(tmp_path: Path) -> None:
    with CommonplaceStore(tmp_path / "m", index=LETTERS) as store:
        store.put(NS, "k", {"text": "abc"})
    other: Any = {**LETTERS, "embed": other_letters}
    with pytest.raises(ModelMismatchError):
        CommonplaceStore(tmp_path / "m", index=other)


def test_beside_a_memory_s_own_vectors(memory: Memory) -> None:
    store = CommonplaceStore(memory, index=LETTERS)
    store.put(NS, "a", {"text": "aaaa"})
    store.put(NS, "b", {"text": "bbbb"})
    assert store.search(NS, query="bb", limit=1)[0].key == "b"
    assert memory.search("aaaa", mode="dense", limit=1)[0].record.key == "a"


def test_settings_are_checked(memory: Memory) -> None:
    wrong: list[dict[str, Any]] = [
        {"mode": "best"},
        {"index": {"fields": "text"}},
        {"index": {"fields": [1]}},
        {"index": {"nothing": 1}},
    ]
    for settings in wrong:
        with pytest.raises(InvalidInputError):
            CommonplaceStore(memory, **settings)


def test_what_a_path_opened_is_closed_and_what_was_handed_in_is_not(memory: Memory) -> None:
    with CommonplaceStore(memory) as store:
        store.put(NS, "k", {"n": 1})
    assert memory.count() == 1
    with CommonplaceStore.from_conn_string(":memory:") as own:
        own.setup()
        own.put(NS, "k", {"n": 1})
        own.close()
        with pytest.raises(Exception, match="closed"):
            own.get(NS, "k")
    assert "CommonplaceStore" in repr(store)


def test_a_read_renews_a_life_as_long_as_it_was(memory: Memory, clock: FakeClock) -> None:
    store = CommonplaceStore(memory, ttl={"default_ttl": 0.5})
    store.put(NS, "k", {"n": 1})
    (record,) = memory.list()
    clock.wait(20)
    store.get(NS, "k")
    (renewed,) = memory.list()
    assert record.expires_at is not None
    assert renewed.expires_at is not None
    gained = renewed.expires_at - record.expires_at
    assert timedelta(seconds=20) <= gained < timedelta(seconds=20.1)
    assert (renewed.version, renewed.updated_at) == (record.version, record.updated_at)


def test_the_sweeper_sweeps_until_it_is_stopped(memory: Memory, clock: FakeClock) -> None:
    store = CommonplaceStore(memory, ttl={})
    store.put(NS, "k", {"n": 1}, ttl=1)
    clock.wait(61)
    swept = _swept(memory)
    future = store.start_ttl_sweeper(0.0001)
    assert swept.wait(timeout=120)
    assert store.stop_ttl_sweeper(timeout=120)
    future.result(timeout=120)
    assert store.stop_ttl_sweeper()
    store.start_ttl_sweeper(60).cancel()
    assert store.stop_ttl_sweeper(timeout=120)


def test_the_asynchronous_store_sweeps_too(memory: Memory, clock: FakeClock) -> None:
    async def work() -> None:
        async with AsyncCommonplaceStore(memory) as store:
            await store.setup()
            await store.aput(NS, "k", {"n": 1}, ttl=1)
            await store.aput(NS, "l", {"n": 1}, ttl=1)
            clock.wait(61)
            swept = _swept(memory)
            task = await store.start_ttl_sweeper(0.0001)
            assert await store.start_ttl_sweeper() is task
            assert await asyncio.to_thread(swept.wait, timeout=120)
            assert await store.stop_ttl_sweeper(timeout=120)
            assert await store.stop_ttl_sweeper()
            assert await store.sweep_ttl() == 0

    asyncio.run(work())


def test_the_asynchronous_store_opens_and_closes_a_path(tmp_path: Path) -> None:
    async def work() -> None:
        async with AsyncCommonplaceStore.from_conn_string(str(tmp_path / "m")) as store:
            await store.aput(NS, "k", {"n": 1})
        async with AsyncCommonplaceStore.from_conn_string(str(tmp_path / "m")) as store:
            assert await store.aget(NS, "k") is not None

    asyncio.run(work())


def test_a_cancelled_write_is_over_when_the_call_is(store: CommonplaceStore) -> None:
    async def work() -> None:
        writing = asyncio.ensure_future(store.aput(NS, "k", {"n": 1}))
        await asyncio.sleep(0)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing

    asyncio.run(work())
    assert store.get(NS, "k") == store.batch([GetOp(NS, "k")])[0]


def test_more_than_a_page_is_read_in_pages(
    store: CommonplaceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("langgraph_store_commonplace._engine._PAGE", 3)
    store.batch([PutOp(NS, str(n), {"n": n}) for n in range(10)])
    assert len(store.search(NS, limit=8, offset=1)) == 8
    assert len(store.search(NS, limit=10**9)) == 10
    assert len(store.search(NS, query="n", limit=10**9)) == 10


def _swept(memory: Memory) -> threading.Event:
    """What is set once something expired was removed."""
    swept = threading.Event()
    memory.on("expire", lambda _: swept.set())
    return swept
