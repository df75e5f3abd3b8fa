"""`history`: every state that is kept, what ended it, and how many are kept."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from commonplace import HashingEmbedder, InvalidInputError, Memory

if TYPE_CHECKING:
    from pathlib import Path


def ends(memory: Memory, name: str) -> list[tuple[int, str | None]]:
    """The version and the end of each state."""
    return [(state.record.version, state.replaced_by) for state in memory.history(name)]


def test_every_state_is_kept_until_what_ended_it(timed: Memory, clock: Any) -> None:
    first = timed.add("green tea", id="1", scope="a", tags=["x"], value={"n": [1, None]})
    clock.wait(1)
    second = timed.update("1", content="black tea")
    clock.wait(1)
    third = timed.update("1", tags=["y"], metadata={"n": 1})
    states = timed.history("1")
    assert [state.record for state in states] == [first, second, third]
    assert [state.replaced_at for state in states] == [second.updated_at, third.updated_at, None]
    assert [state.replaced_by for state in states] == ["update", "update", None]
    timed.delete("1")
    assert [state.record for state in timed.history("1")] == [first, second, third]
    last = timed.history("1")[-1]
    assert last.replaced_by == "delete"
    assert last.replaced_at is not None
    assert last.replaced_at > third.updated_at


def test_whatever_changes_a_record_is_named(timed: Memory) -> None:
    timed.add("tea", id="1", scope="a")
    timed.add("tea again", id="1", scope="a")
    timed.update("1", scope="b")
    timed.archive("1")
    timed.restore("1")
    timed.supersede("1", {"content": "coffee"})
    timed.delete("1")
    timed.restore("1")
    timed.restore("1", 2)
    assert ends(timed, "1") == [
        (1, "update"),
        (2, "update"),
        (3, "archive"),
        (4, "restore"),
        (5, "supersede"),
        (6, "delete"),
        (7, "restore"),
        (8, None),
    ]


def test_what_changes_nothing_leaves_no_state(timed: Memory) -> None:
    timed.add("tea", id="1")
    timed.archive("1")
    assert timed.archive("1") == 0
    timed.add("other", id="1", if_exists="keep")
    timed.add("tea", dedupe=True)
    assert ends(timed, "1") == [(1, "archive"), (2, None)]


@pytest.mark.parametrize("name", ["nobody", "", "x" * 600, "a\0b"])
def test_a_record_that_never_was_has_no_history(timed: Memory, name: str) -> None:
    assert timed.history(name) == []


def test_a_malformed_id_is_refused(timed: Memory) -> None:
    careless: Any = timed
    for name in (None, 1, ["1"], "\ud800"):
        with pytest.raises(InvalidInputError):
            careless.history(name)


def test_numbers_go_on_after_delete_and_add(timed: Memory) -> None:
    timed.add("tea", id="1")
    timed.update("1", content="coffee")
    timed.delete("1")
    again = timed.add("water", id="1", scope="elsewhere")
    assert again.version == 3
    timed.delete("1")
    assert timed.restore("1", 2).version == 4
    assert ends(timed, "1") == [(1, "update"), (2, "delete"), (3, "delete"), (4, None)]


def test_the_history_outlives_the_process(path: Path) -> None:
    with Memory(path, embedder=HashingEmbedder(8)) as memory:
        memory.add("tea", id="1")
        memory.update("1", content="coffee")
        memory.delete("1")
        states = memory.history("1")
    with Memory(path, embedder=HashingEmbedder(8)) as memory:
        assert memory.history("1") == states
        assert memory.restore("1").content == "coffee"


@pytest.mark.parametrize(
    ("most", "kept"), [(0, []), (1, [5]), (2, [4, 5]), (None, [1, 2, 3, 4, 5])]
)
def test_no_more_states_are_kept_than_asked(most: int | None, kept: list[int]) -> None:
    with Memory(":memory:", embedder=HashingEmbedder(8), keep_versions=most) as memory:
        memory.add("tea", id="other")
        memory.update("other", content="coffee")
        memory.add("version 1", id="1")
        for number in range(2, 6):
            memory.update("1", content=f"version {number}")
        memory.archive("1")
        assert [state.record.version for state in memory.history("1")] == [*kept, 6]
        assert len(memory.history("other")) == (1 if most == 0 else 2)
        memory.restore("1")
        memory.delete("1")
        assert len(memory.history("1")) == (7 if most is None else most)
        assert memory.verify().problems == ()


def test_only_what_is_kept_comes_back() -> None:
    with Memory(":memory:", embedder=HashingEmbedder(8), keep_versions=0) as memory:
        first = memory.add("tea", id="1")
        memory.delete("1")
        assert memory.history("1") == []
        assert memory.add("tea", id="1").version == first.version
        assert memory.get("1", as_of=first.updated_at) is None


@pytest.mark.parametrize("most", [0, 1])
def test_older_states_go_too_whoever_wrote_them(tmp_path: Path, most: int) -> None:
    with Memory(tmp_path / "m", embedder=HashingEmbedder(8)) as memory:
        for content in ("one", "two", "three"):
            memory.add(content, id="1")
    with Memory(tmp_path / "m", embedder=HashingEmbedder(8), keep_versions=most) as memory:
        memory.delete("1")
        assert [state.record.content for state in memory.history("1")] == ["three"][:most]
        assert memory.verify().problems == ()


@pytest.mark.parametrize("bad", [-1, 1.5, "2", True])
def test_a_malformed_keep_versions_is_refused(bad: Any) -> None:
    with pytest.raises(InvalidInputError):
        Memory(":memory:", embedder=HashingEmbedder(8), keep_versions=bad)


def test_what_expired_has_no_history(timed: Memory, clock: Any) -> None:
    timed.add("tea", id="1")
    timed.update("1", content="coffee", expires_at=clock.moment() + timedelta(seconds=5))
    assert len(timed.history("1")) == 2
    clock.wait(10)
    assert timed.history("1") == []
    assert timed.sweep() == 1
    assert timed.history("1") == []
    assert timed.add("water", id="1").version == 1


def test_what_expired_and_was_replaced_has_no_history(timed: Memory, clock: Any) -> None:
    timed.add("tea", id="1", ttl=5)
    clock.wait(10)
    assert timed.add("water", id="1").version == 1
    assert ends(timed, "1") == [(1, None)]


def test_a_view_sees_only_the_states_that_lay_in_it(timed: Memory) -> None:
    timed.add("at a", id="1", scope="a")
    timed.update("1", scope="ab", content="at ab")
    timed.update("1", scope="a/b", content="at a/b")
    timed.update("1", scope="b", content="at b")
    timed.delete("1")

    def contents(view: Memory) -> list[str]:
        return [state.record.content for state in view.history("1")]

    assert contents(timed) == ["at a", "at ab", "at a/b", "at b"]
    assert contents(timed.scope("a")) == ["at a", "at a/b"]
    assert contents(timed.scope("a/b")) == ["at a/b"]
    assert contents(timed.view(read=["ab", "b"])) == ["at ab", "at b"]
    assert contents(timed.scope("c")) == []


def test_journal_names_the_operations(timed: Memory) -> None:
    timed.add("tea", id="1", scope="a")
    timed.archive("1")
    timed.restore("1")
    timed.update("1", scope="b")
    timed.delete("1")
    timed.restore("1", 1)
    told = [(event.operation, event.scope.path, event.version) for event in timed.events()]
    assert told == [
        ("add", "a", 1),
        ("archive", "a", 2),
        ("restore", "a", 3),
        ("move", "a", 3),
        ("update", "b", 4),
        ("delete", "b", 4),
        ("restore", "a", 5),
    ]
