"""`on()`: what handlers are told, in which order, and how they resume."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from datetime import timedelta
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest
from tests.events.conftest import SOON

from commonplace import (
    AsyncMemory,
    ConflictError,
    Event,
    HandlerErrors,
    HashingEmbedder,
    InvalidInputError,
    Memory,
    Policy,
    StoreUnavailableError,
)
from commonplace.events import delivery
from commonplace.record import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def seqs(events: list[Event]) -> list[int]:
    return [event.seq for event in events]


def opened(path: Path) -> Memory:
    return Memory(path, embedder=HashingEmbedder(16))


def test_a_handler_is_told_of_everything_in_order(memory: Memory) -> None:
    told: list[Event] = []
    subscription = memory.on("*", told.append)
    for n in range(10):
        record = memory.add(f"text {n}", scope=f"s/{n}")
        memory.update(record.id, scope="moved")
    memory.add_many(f"batch {n}" for n in range(500))
    memory.delete(everything=True)
    assert subscription.wait(timeout=SOON)
    assert told == memory.events(limit=100_000)
    assert len(told) == 10 * 3 + 500 + 510
    assert subscription.position == told[-1].seq
    assert subscription.lag == 0
    assert subscription.errors == HandlerErrors()


def test_without_a_name_it_starts_from_now(memory: Memory) -> None:
    memory.add("before")
    told: list[Event] = []
    with memory.on("*", told.append) as subscription:
        assert subscription.position == 1
        after = memory.add("after")
        assert subscription.wait(timeout=SOON)
    assert [event.record_id for event in told] == [after.id]
    memory.add("too late")
    assert len(told) == 1


def test_after_says_where_to_start(memory: Memory) -> None:
    memory.add_many(f"text {n}" for n in range(5))
    told: list[Event] = []
    assert memory.on("*", told.append, after=0).wait(timeout=SOON)
    assert told == memory.events()
    late: list[Event] = []
    assert memory.on("*", late.append, after=3).wait(timeout=SOON)
    assert late == memory.events(after=3)


def test_operations_choose_and_the_position_passes_over_the_rest(memory: Memory) -> None:
    told: list[Event] = []
    deletions = memory.on("delete", told.append)
    changes = memory.on(["update", "delete"], told.append)
    record = memory.add("x")
    assert deletions.wait(timeout=SOON)
    assert changes.wait(timeout=SOON)
    assert told == []
    assert deletions.position == 1
    memory.update(record.id, content="y")
    assert changes.wait(timeout=SOON)
    memory.delete(record.id)
    assert deletions.wait(timeout=SOON)
    assert changes.wait(timeout=SOON)
    assert sorted(event.operation for event in told) == ["delete", "delete", "update"]


def test_every_verb_that_writes_tells_at_once(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_POLL", 10 * SOON)  # so that only being told can be why
    told: SimpleQueue[Event] = SimpleQueue()
    memory.on("*", told.put)
    memory.add("x", id="other")
    verbs: dict[str, Any] = {
        "add": lambda: memory.add("x", id="one"),
        "update": lambda: memory.update("one", content="y"),
        "link": lambda: memory.link("one", "other"),
        "unlink": lambda: memory.unlink("one", "other"),
        "archive": lambda: memory.archive("one"),
        "restore": lambda: memory.restore("one"),
        "supersede": lambda: memory.supersede("one", "other"),
        "delete": lambda: memory.delete("one"),
        "merge": lambda: (
            memory.add_many(["same", "same"]),
            memory.maintain(Policy(duplicates=1.0)),
        ),
        "expire": lambda: (memory.add("x", ttl=timedelta(microseconds=1)), memory.sweep()),
        "move": lambda: memory.update("other", scope="elsewhere"),
        "erase": lambda: memory.erase("other"),
    }
    assert verbs.keys() == set(OPERATIONS)
    for operation, verb in verbs.items():
        verb()
        while told.get(timeout=SOON).operation != operation:
            pass


def test_a_view_is_told_of_its_own_scopes_alone(memory: Memory) -> None:
    told: list[Event] = []
    view = memory.view(read=["acme", "not/there/yet"])
    subscription = view.on("*", told.append)
    memory.add("theirs", scope="acme-corp")
    memory.add("ours", scope="acme/below", id="ours")
    memory.update("ours", scope="other")
    memory.update("ours", content="unseen")
    memory.add("the first there", scope="not/there/yet", id="first")
    assert subscription.wait(timeout=SOON)
    assert told == view.events()
    assert [(event.operation, event.record_id) for event in told] == [
        ("add", "ours"),
        ("move", "ours"),
        ("add", "first"),
    ]


def test_a_name_goes_on_where_it_ended(path: Path) -> None:
    told: list[Event] = []
    with opened(path) as memory:
        memory.add("before the name")
        with memory.on("*", told.append, name="mirror") as subscription:
            memory.add("seen")
            assert subscription.wait(timeout=SOON)
        memory.add("while nobody listened")
    with opened(path) as memory:
        memory.add("before it listens again")
        assert memory.on("*", told.append, name="mirror").wait(timeout=SOON)
        assert told == memory.events(after=1)
    with opened(path) as memory:
        again: list[Event] = []
        assert memory.on("*", again.append, name="mirror", after=2).wait(timeout=SOON)
        assert seqs(again) == [3, 4]


def test_a_new_name_keeps_its_start_before_anything_is_handled(path: Path) -> None:
    with opened(path) as memory:
        memory.add("before the name")
        memory.on("*", print, name="mirror").close()
        memory.add("while nobody listened")
        told: list[Event] = []
        assert memory.on("*", told.append, name="mirror").wait(timeout=SOON)
        assert seqs(told) == [2]


def test_a_position_is_kept_while_the_subscription_stays_open(path: Path) -> None:
    with opened(path) as memory, opened(path) as other:
        memory.on("add", print, name="mirror")
        memory.add_many(["a", "b"])
        # What is kept shows nowhere else but after a kill.
        ledger = other._store._ledger  # pyright: ignore[reportPrivateUsage]
        kept, patience = 0, threading.Event()
        while kept != 2:
            patience.wait(0.01)
            with ledger.write() as transaction:
                kept = transaction.cursors.position('["mirror",""]')


def test_two_views_that_use_one_name_do_not_share_it(memory: Memory) -> None:
    told: dict[str, list[Event]] = {"a": [], "b": []}
    views = {name: memory.scope(name) for name in told}
    first = {name: views[name].on("*", told[name].append, name="same") for name in told}
    memory.add("x", scope="a")
    assert first["a"].wait(timeout=SOON)
    for subscription in first.values():
        subscription.close()
    memory.add("x", scope="b")
    for name, view in views.items():
        assert view.on("*", told[name].append, name="same").wait(timeout=SOON)
        assert told[name] == view.events()
        assert len(told[name]) == 1


def test_a_name_in_use_is_refused_and_free_again_once_closed(memory: Memory) -> None:
    with memory.on("*", print, name="mirror"):
        with pytest.raises(ConflictError, match="open"):
            memory.on("add", print, name="mirror", after=0)
        memory.on("*", print, name="other")
        memory.on("*", print)
        memory.on("*", print)
    memory.on("*", print, name="mirror")


def test_a_handler_that_does_not_return_holds_up_no_write(memory: Memory) -> None:
    gate, begun = threading.Event(), threading.Event()
    told: list[Event] = []

    def stuck(event: Event) -> None:
        begun.set()
        assert gate.wait(SOON)
        told.append(event)

    subscription = memory.on("*", stuck, name="stuck")
    memory.add("first")
    assert begun.wait(SOON)
    for n in range(100):
        memory.add(f"text {n}")
    assert memory.count() == 101
    assert told == []
    assert subscription.lag == 101
    assert not subscription.wait(timeout=0)
    gate.set()
    assert subscription.wait(timeout=SOON)
    assert told == memory.events()


def test_a_handler_may_use_the_memory(memory: Memory) -> None:
    def answer(event: Event) -> None:
        question = memory.get(event.record_id)
        assert question is not None
        memory.add(f"an answer to {question.content}", kind="answer", scope="answers")

    subscription = memory.scope("questions").on("add", answer)
    memory.add("why", scope="questions")
    assert subscription.wait(timeout=SOON)
    assert [record.content for record in memory.list(kinds="answer")] == ["an answer to why"]
    assert subscription.errors.count == 0


def test_events_that_a_handler_causes_come_to_it_too(memory: Memory) -> None:
    def countdown(event: Event) -> None:
        left = int(memory.get_many([event.record_id])[0].content)  # pyright: ignore[reportOptionalMemberAccess]
        if left:
            memory.add(str(left - 1))

    subscription = memory.on("add", countdown)
    memory.add("5")
    assert subscription.wait(seq=6, timeout=SOON)
    assert memory.count() == 6


def test_an_error_is_counted_and_skipped_and_its_text_is_nowhere(
    memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Event] = []

    def picky(event: Event) -> None:
        if event.record_id == "bad":
            raise KeyError("the text of a secret")
        if event.record_id == "worse":
            raise SystemExit("the text of a secret")
        told.append(event)

    with caplog.at_level(logging.WARNING, "commonplace"):
        subscription = memory.on("*", picky)
        for record_id in ("good", "bad", "worse", "fine"):
            memory.add("the text of a secret", id=record_id)
        assert subscription.wait(timeout=SOON)
    assert [event.record_id for event in told] == ["good", "fine"]
    assert subscription.errors == HandlerErrors(count=2, last="SystemExit")
    assert not subscription.stopped
    assert "event 2, which is skipped: KeyError" in caplog.text
    assert "secret" not in caplog.text


def test_an_error_of_one_handler_does_not_touch_another(memory: Memory) -> None:
    told: list[Event] = []
    failing = memory.on("*", lambda _: 1 / 0, on_error="stop")
    sound = memory.on("*", told.append)
    memory.add_many(["a", "b"])
    assert not failing.wait(timeout=SOON)
    assert sound.wait(timeout=SOON)
    assert len(told) == 2


def test_stopped_by_an_error_it_resumes_with_the_event_that_failed(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Event] = []
    broken = True

    def handler(event: Event) -> None:
        if broken and event.record_id == "bad":
            raise ValueError("not today")
        told.append(event)

    with opened(path) as memory:
        subscription = memory.on("*", handler, name="careful", on_error="stop")
        memory.add_many({"content": "x", "id": one} for one in ("good", "bad", "fine"))
        assert not subscription.wait(timeout=SOON)
        assert subscription.stopped
        assert subscription.errors == HandlerErrors(count=1, last="ValueError")
        assert (subscription.position, subscription.lag) == (1, 2)
        assert "event 2 and is stopped: ValueError" in caplog.text
        still = memory.on("*", handler, name="careful", on_error="stop")
        assert not still.wait(timeout=SOON)
        assert still.position == 1
        broken = False
        assert memory.on("*", handler, name="careful").wait(timeout=SOON)
    assert [event.record_id for event in told] == ["good", "bad", "fine"]


def test_when_the_ledger_refuses_events_come_later(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = memory._store._ledger  # pyright: ignore[reportPrivateUsage] - a disk that fails cannot be had otherwise
    read = ledger.read
    refused = threading.Event()

    def refusing() -> Any:
        if threading.current_thread().name == "commonplace-events" and not refused.is_set():
            refused.set()
            raise StoreUnavailableError("the disk refused")
        return read()

    monkeypatch.setattr(ledger, "read", refusing)
    told: list[Event] = []
    subscription = memory.on("*", told.append)
    memory.add("x")
    assert subscription.wait(timeout=SOON)
    assert seqs(told) == [1]
    assert refused.is_set()
    assert "trying again: StoreUnavailableError" in caplog.text


class Callable:
    """Counts as a coroutine function by its `__call__` alone."""

    def __init__(self, told: list[Event]) -> None:
        self.told = told

    async def __call__(self, event: Event) -> None:
        await asyncio.sleep(0)
        self.told.append(event)


async def noted(told: list[Event], event: Event) -> None:
    await asyncio.sleep(0)
    told.append(event)


def coroutine_handlers(told: list[Event]) -> Iterator[Any]:
    yield Callable(told)
    yield functools.partial(noted, told)
    yield lambda event: noted(told, event)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]


@pytest.mark.parametrize("number", range(3))
def test_coroutines_are_awaited_in_order(memory: Memory, number: int) -> None:
    told: list[Event] = []
    handler = list(coroutine_handlers(told))[number]
    subscription = memory.on("*", handler)
    memory.add_many(f"text {n}" for n in range(20))
    assert subscription.wait(timeout=SOON)
    assert told == memory.events()


def test_coroutines_of_a_subscription_share_one_loop_of_its_own(memory: Memory) -> None:
    loops: set[tuple[asyncio.AbstractEventLoop, str]] = set()

    async def handler(_: Event) -> None:
        loops.add((asyncio.get_running_loop(), threading.current_thread().name))
        raise asyncio.CancelledError

    with memory.on("*", handler) as subscription:
        memory.add_many(["a", "b"])
        assert subscription.wait(timeout=SOON)
        assert subscription.errors == HandlerErrors(count=2, last="CancelledError")
    ((loop, thread),) = loops
    assert thread == "commonplace-events"
    assert loop.is_closed()


def test_async_memory_takes_both_kinds_of_handlers(path: Path) -> None:
    told: list[Event] = []
    loops: set[asyncio.AbstractEventLoop] = set()

    async def handler(event: Event) -> None:
        loops.add(asyncio.get_running_loop())
        await asyncio.sleep(0)
        told.append(event)

    async def use() -> None:
        async with await AsyncMemory.open(path, embedder=HashingEmbedder(16)) as memory:
            awaited = await memory.on("*", handler)
            plain = await memory.scope("a").on("add", told.append)
            await memory.add("x", scope="a")
            assert await asyncio.to_thread(awaited.wait, timeout=SOON)
            assert await asyncio.to_thread(plain.wait, timeout=SOON)
            assert told == 2 * await memory.events()
            assert asyncio.get_running_loop() not in loops

    asyncio.run(use())
    assert len(loops) == 1


def test_wait_in_its_own_handler_cannot_come_true(memory: Memory) -> None:
    answers: list[bool] = []

    def handler(event: Event) -> None:
        answers.extend([subscription.wait(), subscription.wait(seq=event.seq - 1)])

    subscription = memory.on("*", handler)
    memory.add("x")
    assert subscription.wait(timeout=SOON)
    assert answers == [False, True]


def test_a_subscription_says_nothing_of_what_it_told(memory: Memory) -> None:
    subscription = memory.on("*", print, after=0)
    assert repr(subscription) == "<Subscription at 0, open>"
    subscription.close()
    assert repr(subscription) == "<Subscription at 0, stopped>"


@pytest.mark.parametrize(
    ("operations", "options"),
    [
        ([], {}),
        ("", {}),
        ("Add", {}),
        ("added", {}),
        (["add", "foo"], {}),
        (["*"], {}),
        (None, {}),
        ("*", {"name": ""}),
        ("*", {"name": 3}),
        ("*", {"name": "x" * 5000}),
        ("*", {"after": -1}),
        ("*", {"after": "0"}),
        ("*", {"on_error": "retry"}),
        ("*", {"handler": None}),
    ],
)
def test_malformed_arguments_are_refused_and_start_nothing(
    memory: Memory, operations: Any, options: dict[str, Any]
) -> None:
    before = set(threading.enumerate())
    given: dict[str, Any] = {"handler": print, **options}
    with pytest.raises(InvalidInputError):
        memory.on(operations, **given)
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("given", [{"seq": -1}, {"seq": "1"}, {"timeout": -1}, {"timeout": "1"}])
def test_malformed_waits_are_refused(memory: Memory, given: dict[str, Any]) -> None:
    with memory.on("*", print) as subscription, pytest.raises(InvalidInputError):
        subscription.wait(**given)


def test_a_wait_takes_its_arguments_by_name_only(memory: Memory) -> None:
    untyped: Any = memory.on("*", print)
    with untyped, pytest.raises(TypeError):
        untyped.wait(5)
