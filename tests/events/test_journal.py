"""`events()`: the journal as a view reads it."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from commonplace import Event, InvalidInputError, LimitExceededError, Memory, Scope

if TYPE_CHECKING:
    from pathlib import Path


def told(memory: Memory, **options: Any) -> list[tuple[str, str, int]]:
    return [
        (event.operation, event.scope.path, event.version) for event in memory.events(**options)
    ]


def test_every_change_is_an_event_in_the_order_it_was_committed(memory: Memory) -> None:
    before = datetime.now(UTC)
    record = memory.add("secret", scope="a")
    memory.update(record.id, content="other secret")
    memory.update(record.id, scope="b")
    memory.delete(record.id)
    assert told(memory) == [
        ("add", "a", 1),
        ("update", "a", 2),
        ("move", "a", 2),
        ("update", "b", 3),
        ("delete", "b", 3),
    ]
    found = memory.events()
    assert {event.record_id for event in found} == {record.id}
    assert [event.seq for event in found] == sorted({event.seq for event in found})
    assert all(before <= event.at <= datetime.now(UTC) for event in found)
    assert all(event.at.tzinfo is UTC for event in found)
    assert "secret" not in repr(found)


def test_expired_records_that_are_swept_are_events(memory: Memory) -> None:
    memory.add("soon gone", ttl=timedelta(microseconds=1))
    assert memory.sweep() == 1
    assert told(memory) == [("add", "", 1), ("expire", "", 1)]


def test_a_batch_that_fails_leaves_no_event(memory: Memory) -> None:
    with pytest.raises(InvalidInputError):
        memory.add_many(["fine", {"content": 3}])
    assert memory.events() == []


def test_paging_to_the_end_returns_every_event_once(memory: Memory) -> None:
    memory.add_many(f"text {n}" for n in range(25))
    pages: list[list[Event]] = []
    after = 0
    while page := memory.events(after=after, limit=10):
        pages.append(page)
        after = page[-1].seq
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [event for page in pages for event in page] == memory.events()
    assert memory.events(limit=0) == []
    assert memory.events(after=2**62) == []


def test_operations_narrow(memory: Memory) -> None:
    record = memory.add("x")
    memory.update(record.id, content="y")
    memory.delete(record.id)
    assert told(memory, operations="delete") == [("delete", "", 2)]
    assert len(told(memory, operations=["add", "delete"])) == 2
    assert told(memory, operations="archive") == []
    assert told(memory, operations="*") == told(memory, operations=()) == told(memory)


@pytest.mark.parametrize("wrong", ["added", "foo", ["add", "foo"], ["*"], [None]])
def test_an_operation_that_there_is_not_is_refused(memory: Memory, wrong: Any) -> None:
    with pytest.raises(InvalidInputError, match="'supersede'"):
        memory.events(operations=wrong)


def test_a_view_only_gets_events_of_its_scopes(memory: Memory) -> None:
    memory.add("x", scope="acme")
    memory.add("x", scope="acme/below")
    memory.add("x", scope="acme-corp")
    memory.add("x", scope="other")
    assert told(memory.scope("acme")) == [("add", "acme", 1), ("add", "acme/below", 1)]
    several = memory.view(read=["acme-corp", "other"])
    assert told(several) == [("add", "acme-corp", 1), ("add", "other", 1)]
    assert told(memory.scope("acme/nothing/yet")) == []
    assert told(memory.view(read=["acme/nothing/yet", "other"])) == [("add", "other", 1)]


def test_what_leaves_a_view_is_told_and_what_becomes_of_it_is_not(memory: Memory) -> None:
    record = memory.add("x", scope="a")
    memory.update(record.id, scope="b")
    memory.update(record.id, content="y")
    memory.delete(record.id)
    assert told(memory.scope("a")) == [("add", "a", 1), ("move", "a", 1)]
    assert told(memory.scope("b")) == [("update", "b", 2), ("update", "b", 3), ("delete", "b", 3)]


def test_a_link_is_an_event_of_its_source(memory: Memory) -> None:
    for name in ("one", "two"):
        memory.add("x", id=name, scope=name)
    memory.link("one", "two", "about")
    memory.unlink("one", "two")
    detail = {"target": "two", "type": "about"}
    assert [
        (event.operation, event.record_id, event.detail) for event in memory.events(after=2)
    ] == [("link", "one", detail), ("unlink", "one", detail)]
    assert memory.events()[0].detail == {}


def test_a_link_out_of_a_view_does_not_say_where_it_leads(memory: Memory) -> None:
    memory.add("x", id="ours", scope="a")
    memory.add("x", id="near", scope="a/below")
    memory.add("x", id="theirs", scope="b")
    memory.link("ours", "near", "about")
    memory.link("ours", "theirs", "about")
    told: list[Event] = []
    view = memory.scope("a")
    assert view.on("link", told.append, after=0).wait(timeout=60)
    near = {"target": "near", "type": "about"}
    assert [event.detail for event in told] == [near, {"type": "about"}]
    assert view.events(operations="link") == told
    # What the view once saw it may still be told of.
    memory.delete("near")
    assert view.events(operations="link") == told


def test_an_event_is_a_value(memory: Memory) -> None:
    memory.add("x", id="one", scope="a/b")
    (event,) = memory.events()
    assert event == memory.events()[0]
    assert len({event, memory.events()[0]}) == 1
    assert event.scope == Scope("a", "b")
    assert event.to_dict() == {
        "seq": event.seq,
        "at": event.at.isoformat(),
        "operation": "add",
        "record_id": "one",
        "scope": "a/b",
        "version": 1,
        "detail": {},
    }
    with pytest.raises(FrozenInstanceError):
        event.seq = 2  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    "given",
    [
        {"after": -1},
        {"after": "1"},
        {"limit": -1},
        {"limit": 1.5},
        {"operations": ["Add"]},
        {"operations": ["add", "*"]},
        {"operations": [3]},
        {"operations": 3},
        {"operations": ""},
    ],
)
def test_malformed_arguments_are_refused(memory: Memory, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        memory.events(**given)


def test_a_page_has_a_limit(memory: Memory) -> None:
    with pytest.raises(LimitExceededError):
        memory.events(limit=100_001)


def test_the_journal_outlives_the_memory(path: Path) -> None:
    with Memory(path) as memory:
        memory.add("x", embed=False)
        before = memory.events()
    with Memory(path) as memory:
        assert memory.events() == before
