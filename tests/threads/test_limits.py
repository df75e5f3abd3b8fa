"""Limits and times to live of messages and threads, off unless asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from commonplace import Policy

if TYPE_CHECKING:
    from commonplace import Memory, Thread
    from commonplace.testing import FakeClock


def texts(thread: Thread) -> list[str]:
    return [message.text for message in thread.messages()]


def test_a_thread_keeps_so_many_messages_and_the_oldest_go(memory: Memory) -> None:
    thread = memory.thread("t")
    thread.create(max_messages=3)
    thread.add([str(n) for n in range(5)])
    assert texts(thread) == ["2", "3", "4"]
    thread.add("5")
    assert texts(thread) == ["3", "4", "5"]
    info = thread.info()
    assert info is not None
    assert (info.messages, memory.count()) == (3, 3)
    thread.update(max_messages=1)
    assert len(thread.messages()) == 3  # new limits hold for messages to come
    thread.add("6")
    assert texts(thread) == ["6"]
    thread.update(max_messages=None)
    thread.add(["7", "8"])
    assert texts(thread) == ["6", "7", "8"]


def test_what_went_by_the_limit_is_gone_for_good(memory: Memory) -> None:
    thread = memory.thread("t")
    thread.create(max_messages=1)
    first = thread.add("first words")[0]
    thread.add("second words")
    assert memory.history(first.record_id) == []
    assert [hit.record.content for hit in memory.search("words")] == ["second words"]


def test_expired_messages_make_room_before_living_ones(memory: Memory, clock: FakeClock) -> None:
    """Regression: the oldest living one went while the limit was taken up by expired ones."""
    thread = memory.thread("t")
    thread.create(max_messages=3)
    thread.add(["stays", *({"role": "user", "content": "goes", "ttl": 5} for _ in range(2))])
    clock.wait(6)
    thread.add("new")
    assert texts(thread) == ["stays", "new"]


def test_messages_live_as_long_as_they_say(memory: Memory, clock: FakeClock) -> None:
    thread = memory.thread("t")
    until = clock.moment() + timedelta(seconds=20)
    thread.add(
        [
            {"role": "user", "content": "short", "ttl": 10},
            {"role": "user", "content": "longer", "expires_at": until},
            {"role": "user", "content": "as text", "expires_at": until.isoformat()},
            "for ever",
        ]
    )
    clock.wait(11)
    assert texts(thread) == ["longer", "as text", "for ever"]
    assert len(memory.search(kinds="message")) == 3
    clock.wait(10)
    assert texts(thread) == ["for ever"]
    assert thread.messages(limit=1, before=3) == []
    info = thread.info()
    assert info is not None
    assert info.messages == 4  # until they are swept
    assert memory.sweep() == 3
    info = thread.info()
    assert info is not None
    assert (info.messages, info.tokens) == (1, thread.messages()[0].token_count)


def test_an_expired_message_is_not_there(memory: Memory, clock: FakeClock) -> None:
    thread = memory.thread("t")
    thread.add([{"role": "user", "content": "x", "id": "a", "ttl": 5}, "y"])
    clock.wait(6)
    assert thread.get("a") is None
    assert thread.delete_messages("a") == 0
    popped = thread.pop()
    assert popped is not None
    assert popped.text == "y"
    assert thread.pop() is None
    (again,) = thread.add({"role": "user", "content": "z", "id": "a"})
    assert (again.position, again.expires_at) == (2, None)
    assert thread.messages() == [again]


def test_a_thread_gives_its_messages_their_time(memory: Memory, clock: FakeClock) -> None:
    thread = memory.thread("t")
    thread.create(message_ttl=10)
    thread.add(["first", {"role": "user", "content": "shorter", "ttl": 2}])
    clock.wait(5)
    thread.add(["second", {"role": "user", "content": "no longer", "ttl": 100}])
    assert texts(thread) == ["first", "second", "no longer"]
    clock.wait(6)
    assert texts(thread) == ["second", "no longer"]
    clock.wait(6)
    assert texts(thread) == []
    assert memory.sweep() == 4


def test_adding_a_message_again_does_not_make_it_live_longer(
    memory: Memory, clock: FakeClock
) -> None:
    """Regression: the same message, added twice, was written twice and lived on."""
    thread = memory.thread("t")
    thread.create(message_ttl=10)
    said = {"role": "user", "content": "x", "id": "a"}
    (message,) = thread.add(said)
    clock.wait(5)
    assert thread.add(said) == [message]
    assert thread.update_message("a", content="y").expires_at == message.expires_at
    clock.wait(6)
    assert thread.messages() == []


def test_a_thread_expires_with_its_messages(memory: Memory, clock: FakeClock) -> None:
    thread = memory.thread("t")
    thread.create(ttl=10)
    thread.add("hello")
    thread.summarize()
    clock.wait(11)
    assert (thread.info(), thread.messages(), thread.pop()) == (None, [], None)
    assert (memory.threads.list(), memory.threads.count()) == ([], 0)
    assert list(memory.search(kinds="message")) == []
    thread.add("another of the same name")
    assert texts(thread) == ["another of the same name"]
    assert memory.threads.sweep() == 0
    memory.sweep()
    assert memory.count() == 1
    assert memory.list(kinds="summary") == []


def test_sweeping_threads(memory: Memory, clock: FakeClock) -> None:
    for name, ttl in (("a", 5), ("b", 50), ("c", None)):
        memory.thread(name, scope=f"s/{name}").create(ttl=ttl)
        memory.thread(name, scope=f"s/{name}").add("x")
    clock.wait(6)
    assert memory.scope("s/b").threads.sweep() == 0
    assert memory.threads.sweep() == 1
    assert memory.threads.sweep() == 0
    assert sorted(one.key or "" for one in memory.threads.list()) == ["b", "c"]
    assert memory.count() == 2


def test_a_new_time_to_live_holds_for_the_thread(memory: Memory, clock: FakeClock) -> None:
    thread = memory.thread("t")
    thread.add("x")
    thread.update(ttl=10)
    clock.wait(5)
    thread.update(ttl=None)
    clock.wait(6)
    assert texts(thread) == ["x"]
    thread.update(ttl=10)
    clock.wait(11)
    assert thread.info() is None
    memory.sweep()
    assert memory.count() == 0


def test_a_policy_merges_no_messages_of_conversations(memory: Memory) -> None:
    """Regression: what was said twice was taken for a repeat, and said once."""
    thread = memory.thread("t")
    thread.add(["yes", "yes", ("assistant", "yes")])
    memory.add("yes", kind="message")
    memory.add("yes", kind="message")
    report = memory.maintain(Policy(duplicates="text"))
    assert len(report.steps) == 1
    assert texts(thread) == ["yes", "yes", "yes"]
    assert memory.maintain(Policy(duplicates=0.9)).steps == ()
    memory.maintain(Policy(at_most=2, action="delete"))
    info = thread.info()
    assert info is not None
    assert info.messages == len(thread.messages())
