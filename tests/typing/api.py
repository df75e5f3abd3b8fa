"""The public interface from a user's seat. Only checked by the type checker, never run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, assert_type

import numpy as np

from commonplace import (
    AsyncMemory,
    AsyncThread,
    AsyncThreads,
    Context,
    Event,
    Extraction,
    Extractor,
    Fact,
    HandlerErrors,
    HashingEmbedder,
    Hit,
    Hits,
    Link,
    Memory,
    Message,
    ReadMiddleware,
    Record,
    Redaction,
    ReindexReport,
    Related,
    Scope,
    ScopeInfo,
    SizeLimits,
    Source,
    Subscription,
    Summarizer,
    Thread,
    ThreadInfo,
    Threads,
    WriteMiddleware,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


def use(memory: Memory) -> None:
    assert_type(memory.add("x", scope="a/b", key="k", ttl=timedelta(days=1)), Record)
    assert_type(memory.add(value={"n": [1, None]}, scope=Scope("a"), embed=False), Record)
    assert_type(memory.add_many(["x", {"content": "y"}]), list[Record])
    assert_type(memory.update("id", content="y", expected_version=1), Record)
    assert_type(memory.delete(["id"]), int)
    assert_type(memory.get("id"), Record | None)
    assert_type(memory.get_many(["id"]), list[Record | None])
    assert_type(memory.list(order_by=["-created_at", "id"], tags="t"), list[Record])
    assert_type(memory.count(filter={"n": {"$gt": 3}}), int)
    assert_type(memory.scopes(depth=1), list[ScopeInfo])
    hits = memory.search("x", vector=np.zeros(3, dtype=np.float32), mode="dense", explain=True)
    assert_type(hits, Hits)
    assert_type(hits[0], Hit)
    assert_type(memory.scope("a"), Memory)
    assert_type(memory.events(after=3, operations="add"), list[Event])
    with memory.on(["add", "delete"], print, name="n", on_error="stop") as subscription:
        assert_type(subscription, Subscription)
        assert_type(subscription.errors, HandlerErrors)
        assert_type(subscription.wait(timeout=0.5), bool)
    assert_type(memory.link("a", "b", "causes", weight=0.5, reason="r", metadata={"n": 1}), Link)
    assert_type(memory.unlink("a", "b"), int)
    assert_type(memory.links(["a", "b"], direction="out", type="causes"), list[Link])
    assert_type(memory.related("a", types=["causes"]), list[Related])
    assert_type(memory.related(query="x")[0].path, tuple[Link, ...])
    assert_type(memory.path("a", "b", max_hops=3), tuple[Link, ...] | None)
    assert_type(memory.reindex(HashingEmbedder(), progress=print), ReindexReport)
    memory.add("x", source=Source(app="a"), created_at=datetime.now(UTC), vectors={"s": [[0.1]]})


def converse(memory: Memory) -> None:
    thread = memory.thread("t", scope="a", summarizer=sum_up, extractor=extract, embed=False)
    assert_type(thread, Thread)
    assert_type(thread.create(metadata={"n": 1}, ttl=timedelta(days=1), max_messages=9), ThreadInfo)
    assert_type(thread.update(key="u", message_ttl=60.0), ThreadInfo)
    assert_type(thread.add("hello"), list[Message])
    assert_type(
        thread.add(["hello", ("assistant", "hi"), {"role": "user", "content": []}]), list[Message]
    )
    assert_type(thread.add(thread.messages(limit=3, before="m", roles=["user"])), list[Message])
    assert_type(thread.update_message("m", content=[{"n": 1}], name=None), Message)
    assert_type(thread.get("m"), Message | None)
    assert_type(thread.pop(), Message | None)
    assert_type(thread.context(max_tokens=9, count_tokens=lambda one: len(one.text)), Context)
    assert_type(thread.context()[0], Message)
    assert_type(thread.branch("b", at=3, scope=Scope("a")), Thread)
    assert_type(thread.search("x", limit=3), Hits)
    assert_type(thread.summarize(before=3), Record | None)
    assert_type(thread.extract(), Extraction)
    assert_type(memory.threads, Threads)
    assert_type(memory.threads.list(filter={"n": 1}, active=True), list[ThreadInfo])
    assert_type(memory.threads.get("t"), ThreadInfo | None)
    assert_type(memory.threads.delete(older_than=datetime.now(UTC)), int)


def sum_up(messages: Sequence[Message], previous: str | None, /) -> str:
    return f"{previous} {len(messages)}"


def extract(messages: Sequence[Message], known: Sequence[Record], /) -> list[Fact]:
    return [Fact(content=message.text) for message in messages if not known]


SUMMARIZER: Summarizer = sum_up
EXTRACTOR: Extractor = extract


async def converse_async(memory: AsyncMemory) -> None:
    thread = memory.thread("t", scope="a")
    assert_type(thread, AsyncThread)
    assert_type(await thread.add(["x"]), list[Message])
    assert_type(await thread.messages(limit=3), list[Message])
    assert_type(await thread.branch("b"), AsyncThread)
    assert_type(memory.threads, AsyncThreads)
    assert_type(await memory.threads.get_or_create("t", max_messages=3), ThreadInfo)


async def use_async() -> None:
    async with await AsyncMemory.open(Path("memory")) as memory:
        assert_type(await memory.add("x", scope="a"), Record)
        assert_type(await memory.search("x", limit=3), Hits)
        assert_type(await memory.related("a"), list[Related])
        assert_type(await memory.reindex(HashingEmbedder(), keep_old=True), ReindexReport)
        assert_type(memory.view(read=["a"], write="a"), AsyncMemory)
        assert_type(await memory.events(), list[Event])
        assert_type(await memory.on("*", handle), Subscription)


async def handle(event: Event) -> None:
    assert_type(event.scope, Scope)


class Shout:
    def before_write(self, record: Record) -> Record:
        return record

    def after_read(self, record: Record) -> Record:
        return record


def use_middleware() -> None:
    writing: list[WriteMiddleware] = [Redaction(marker="*"), SizeLimits(tags=3), Shout()]
    reading: ReadMiddleware = Shout()
    Memory(":memory:", middleware=[*writing, reading])
    Memory(":memory:", middleware=[object()])  # pyright: ignore[reportArgumentType]


def misuse(memory: Memory) -> None:
    memory.add("x", scop="a")  # pyright: ignore[reportCallIssue]
    memory.search("x", mode="best")  # pyright: ignore[reportArgumentType]
    memory.on("*", lambda: None)  # pyright: ignore[reportArgumentType]
    memory.on("*", print, on_error="retry")  # pyright: ignore[reportArgumentType]
    memory.links("a", direction="up")  # pyright: ignore[reportArgumentType]
    memory.list("x")  # pyright: ignore[reportCallIssue]
