"""`supersede`: one fact takes the place of another, which stays as what was true before."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from commonplace import (
    ConflictError,
    EmbedderError,
    HashingEmbedder,
    InvalidInputError,
    Memory,
    NotFoundError,
    OutsideViewError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MODES = ("dense", "lexical", "hybrid")


def states(memory: Memory) -> list[tuple[str, int, Any, Any]]:
    found = memory.list(order_by="id", include_closed=True, include_archived=True)
    return [(one.id, one.version, one.valid_from, one.valid_to) for one in found]


def test_the_old_fact_closes_when_the_new_one_begins(timed: Memory, clock: Any) -> None:
    old = timed.add("lives in Porto", id="old", scope="users/alice", valid_from=clock.moment())
    before = clock.wait(10)
    new = timed.supersede("old", {"content": "lives in Lisbon"}, reason="she moved")
    closed = timed.get("old")
    assert closed is not None
    assert closed.valid_to == new.valid_from == new.created_at
    assert new.valid_from is not None
    assert new.valid_from > before
    assert (closed.version, closed.valid_from) == (old.version + 1, old.valid_from)
    assert (new.scope, new.valid_to, new.version) == (old.scope, None, 1)
    assert new == timed.get(new.id)
    (link,) = timed.links("old")
    assert (link.source_id, link.target_id, link.type) == (new.id, "old", "supersedes")
    assert (link.reason, link.created_at) == ("she moved", new.created_at)


def test_what_is_closed_is_only_found_when_asked_for(timed: Memory, clock: Any) -> None:
    timed.add("likes green tea", id="old", tags=["x"])
    between = clock.wait(10)
    timed.supersede("old", {"content": "likes black tea", "id": "new", "tags": ["x"]})
    assert [one.id for one in timed.list()] == ["new"]
    assert timed.count() == timed.count(tags="x") == 1
    assert timed.count(include_closed=True) == timed.count(tags="x", include_closed=True) == 2
    assert {one.id for one in timed.list(include_closed=True)} == {"old", "new"}
    for mode in MODES:
        assert [hit.id for hit in timed.search("green tea", mode=mode)] == ["new"]
        asked = timed.search("green tea", mode=mode, include_closed=True)
        assert [hit.id for hit in asked] == ["old", "new"]
        then = timed.search("green tea", mode=mode, valid_at=between)
        assert [hit.id for hit in then] == ["old"]
    assert [one.id for one in timed.list(valid_at=between)] == ["old"]
    assert [one.id for one in timed.list(valid_at=clock.moment())] == ["new"]


def test_the_past_knew_the_old_one_as_open(timed: Memory, clock: Any) -> None:
    first = timed.add("green tea", id="old")
    between = clock.wait(10)
    timed.supersede("old", {"content": "black tea"})
    assert timed.list(as_of=between) == [first]
    assert timed.count(as_of=between) == 1
    assert timed.get("old", as_of=between) == first
    assert [hit.record for hit in timed.search("tea", as_of=between)] == [first]
    assert [one.replaced_by for one in timed.history("old")] == ["supersede", None]


def test_by_a_record_that_is_there(timed: Memory) -> None:
    timed.add("old", id="old", scope="a")
    new = timed.add("new", id="new", scope="b", valid_from=datetime(2020, 1, 1, tzinfo=UTC))
    assert timed.supersede("old", "new") == new == timed.get("new")
    assert [one.id for one in timed.list()] == ["new"]
    assert [link.reason for link in timed.links("new")] == [None]


def test_at_a_given_moment(timed: Memory, clock: Any) -> None:
    timed.add("old", id="old")
    early = clock.moment() - timedelta(days=30)
    new = timed.supersede("old", {"content": "new"}, at=early)
    closed = timed.get("old")
    assert closed is not None
    assert closed.valid_to == new.valid_from == early
    assert timed.list(valid_at=early - timedelta(days=1)) == [closed]
    assert timed.list(valid_at=early) == [new]


def test_at_a_moment_to_come(timed: Memory, clock: Any) -> None:
    timed.add("old", id="old")
    timed.supersede("old", {"content": "new", "id": "new"}, at=clock.moment() + timedelta(hours=1))
    assert timed.count() == 2
    assert [one.id for one in timed.list(valid_at=clock.moment())] == ["old"]
    clock.wait(3601)
    assert [one.id for one in timed.list()] == ["new"]


def test_moments_are_utc_whatever_zone_they_were_given_in(timed: Memory) -> None:
    timed.add("old", id="old")
    at = datetime(2023, 5, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    new = timed.supersede("old", {"content": "new"}, at=at)
    stored = timed.get(new.id)
    assert stored is not None
    assert new.to_dict() == stored.to_dict()
    assert new.to_dict()["valid_from"] == "2023-05-01T10:00:00+00:00"


def test_the_new_one_keeps_a_beginning_of_its_own(timed: Memory, clock: Any) -> None:
    timed.add("old", id="old")
    begun = clock.moment() - timedelta(days=3)
    new = timed.supersede(
        "old", {"content": "new", "valid_from": begun, "scope": "b/c", "key": "k"}
    )
    assert (new.valid_from, new.scope.path, new.key) == (begun, "b/c", "k")


def test_what_is_closed_is_not_superseded_again(timed: Memory) -> None:
    timed.add("a", id="a", scope="x")
    timed.add("d", id="d")
    timed.supersede("a", {"content": "b", "id": "b", "scope": "x/y"})
    before = states(timed)
    for new in ({"content": "c", "id": "c"}, "d"):
        with pytest.raises(ConflictError, match="'a' is closed already; supersede 'b', which took"):
            timed.supersede("a", new)
    assert states(timed) == before
    assert {link.source_id for link in timed.links("a")} == {"b"}
    timed.supersede("b", {"content": "c", "id": "c"})
    assert [one.id for one in timed.list(scope="x")] == ["c"]


def test_what_was_closed_by_hand_is_not_superseded(timed: Memory, clock: Any) -> None:
    end = clock.moment() - timedelta(days=1)
    timed.add("a", id="a", valid_to=end)
    before = states(timed)
    for at in (None, end):
        with pytest.raises(ConflictError, match="add the new record by itself"):
            timed.supersede("a", {"content": "b"}, at=at)
    assert states(timed) == before
    timed.supersede("a", {"content": "b", "id": "b"}, at=end - timedelta(days=1))
    assert [one.id for one in timed.list()] == ["b"]


def test_a_successor_outside_the_view_is_not_named(timed: Memory) -> None:
    timed.add("a", id="a", scope="x")
    timed.supersede("a", {"content": "b", "id": "hidden", "scope": "z"})
    with pytest.raises(ConflictError, match="add the new record by itself") as refused:
        timed.scope("x").supersede("a", {"content": "c"})
    assert "hidden" not in str(refused.value)


def test_superseding_again_by_the_same_keeps_the_first_end(timed: Memory, clock: Any) -> None:
    timed.add("a", id="a")
    timed.supersede("a", {"content": "b", "id": "b"})
    closed = timed.get("a")
    clock.wait(10)
    assert timed.supersede("a", "b", reason="again").id == "b"
    assert timed.get("a") == closed
    assert [link.reason for link in timed.links("a")] == ["again"]
    assert closed is not None
    earlier = closed.valid_to
    assert earlier is not None
    timed.supersede("a", "b", at=earlier - timedelta(seconds=1))
    now = timed.get("a")
    assert now is not None
    assert now.valid_to == earlier - timedelta(seconds=1)


def test_a_chain_shows_its_end(timed: Memory) -> None:
    timed.add("0", id="0")
    for number in range(4):
        timed.supersede(str(number), {"content": str(number + 1), "id": str(number + 1)})
    assert [one.id for one in timed.list()] == ["4"]
    path = timed.path("4", "0", types="supersedes")
    assert path is not None
    assert [link.target_id for link in path] == ["3", "2", "1", "0"]


def test_an_archived_fact_is_closed_and_stays_archived(timed: Memory) -> None:
    timed.add("old", id="old")
    timed.archive("old")
    timed.supersede("old", {"content": "new"})
    closed = timed.get("old")
    assert closed is not None
    assert closed.archived_at is not None
    assert closed.valid_to is not None


def test_what_is_malformed_changes_nothing(timed: Memory, clock: Any) -> None:
    late = clock.moment() + timedelta(days=1)
    timed.add("old", id="old")
    timed.add("later", id="later", valid_from=late)
    timed.add("new", id="new", key="k")
    before = states(timed)
    past = clock.moment() - timedelta(days=1)
    wrong: list[tuple[Any, Any, dict[str, Any]]] = [
        ("old", "old", {}),
        ("later", "new", {}),
        ("later", {"content": "x"}, {"at": past}),
        ("old", {"content": "x", "valid_to": past}, {}),
        ("old", {"content": "x", "colour": "red"}, {}),
        ("old", {"content": 5}, {}),
        ("old", ["x"], {}),
        ("old", None, {}),
        (5, "new", {}),
        ("old", "new", {"at": datetime(2024, 1, 1)}),  # noqa: DTZ001 - naive on purpose
        ("old", "new", {"at": "now"}),
        ("old", "new", {"reason": 5}),
        ("old", "new", {"reason": "x" * 4_001}),
    ]
    for old, new, options in wrong:
        with pytest.raises(InvalidInputError):
            timed.supersede(old, new, **options)
    for new in ({"content": "x", "id": "new"}, {"content": "x", "key": "k"}):
        with pytest.raises(ConflictError):
            timed.supersede("old", new)
    for old, new in [("nobody", "new"), ("old", "nobody"), ("nobody", {"content": "x"})]:
        with pytest.raises(NotFoundError):
            timed.supersede(old, new)
    assert states(timed) == before
    assert timed.links(["old", "later", "new"]) == []


def test_the_caller_s_dict_stays_as_it_is(timed: Memory) -> None:
    timed.add("old", id="old")
    given: dict[str, Any] = {"content": "new", "metadata": {"a": [1]}}
    timed.supersede("old", given)
    assert given == {"content": "new", "metadata": {"a": [1]}}


def test_records_outside_the_view_do_not_exist(timed: Memory) -> None:
    timed.add_many(
        [{"id": "a", "scope": "a"}, {"id": "b", "scope": "b"}, {"id": "ab", "scope": "ab"}]
    )
    a, both = timed.scope("a"), timed.view(read=["a", "b"], write="a")
    for view, old, new in [
        (a, "b", "a"),
        (a, "a", "b"),
        (a, "a", "ab"),
        (both, "b", "a"),
        (both, "a", "b"),
    ]:
        with pytest.raises(NotFoundError):
            view.supersede(old, new)
    with pytest.raises(NotFoundError):
        a.supersede("b", {"content": "x"})
    with pytest.raises(NotFoundError):
        both.supersede("b", {"content": "x", "scope": "a"})
    with pytest.raises(OutsideViewError):
        a.supersede("a", {"content": "x", "scope": "b"})
    with pytest.raises(NotFoundError):
        timed.view(read=["a"]).supersede("a", "a")
    with pytest.raises(OutsideViewError):
        timed.view(read=["a"]).supersede("a", {"content": "x"})
    assert [version for _, version, _, _ in states(timed)] == [1, 1, 1]


class FailingEmbedder(HashingEmbedder):
    """Fails when it is told to."""

    failing = False

    def embed_documents(self, texts: Sequence[str]) -> Any:
        if self.failing:
            raise RuntimeError
        return super().embed_documents(texts)


def test_nothing_is_closed_when_the_new_one_cannot_be_embedded(clock: Any) -> None:
    embedder = FailingEmbedder(16)
    with Memory(":memory:", embedder=embedder, clock=clock) as memory:
        memory.add("old", id="old")
        embedder.failing = True
        with pytest.raises(EmbedderError):
            memory.supersede("old", {"content": "new"})
        assert states(memory) == [("old", 1, None, None)]


def test_of_many_at_once_one_takes_the_place(path: Path) -> None:
    with Memory(path, embedder=HashingEmbedder(16)) as memory:
        memory.add("old", id="old")
        refused: list[int] = []

        def supersede(number: int) -> None:
            try:
                memory.supersede("old", {"content": f"{number}", "id": f"{number}"})
            except ConflictError:
                refused.append(number)

        threads = [threading.Thread(target=supersede, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        closed = memory.get("old")
        assert closed is not None
        (new,) = memory.list()
        assert closed.valid_to == new.valid_from
        assert [link.source_id for link in memory.links("old")] == [new.id]
        assert {*map(str, refused), new.id} == {str(number) for number in range(8)}
        assert len(memory.history("old")) == closed.version
        assert memory.verify().problems == ()
