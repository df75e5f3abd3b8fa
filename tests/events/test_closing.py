"""How subscriptions end: by themselves, with their memory, from inside their handlers."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.events.conftest import SOON

from commonplace import AsyncMemory, ClosedStoreError, Event, HandlerErrors, HashingEmbedder, Memory
from commonplace.events import dispatcher

if TYPE_CHECKING:
    from pathlib import Path

    from tests.events.conftest import Ended

    from commonplace import Subscription


def opened(path: Path) -> Memory:
    return Memory(path, embedder=HashingEmbedder(16))


def await_closing(memory: Memory) -> None:
    """Return once another thread is closing the memory."""
    # That it has begun shows nowhere else, and the tests are about that very moment.
    turn = memory._store._dispatcher  # pyright: ignore[reportPrivateUsage]
    waiting = threading.Event()
    while not turn._closed:  # pyright: ignore[reportPrivateUsage]
        waiting.wait(0.001)


def _names(before: set[threading.Thread]) -> set[str]:
    return {thread.name for thread in set(threading.enumerate()) - before}


def test_closing_is_idempotent_and_ends_the_thread(memory: Memory) -> None:
    before = set(threading.enumerate())
    with memory.on("*", print) as subscription:
        assert "commonplace-events" in _names(before)
    # A memory on a server keeps the thread that hears of commits until it is closed itself.
    assert _names(before) <= {"commonplace-listener"}
    subscription.close()
    assert subscription.stopped
    memory.add("unheard")
    assert not subscription.wait(timeout=SOON)
    assert subscription.lag == 1


def test_closing_the_memory_ends_every_subscription(memory: Memory) -> None:
    before = set(threading.enumerate())
    subscriptions = [memory.on("*", print), memory.scope("a").on("add", print, name="n")]
    memory.close()
    assert all(subscription.stopped for subscription in subscriptions)
    assert set(threading.enumerate()) <= before
    for subscription in subscriptions:
        subscription.close()
        with pytest.raises(ClosedStoreError):
            subscription.wait()
        with pytest.raises(ClosedStoreError):
            _ = subscription.lag
    with pytest.raises(ClosedStoreError):
        memory.on("*", print)
    with pytest.raises(ClosedStoreError):
        memory.events()


def test_a_call_under_way_ends_as_it_began_while_the_memory_closes(path: Path) -> None:
    begun = threading.Event()
    memory = opened(path)

    def handler(event: Event) -> None:
        begun.set()
        await_closing(memory)
        memory.add(f"made while closing, after {event.seq}", scope="made")

    subscription = memory.scope("asked").on("*", handler, name="worker")
    memory.add_many({"content": "x", "scope": "asked"} for _ in range(2))
    assert begun.wait(SOON)
    memory.close()
    assert subscription.stopped
    assert subscription.errors == HandlerErrors()
    assert subscription.position == 1
    with opened(path) as again:
        assert again.count(scope="made") == 1
        told: list[Event] = []
        assert again.scope("asked").on("*", told.append, name="worker").wait(timeout=SOON)
        assert [event.seq for event in told] == [2]


def test_a_subscription_closed_by_its_handler_ends_after_that_event(path: Path) -> None:
    subscription: Subscription
    ready = threading.Event()
    told: list[int] = []

    def once(event: Event) -> None:
        ready.wait(SOON)
        told.append(event.seq)
        subscription.close()

    with opened(path) as memory:
        subscription = memory.on("*", once, name="once")
        ready.set()
        memory.add_many(["a", "b"])
        assert not subscription.wait(timeout=SOON)
        assert subscription.stopped
        assert told == [1]
        subscription = memory.on("*", once, name="once")
        assert subscription.wait(timeout=SOON)
        assert told == [1, 2]


def test_a_memory_may_be_closed_by_a_handler(path: Path) -> None:
    closed = threading.Event()
    memory = opened(path)

    def handler(event: Event) -> None:
        if event.record_id == "stop":
            memory.close()
            closed.set()

    subscription = memory.on("*", handler, name="closer")
    memory.add_many({"content": "x", "id": one} for one in ("go", "stop", "on"))
    assert closed.wait(SOON)
    subscription.close()
    assert subscription.stopped
    assert subscription.errors == HandlerErrors()
    with opened(path) as again:
        assert again.verify().ok
        told: list[Event] = []
        assert again.on("*", told.append, name="closer").wait(timeout=SOON)
        assert [event.record_id for event in told] == ["stop", "on"]


def test_a_handler_and_its_owner_may_close_at_the_same_moment(memory: Memory) -> None:
    begun = threading.Event()
    done: list[str] = []

    def handler(_: Event) -> None:
        begun.set()
        await_closing(memory)
        memory.close()
        done.append("closed")

    subscription = memory.on("*", handler)
    memory.add("x")
    assert begun.wait(SOON)
    memory.close()
    assert done == ["closed"]
    assert subscription.stopped


def test_a_coroutine_may_close_its_async_memory(path: Path) -> None:
    """Its `await` closes from another thread, which must not wait for the coroutine all the same.

    That shows in what is kept: a handler that was waited for in vain is left behind with nothing.
    """
    closed = threading.Event()

    async def use() -> None:
        memory = await AsyncMemory.open(path, embedder=HashingEmbedder(16))

        async def handler(event: Event) -> None:
            if event.record_id == "stop":
                await memory.close()
                closed.set()

        subscription = await memory.on("*", handler, name="closer")
        await memory.add_many({"content": "x", "id": one} for one in ("go", "stop"))
        assert await asyncio.to_thread(closed.wait, SOON)
        await asyncio.to_thread(subscription.close)
        assert subscription.stopped
        assert subscription.errors == HandlerErrors()

    asyncio.run(use())
    with opened(path) as again:
        told: list[Event] = []
        assert again.on("*", told.append, name="closer").wait(timeout=SOON)
        assert [event.record_id for event in told] == ["stop"]


def test_a_handler_that_does_not_return_is_left_behind(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "CLOSE_SECONDS", 0.05)
    gate, begun = threading.Event(), threading.Event()

    def stuck(_: Event) -> None:
        begun.set()
        gate.wait(SOON)

    memory = opened(path)
    subscription = memory.on("*", stuck, name="stuck")
    memory.add("x")
    assert begun.wait(SOON)
    memory.close()
    assert not subscription.stopped
    gate.set()
    subscription.close()
    assert subscription.stopped
    with opened(path) as again:
        told: list[Event] = []
        assert again.on("*", told.append, name="stuck").wait(timeout=SOON)
        assert len(told) == 1


def test_a_memory_that_is_only_forgotten_ends_its_subscriptions(path: Path, ended: Ended) -> None:
    before = set(threading.enumerate())
    memory: Any = opened(path)
    memory.on("*", print)
    assert "commonplace-events" in _names(before)
    del memory
    gc.collect()
    assert ended(before)


def test_a_subscription_that_is_held_keeps_its_memory_open(path: Path, ended: Ended) -> None:
    before = set(threading.enumerate())
    subscription: Any = opened(path).on("*", print)
    gc.collect()
    with opened(path) as memory:
        memory.add("x")
    assert subscription.wait(timeout=SOON)
    assert subscription.position == 1
    del subscription
    gc.collect()
    assert ended(before)
