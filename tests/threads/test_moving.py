"""Threads and their messages go with a memory, and every count comes out right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.threads.forms import EVERY

from commonplace import ConflictError, HashingEmbedder, Memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from commonplace.testing import FakeClock


@pytest.fixture
def other(clock: FakeClock) -> Iterator[Memory]:
    with Memory(":memory:", embedder=HashingEmbedder(16), clock=clock) as opened:
        yield opened
        assert opened.verify().ok


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "export.jsonl"


def threads_of(memory: Memory) -> list[Any]:
    return [
        (info, memory.thread(info.id).messages(), memory.thread(info.id).summary())
        for info in memory.threads.list(limit=1000)
    ]


def test_a_conversation_comes_along_whole(memory: Memory, other: Memory, file: Path) -> None:
    for form, messages in EVERY.items():
        memory.thread(form, scope=f"s/{len(form)}").add(messages)
    thread = memory.thread("plain", scope="s/5")
    thread.pop()
    thread.update_message(thread.messages()[0].id, content="changed")
    thread.update(metadata={"topic": "tea"}, max_messages=100, message_ttl=1000)
    thread.summarize()
    thread.end()
    report = memory.export(file)
    assert report.threads == len(EVERY)
    assert report.messages == memory.count(kinds="message")
    done = other.import_(file)
    assert (done.threads.added, done.messages.added) == (report.threads, report.messages)
    assert threads_of(other) == threads_of(memory)
    again = other.import_(file)
    assert (again.threads.unchanged, again.messages.unchanged) == (report.threads, report.messages)
    assert threads_of(other) == threads_of(memory)


def test_positions_go_on_where_they_ended(memory: Memory, other: Memory, file: Path) -> None:
    thread = memory.thread("t")
    thread.add(["a", "b", "c"])
    thread.pop()
    memory.export(file)
    other.import_(file)
    assert [one.position for one in other.thread("t").add("d")] == [3]
    assert [one.text for one in other.thread("t").messages()] == ["a", "b", "d"]


def test_expired_messages_stay_behind_and_are_not_counted(
    memory: Memory, other: Memory, clock: FakeClock, file: Path
) -> None:
    """Regression: the thread that was imported went on counting them."""
    thread = memory.thread("t")
    thread.add([{"role": "user", "content": "short lived", "ttl": 5}, "stays", "stays too"])
    clock.wait(6)
    memory.export(file)
    other.import_(file)
    info = other.thread("t").info()
    assert info is not None
    assert (info.messages, info.tokens) == (2, sum(m.token_count for m in thread.messages()))
    assert other.thread("t").messages() == thread.messages()
    assert other.verify().ok
    again = other.import_(file)
    assert (again.threads.unchanged, again.messages.unchanged) == (1, 2)


def test_a_thread_that_grew_here(memory: Memory, other: Memory, file: Path) -> None:
    memory.thread("t").add(["a", "b"])
    memory.export(file)
    other.import_(file)
    other.thread("t").add(["c", "d"])
    with pytest.raises(ConflictError):
        other.import_(file)
    other.import_(file, on_conflict="skip")
    assert [one.text for one in other.thread("t").messages()] == ["a", "b", "c", "d"]
    other.import_(file, on_conflict="replace")
    assert other.verify().ok
    other.thread("t").add("e")
    assert [one.text for one in other.thread("t").messages()] == ["a", "b", "c", "d", "e"]


def test_two_that_grew_apart(memory: Memory, other: Memory, file: Path) -> None:
    memory.thread("t").add(["a", "b"])
    memory.export(file)
    other.import_(file)
    memory.thread("t").add(["mine", "mine too"])
    other.thread("t").add("theirs")
    second = file.with_name("second.jsonl")
    memory.export(second)
    before = threads_of(other)
    with pytest.raises(ConflictError):
        other.import_(second)
    assert threads_of(other) == before
    other.import_(second, on_conflict="replace")
    texts = [one.text for one in other.thread("t").messages()]
    assert texts == ["a", "b", "mine", "mine too"]
    assert other.verify().ok
    assert "theirs" in {record.content for record in other.list()}  # no record is lost


def test_a_user_alone_is_moved(memory: Memory, other: Memory, file: Path) -> None:
    memory.thread("t", scope="users/ana").add("hers")
    memory.thread("t", scope="users/bob").add("only for Bob")
    memory.scope("users/ana").export(file)
    report = other.import_(file)
    assert (report.threads.added, report.messages.added) == (1, 1)
    assert [one.scope.path for one in other.threads.list()] == ["users/ana"]
    assert "only for Bob" not in file.read_text("utf-8")


def test_another_thread_of_the_name(memory: Memory, other: Memory, file: Path) -> None:
    memory.thread("t").add("hers")
    other.thread("t").add("another")
    memory.export(file)
    for on_conflict in ("error", "replace"):
        with pytest.raises(ConflictError):
            other.import_(file, on_conflict=on_conflict)
        assert [one.text for one in other.thread("t").messages()] == ["another"]
        assert other.threads.count() == 1
    report = other.import_(file, on_conflict="skip")
    assert (report.threads.skipped, report.messages.skipped) == (1, 1)
    assert [one.text for one in other.thread("t").messages()] == ["another"]
