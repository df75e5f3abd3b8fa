"""Quotas: kept by every way of writing, from every handle, and told when they would be broken."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from commonplace import (
    HashingEmbedder,
    InvalidInputError,
    LimitExceededError,
    Memory,
    OutsideViewError,
    QuotaExceededError,
)

if TYPE_CHECKING:
    from pathlib import Path


def other_memory(count: int, scope: str = "users/ana") -> Memory:
    memory = Memory(":memory:", embedder=HashingEmbedder(64))
    memory.add_many([{"content": f"other {n}", "scope": scope} for n in range(count)])
    return memory


def test_every_way_of_writing_keeps_to_it(memory: Memory, tmp_path: Path) -> None:
    stay = memory.add("stays", scope="users/ana", id="stays")
    memory.add("elsewhere", scope="lobby", id="elsewhere")
    gone = memory.add("goes", scope="users/ana")
    memory.delete(gone.id)
    other = other_memory(3)
    other.export(tmp_path / "some.jsonl")
    memory.set_quota("users", 1)
    ways: dict[str, Any] = {
        "add": lambda: memory.add("x", scope="users/ben"),
        "add_many": lambda: memory.add_many([{"content": "x", "scope": "users"}]),
        "put_many": lambda: memory.put_many([{"content": "x", "scope": "users/ana", "id": "n"}]),
        "exchange": lambda: memory.exchange([{"content": "x", "scope": "users/ana"}]),
        "update": lambda: memory.update("elsewhere", scope="users/ana"),
        "supersede": lambda: memory.supersede("stays", {"content": "y", "scope": "users/ana"}),
        "share": lambda: memory.share("elsewhere", "users/ana"),
        "restore": lambda: memory.restore(gone.id),
        "import": lambda: memory.import_(tmp_path / "some.jsonl"),
        "merge": lambda: memory.merge(other),
        "sync": lambda: memory.sync(other),
        "thread": lambda: memory.thread("t", scope="users/ana").add(
            {"role": "user", "content": "x"}
        ),
        "view": lambda: memory.scope("users/ana").add("x"),
    }
    for name, way in ways.items():
        with pytest.raises(QuotaExceededError, match="'users' may hold 1 records") as caught:
            way()
        assert (caught.value.scope, caught.value.quota) == ("users", 1), name
        assert caught.value.used > 1, name
        assert memory.count(scope="users") == 1, name
    assert memory.get("stays") == stay
    assert memory.threads.count() == 0
    assert memory.verify().ok
    other.close()


def test_what_does_not_grow_is_free(memory: Memory) -> None:
    for number in range(3):
        memory.add(f"n {number}", scope="users/ana", id=f"r{number}")
    memory.set_quota("users/ana", 2)
    memory.update("r0", content="changed")
    memory.add("replaced", scope="users/ana", id="r1")
    memory.exchange([{"content": "instead", "scope": "users/ana"}], delete=["r2"])
    memory.add("elsewhere", scope="users/ben")
    memory.delete(["r0"])
    memory.delete(["r1"])
    memory.add("room again", scope="users/ana")
    with pytest.raises(QuotaExceededError):
        memory.add("one too many", scope="users/ana")
    memory.set_quota("users/ana", None)
    memory.add("no quota", scope="users/ana")


def test_a_thread_that_forgets_its_oldest_messages_stays_within(memory: Memory) -> None:
    thread = memory.thread("t", scope="users/ana")
    thread.create(max_messages=2)
    memory.set_quota("users/ana", 2)
    for number in range(5):
        thread.add({"role": "user", "content": f"n {number}"})
    assert [message.content for message in thread.messages()] == ["n 3", "n 4"]


def test_quotas_are_told_to_those_who_may_see_them(memory: Memory) -> None:
    memory.add("x", scope="users/ana")
    memory.set_quota("users", 5)
    memory.set_quota("", 100)
    memory.set_quota("lobby", 0)
    found = [(one.scope.path, one.records, one.used) for one in memory.quotas()]
    assert found == [("", 100, 1), ("lobby", 0, 0), ("users", 5, 1)]
    assert [one.scope.path for one in memory.scope("users").quotas()] == ["users"]
    assert memory.quotas()[2].to_dict() == {"scope": "users", "records": 5, "used": 1}
    with pytest.raises(OutsideViewError):
        memory.scope("users").set_quota("users", 10)


def test_what_is_no_quota_is_refused(memory: Memory) -> None:
    wrong: list[Any] = [-1, True, 1.0, "1", 2**60, [], float("nan")]
    for records in wrong:
        with pytest.raises(InvalidInputError):
            memory.set_quota("users", records)
    assert issubclass(QuotaExceededError, LimitExceededError)
    assert memory.quotas() == []


def test_handles_and_threads_together_never_break_it(path: Path) -> None:
    with Memory(path, embedder=HashingEmbedder(64)) as first:
        first.set_quota("users", 10)
        with Memory(path, embedder=HashingEmbedder(64)) as second:

            def add(number: int) -> bool:
                try:
                    (first, second)[number % 2].add(f"n {number}", scope=f"users/u{number % 3}")
                except QuotaExceededError:
                    return False
                return True

            with ThreadPoolExecutor(4) as pool:
                written = list(pool.map(add, range(40)))
            assert sum(written) == 10 == first.count(scope="users")
            assert first.verify().ok
