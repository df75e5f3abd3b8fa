"""`diff`: how another memory, or another scope of the same one, differs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from commonplace import AsyncMemory, InvalidInputError, Memory

if TYPE_CHECKING:
    from commonplace import Diff


def both(here: Memory, there: Memory, content: str = "tea", **fields: Any) -> None:
    here.add(content, **fields)
    there.add(content, **fields)


def told(diff: Diff) -> tuple[set[str], set[str], dict[str, tuple[str, ...]], int]:
    changed = {change.id: change.fields for change in diff.changed}
    return set(diff.added), set(diff.removed), changed, diff.same


def test_two_empty_memories_do_not_differ(here: Memory, there: Memory) -> None:
    diff = here.diff(there)
    assert diff.empty
    assert told(diff) == (set(), set(), {}, 0)
    assert here.diff(here, by="id").empty


def test_by_id_between_two_memories(here: Memory, there: Memory) -> None:
    both(here, there, id="same", scope="a", metadata={"n": 2**70}, value=[1.5, None])
    both(here, there, id="différent 茶", scope="a")
    there.update("différent 茶", content="coffee", tags=["x"])
    here.add("tea", id="here")
    there.add("tea", id="there")
    assert told(here.diff(there)) == (
        {"there"},
        {"here"},
        {"différent 茶": ("content", "tags")},
        1,
    )
    assert told(there.diff(here)) == (
        {"here"},
        {"there"},
        {"différent 茶": ("content", "tags")},
        1,
    )
    assert [change.newer for change in here.diff(there).changed] == ["there"]
    assert [change.newer for change in there.diff(here).changed] == ["here"]


def test_each_part_counts(here: Memory, there: Memory) -> None:
    changes: list[tuple[str, Any]] = [
        ("scope", "a/b"),
        ("key", "k"),
        ("kind", "note"),
        ("content", "coffee"),
        ("value", {"x": 1}),
        ("tags", ["x"]),
        ("metadata", {"x": True}),
        ("importance", 0.75),
        ("source", {"app": "x"}),
    ]
    for field, value in changes:
        both(here, there, id=field, scope="a")
        there.update(field, **{field: value})
    assert told(here.diff(there))[2] == {field: (field,) for field, _ in changes}


def test_true_is_not_1_in_what_differs(here: Memory, there: Memory) -> None:
    here.add("tea", id="1", value=True, metadata={"n": [0]})
    there.add("tea", id="1", value=1, metadata={"n": [False]})
    assert told(here.diff(there))[2] == {"1": ("value", "metadata")}


def test_times_that_count_and_times_that_do_not(here: Memory, there: Memory, clock: Any) -> None:
    late = clock.moment() + timedelta(days=1)
    here.add("tea", id="1")
    clock.wait(10)
    there.add("tea", id="1")
    there.update("1", tags=["x"])
    there.update("1", tags=[])
    assert here.diff(there).empty
    there.update("1", valid_from=late, valid_to=late, expires_at=late)
    assert told(here.diff(there))[2] == {"1": ("expires_at", "valid_from", "valid_to")}
    here.update("1", valid_from=late, valid_to=late, expires_at=late)
    there.archive("1")
    assert told(here.diff(there))[2] == {"1": ("archived_at",)}


def test_closed_and_archived_records_are_compared_and_expired_ones_are_not(
    here: Memory, there: Memory, clock: Any
) -> None:
    here.add_many([{"id": "closed", "valid_to": clock.moment()}, {"id": "aside"}])
    here.add("tea", id="gone", ttl=1)
    here.archive("aside")
    clock.wait(5)
    assert told(there.diff(here)) == ({"closed", "aside"}, set(), {}, 0)


def test_by_content_between_two_memories(here: Memory, there: Memory) -> None:
    here.add("tea", id="1", scope="a", tags=["x"])
    there.add("tea", id="2", scope="a")
    here.add("coffee", id="3", scope="a")
    there.add("coffee", id="4", scope="b")
    here.add("note", id="5", kind="note")
    there.add("note", id="6")
    here.add("key", id="7", key="k")
    there.add("key", id="8", key="k")
    diff = here.diff(there, by="content")
    assert told(diff) == ({"4", "6"}, {"3", "5"}, {"1": ("tags",)}, 1)
    assert [change.other_id for change in diff.changed] == ["2"]


def test_equal_contents_are_paired_one_by_one(here: Memory, there: Memory) -> None:
    for number in range(3):
        here.add("tea", id=f"{number}")
    there.add("tea", id="4")
    there.add("tea", id="5")
    added, removed, changed, same = told(here.diff(there, by="content"))
    assert (added, len(removed), changed, same) == (set(), 1, {}, 2)


def test_equal_contents_are_paired_with_their_equals(here: Memory, there: Memory) -> None:
    here.add("tea", id="1", tags=["x"])
    here.add("tea", id="2", tags=["y"])
    there.add("tea", id="3", tags=["y"])
    there.add("tea", id="4", tags=["x"])
    assert told(here.diff(there, by="content")) == (set(), set(), {}, 2)


def test_scopes_of_one_memory_are_compared_by_content(here: Memory) -> None:
    here.add_many([{"content": "tea", "scope": scope} for scope in ("a", "b", "a/x", "b/x")])
    here.add("coffee", id="coffee", scope="ab")
    a, b, ab = (here.scope(name) for name in ("a", "b", "ab"))
    assert a.diff(b).empty
    assert a.diff(b).same == 2
    assert told(b.diff(ab))[0] == {"coffee"}
    assert len(a.diff(b, by="id").added) == 2


def test_only_what_the_views_see_is_compared(here: Memory, there: Memory) -> None:
    here.add("tea", id="1", scope="a/x")
    there.add("tea", id="1", scope="b/x")
    there.add("secret", id="2", scope="c")
    assert here.scope("a").diff(there.scope("b")).empty
    assert told(here.scope("a").diff(there))[2] == {"1": ("scope",)}
    assert here.scope("nowhere").diff(there.scope("nowhere")).empty
    reads = there.view(read=["b"])
    assert reads.diff(here.scope("a")).empty


def test_more_records_than_are_read_at_once(here: Memory, there: Memory) -> None:
    records: list[Any] = [{"content": f"{n}", "id": f"{n}"} for n in range(603)]
    here.add_many(records)
    there.add_many(records[5:])
    assert told(here.diff(there)) == (set(), {"0", "1", "2", "3", "4"}, {}, 598)
    assert told(here.diff(there, by="content")) == (set(), {"0", "1", "2", "3", "4"}, {}, 598)


def test_as_json(here: Memory, there: Memory) -> None:
    both(here, there, id="1")
    there.update("1", content="secret")
    assert here.diff(there).to_dict() == {
        "added": (),
        "removed": (),
        "changed": ({"id": "1", "other_id": "1", "fields": ("content",), "newer": "there"},),
        "same": 0,
    }


def test_an_async_memory_is_compared_too(here: Memory) -> None:
    here.add("tea", id="1")
    assert here.diff(AsyncMemory(here), by="id").same == 1  # pyright: ignore[reportArgumentType] - is unwrapped


def test_what_cannot_be_compared_is_refused(here: Memory, there: Memory) -> None:
    several = there.view(read=["a", "b"])
    for one, other in [(here, several), (several, here)]:
        with pytest.raises(InvalidInputError):
            one.diff(other)
    wrong: Any
    for wrong in (None, "path", 5, object()):
        with pytest.raises(InvalidInputError):
            here.diff(wrong)
    for wrong in ("text", 5):
        with pytest.raises(InvalidInputError):
            here.diff(there, by=wrong)
