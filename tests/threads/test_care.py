"""Damage to threads is found and mended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from commonplace import HashingEmbedder, Memory
from commonplace.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def damaged() -> Iterator[Memory]:
    """A memory of two conversations and a fact, about to be damaged."""
    with Memory(":memory:", embedder=HashingEmbedder(16), clock=FakeClock()) as memory:
        for key in ("one", "two"):
            memory.thread(key).add([f"{key} {n}" for n in range(4)])
        memory.add("a fact")
        assert memory.verify().ok
        yield memory


def execute(memory: Memory, statement: str) -> None:
    """Write into the tables as nobody should."""
    with memory._store._ledger.write() as transaction:  # pyright: ignore[reportPrivateUsage] - damage has no verb
        transaction._connection.execute(text(statement), {})  # pyright: ignore[reportPrivateUsage] - as above


DAMAGE = {
    "UPDATE threads SET messages = messages + 1 WHERE key = 'one'": "count",
    "UPDATE threads SET tokens = 0": "count",
    "UPDATE threads SET next_position = 0": "count",
    "UPDATE messages SET token_count = token_count + 7": "count",
    "DELETE FROM messages WHERE position = 1": "count",
    "DELETE FROM threads WHERE key = 'one'": "thread",
    "DELETE FROM records WHERE content = 'one 2'": "record",
    "UPDATE messages SET thread_id = 'nobody' WHERE position = 3 AND record_pk < 5": "thread",
    "UPDATE messages SET record_pk = record_pk + 1000 WHERE position = 3": "record",
}


@pytest.mark.parametrize("statement", DAMAGE)
def test_damage_is_found_and_mended(damaged: Memory, statement: str) -> None:
    execute(damaged, statement)
    report = damaged.verify()
    assert not report.ok
    assert any(DAMAGE[statement] in problem for problem in report.problems)
    assert not any("one 2" in problem for problem in report.problems)
    damaged.repair()
    assert damaged.verify().ok
    for info in damaged.threads.list():
        thread = damaged.thread(info.id)
        found = thread.messages()
        assert info.messages == len(found)
        assert info.tokens == sum(message.token_count for message in found)
        last = max((message.position for message in found), default=-1)
        assert thread.add("after the repair")[0].position > last
    assert damaged.verify().ok


def test_no_words_are_lost_by_a_repair(damaged: Memory) -> None:
    execute(damaged, "DELETE FROM threads WHERE key = 'one'")
    damaged.repair()
    assert damaged.count(kinds="message") == 8
    assert len(damaged.search("one", mode="lexical")) == 4


def test_reading_what_is_damaged_does_not_crash(damaged: Memory) -> None:
    for statement in DAMAGE:
        execute(damaged, statement)
    for key in ("one", "two"):
        thread = damaged.thread(key)
        thread.messages()
        thread.context(limit=3)
        thread.search("one")
    damaged.repair()
    assert damaged.verify().ok


def test_a_repair_of_what_is_whole_changes_nothing(damaged: Memory) -> None:
    def everything() -> list[Any]:
        return [damaged.thread(one.id).messages() for one in damaged.threads.list()]

    before = (damaged.threads.list(), everything(), damaged.list())
    damaged.repair()
    assert (damaged.threads.list(), everything(), damaged.list()) == before
