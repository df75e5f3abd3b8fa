"""The public interface from a user's seat. Only checked by the type checker, never run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import assert_type

import numpy as np

from commonplace import (
    AsyncMemory,
    Event,
    HandlerErrors,
    Hit,
    Hits,
    Link,
    Memory,
    Record,
    Related,
    Scope,
    ScopeInfo,
    Source,
    Subscription,
)


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
    memory.add("x", source=Source(app="a"), created_at=datetime.now(UTC), vectors={"s": [[0.1]]})


async def use_async() -> None:
    async with await AsyncMemory.open(Path("memory")) as memory:
        assert_type(await memory.add("x", scope="a"), Record)
        assert_type(await memory.search("x", limit=3), Hits)
        assert_type(await memory.related("a"), list[Related])
        assert_type(memory.view(read=["a"], write="a"), AsyncMemory)
        assert_type(await memory.events(), list[Event])
        assert_type(await memory.on("*", handle), Subscription)


async def handle(event: Event) -> None:
    assert_type(event.scope, Scope)


def misuse(memory: Memory) -> None:
    memory.add("x", scop="a")  # pyright: ignore[reportCallIssue]
    memory.search("x", mode="best")  # pyright: ignore[reportArgumentType]
    memory.on("*", lambda: None)  # pyright: ignore[reportArgumentType]
    memory.on("*", print, on_error="retry")  # pyright: ignore[reportArgumentType]
    memory.links("a", direction="up")  # pyright: ignore[reportArgumentType]
    memory.list("x")  # pyright: ignore[reportCallIssue]
