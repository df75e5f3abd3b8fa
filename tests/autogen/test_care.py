"""Cancelling, failing, closing, clearing, isolation, and the event loop that goes on."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from autogen_core import EVENT_LOGGER_NAME, CancellationToken
from tests.autogen.agents import agent, blocks, model, sent, text

from autogen_commonplace import CommonplaceMemory, RecallFailedEvent
from commonplace import (
    EmbedderError,
    HashingEmbedder,
    InvalidInputError,
    Memory,
    NotFoundError,
    OutsideViewError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = pytest.mark.anyio


class Gate:
    """An embedder that says when it is asked, and answers when it is let."""

    identity = "gate"
    dimension = 4
    passage_length = None

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.open = threading.Event()

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked.set()
        assert self.open.wait(120)
        return np.ones((len(texts), 4), dtype=np.float32)

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self.embed_documents(texts)


class Broken(Gate):
    """An embedder that fails."""

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        raise RuntimeError(texts[0])


@pytest.fixture
def gate() -> Gate:
    return Gate()


def gated(gate: Gate) -> Memory:
    return Memory(":memory:", embedder=gate)


async def test_a_token_cancelled_before_writes_nothing(
    book: CommonplaceMemory, memory: Memory
) -> None:
    token = CancellationToken()
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await book.add(text("green tea"), token)
    with pytest.raises(asyncio.CancelledError):
        await book.add_many([text("green tea")], cancellation_token=token)
    memory.add("kept", id="0", scope="users/alice")
    with pytest.raises(asyncio.CancelledError):
        await book.update("0", text("green tea"), token)
    with pytest.raises(asyncio.CancelledError):
        await book.delete("0", token)
    with pytest.raises(asyncio.CancelledError):
        await book.query("kept", token)
    assert [record.content for record in memory.list()] == ["kept"]


@pytest.mark.parametrize("how", ["token", "task"])
async def test_a_write_cancelled_on_its_way_is_whole_when_the_caller_goes_on(
    gate: Gate, how: str
) -> None:
    with gated(gate) as memory:
        book, token = CommonplaceMemory(memory), CancellationToken()
        adding = asyncio.ensure_future(book.add(text("green tea"), token))
        assert await asyncio.to_thread(gate.asked.wait, 60)
        if how == "token":
            token.cancel()
        else:
            adding.cancel()
        await asyncio.sleep(0)
        assert not adding.done()  # nothing is left running behind the caller's back
        gate.open.set()
        with pytest.raises(asyncio.CancelledError):
            await adding
        assert memory.count() == 1


async def test_a_write_that_waits_for_a_thread_is_never_done_once_cancelled(
    book: CommonplaceMemory, memory: Memory
) -> None:
    busy = threading.Event()
    loop = asyncio.get_running_loop()
    threads = [loop.run_in_executor(None, busy.wait, 60) for _ in range(64)]
    token = CancellationToken()
    adding = asyncio.ensure_future(book.add(text("green tea"), token))
    await asyncio.sleep(0)
    token.cancel()
    busy.set()
    with pytest.raises(asyncio.CancelledError):
        await adding
    await asyncio.gather(*threads)
    assert memory.count() == 0


async def test_a_cancelled_write_that_fails_leaves_no_complaint(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Failing(Gate):
        def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
            super().embed_documents(texts)
            raise RuntimeError

    gate = Failing()
    gc.collect()  # what other tests left may complain before, and not in the midst
    caplog.clear()
    with gated(gate) as memory:
        adding = asyncio.ensure_future(CommonplaceMemory(memory).add(text("tea")))
        assert await asyncio.to_thread(gate.asked.wait, 60)
        adding.cancel()
        gate.open.set()
        with pytest.raises(asyncio.CancelledError):
            await adding
        assert memory.count() == 0
    del adding
    gc.collect()
    assert [record for record in caplog.records if record.name == "asyncio"] == []


async def test_the_event_loop_goes_on_while_a_memory_waits(gate: Gate) -> None:
    with gated(gate) as memory:
        memory.add("tea", vector=[1.0, 0.0, 0.0, 0.0])
        book = CommonplaceMemory(memory)
        waiting = [
            asyncio.ensure_future(work)
            for work in (book.add(text("tea")), book.query("tea"), book.add(text("coffee")))
        ]
        assert await asyncio.to_thread(gate.asked.wait, 60)
        for _ in range(1000):
            await asyncio.sleep(0)
        assert not any(work.done() for work in waiting)
        gate.open.set()
        await asyncio.gather(*waiting)
        assert len((await book.query("tea")).results) == 3


@pytest.mark.files
async def test_an_agent_goes_on_when_its_memory_is_down(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no directory")
    book = CommonplaceMemory(tmp_path / "file", name="notes")
    client = model()
    with caplog.at_level(logging.WARNING, EVENT_LOGGER_NAME):
        result = await agent(client, book).run(task="green tea?")
    assert result.messages[-1].to_text() == "reply 0"
    assert blocks(sent(client)) == []
    (event,) = failures(caplog)
    told = json.loads(str(event))
    assert (told["type"], told["memory"]) == ("RecallFailed", "notes")
    assert told["detail"]
    with pytest.raises(Exception, match="file"):
        await book.query("green tea")


async def test_it_raises_on_request_and_never_logs_the_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with gated(Broken()) as memory:
        memory.add("tea", vector=[1.0, 0.0, 0.0, 0.0])
        with pytest.raises(EmbedderError):
            await agent(model(), CommonplaceMemory(memory, on_error="raise")).run(task="tea?")

        def fail(_: object) -> str:
            raise RuntimeError("tea?")

        with caplog.at_level(logging.WARNING, EVENT_LOGGER_NAME):
            await agent(model(), CommonplaceMemory(memory, query_from=fail)).run(task="tea?")
    (event,) = [
        record.msg for record in caplog.records if isinstance(record.msg, RecallFailedEvent)
    ]
    assert event.kwargs["error"] == "RuntimeError"
    assert "tea?" not in str(event)


async def test_closing_keeps_the_data_and_the_next_call_opens_again(path: Path) -> None:
    book = CommonplaceMemory(path, embedder=HashingEmbedder(16))
    (record_id,) = await book.add_many([text("green tea")])
    await book.close()
    await book.close()
    found = await book.get(record_id)
    assert found is not None
    assert found.content == "green tea"
    await book.close()
    with Memory(path) as memory:
        assert memory.count() == 1


async def test_what_was_handed_in_is_never_closed(memory: Memory) -> None:
    await CommonplaceMemory(memory).close()
    assert memory.count() == 0


async def test_clearing_clears_its_scope_only(memory: Memory) -> None:
    books = {user: CommonplaceMemory(memory, user=user) for user in ("alice", "alice2")}
    for book in books.values():
        await book.add(text("green tea"))
    memory.add("by another face", scope="users/alice/notes")
    memory.add("at the root")
    await books["alice"].clear()
    assert sorted(record.scope.path for record in memory.list()) == ["", "users/alice2"]
    await books["alice"].clear()
    await CommonplaceMemory(memory).clear()
    assert memory.count() == 0


NAMES = [
    "alice",
    "Alice",
    "alice2",
    "ali",
    "al%",
    "_lice",
    "alice/x",
    "alice\\",
    "*",
    "\N{CYRILLIC SMALL LETTER A}lice",
    "alice ",
    ".",
]


async def test_users_with_confusable_names_see_only_their_own(memory: Memory) -> None:
    books = {user: CommonplaceMemory(memory, user=user) for user in NAMES}
    ids = {
        user: (await book.add_many([text(f"tea of {user!r}")]))[0] for user, book in books.items()
    }
    assert len({book.name for book in books.values()}) == len(NAMES)
    for user, book in books.items():
        found = (await book.query("tea", k=100)).results
        assert [one.content for one in found] == [f"tea of {user!r}"]
        client = model()
        await agent(client, book).run(task="tea?")
        assert blocks(sent(client))[0].count("> tea of") == 1
        for other, record_id in ids.items():
            if other != user:
                assert await book.get(record_id) is None
                assert await book.delete(record_id) == 0
                with pytest.raises(NotFoundError):
                    await book.update(record_id, text("stolen"))
    assert memory.count() == len(NAMES)


async def test_a_view_that_only_reads_is_recalled_from_and_not_written(memory: Memory) -> None:
    memory.add("green tea", scope="shared")
    memory.add("black tea", scope="private")
    book = CommonplaceMemory(memory.view(read=["shared"]))
    assert [one.content for one in (await book.query("tea")).results] == ["green tea"]
    for work in (book.add(text("tea")), book.clear()):
        with pytest.raises(OutsideViewError):
            await work
    assert memory.count() == 2


async def test_what_may_be_recalled_can_be_narrowed(memory: Memory) -> None:
    memory.add("green tea", metadata={"hot": True}, tags=["drink"])
    memory.add("iced tea", metadata={"hot": False}, kind="summary")
    hot = CommonplaceMemory(memory, filter={"hot": True})
    tagged = CommonplaceMemory(memory, tags=["drink"])
    summaries = CommonplaceMemory(memory, kinds=["summary"])
    assert await contents(hot) == ["green tea"]
    assert await contents(tagged) == ["green tea"]
    assert await contents(summaries) == ["iced tea"]
    assert await contents(hot, filter={"hot": False}) == ["iced tea"]
    assert await contents(hot, k=1, filter=None) in (["green tea"], ["iced tea"])


async def test_a_threshold_is_the_true_cosine(memory: Memory) -> None:
    book = CommonplaceMemory(memory, threshold=0.5)
    await book.add_many([text("green tea"), text("a slow train to Rome")])
    found = (await book.query("green tea")).results
    assert [one.content for one in found] == ["green tea"]
    assert found[0].metadata is not None
    assert found[0].metadata["score"] == found[0].metadata["similarity"]
    assert len((await book.query("green tea", threshold=-1)).results) == 2


async def test_repeated_ids_write_nothing_twice(book: CommonplaceMemory, memory: Memory) -> None:
    for _ in range(2):
        assert await book.add_many([text("green tea"), text("tea")], ids=["0", "1"]) == ["0", "1"]
    assert memory.count() == 2
    with pytest.raises(InvalidInputError, match="one id for each"):
        await book.add_many([text("green tea")], ids=[])
    assert await book.delete(["0", "2"]) == 1
    assert await book.delete([]) == 0
    assert memory.count() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"k": 0},
        {"threshold": 2},
        {"threshold": 0.5, "mode": "lexical"},
        {"name": "memory:x"},
        {"role": "assistant"},
        {"token_budget": 0},
        {"embedder": HashingEmbedder(16)},
        {"query_from": "nowhere"},
        {"scope": "a//b"},
    ],
)
def test_what_is_malformed_is_refused_at_once(memory: Memory, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        CommonplaceMemory(memory, **wrong)


async def test_an_unknown_argument_of_a_query_is_refused(book: CommonplaceMemory) -> None:
    with pytest.raises(InvalidInputError, match="n_results"):
        await book.query("tea", n_results=3)


async def contents(book: CommonplaceMemory, **arguments: Any) -> list[object]:
    return [one.content for one in (await book.query("tea", **arguments)).results]


def failures(caplog: pytest.LogCaptureFixture) -> list[RecallFailedEvent]:
    """What was logged for programs to read."""
    logged = [record.msg for record in caplog.records if record.name == EVENT_LOGGER_NAME]
    return [message for message in logged if isinstance(message, RecallFailedEvent)]
