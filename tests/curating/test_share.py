"""`share` and `unshare`: copies for those who read another scope."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from commonplace import (
    HashingEmbedder,
    InvalidInputError,
    LimitExceededError,
    Memory,
    NotFoundError,
    OutsideViewError,
)

if TYPE_CHECKING:
    from commonplace import Record

MODES = ("dense", "lexical", "hybrid")


def state(record: Record) -> dict[str, Any]:
    """What a copy has in common with what it was taken from."""
    own = ("id", "scope", "key", "metadata", "updated_at", "version", "archived_at")
    return {name: part for name, part in record.to_dict().items() if name not in own}


def test_a_copy_says_what_it_was_taken_from(timed: Memory, clock: Any) -> None:
    full: dict[str, Any] = {
        "key": "k",
        "kind": "summary",
        "value": {"n": [1, None, 2**70]},
        "tags": ["x", "y"],
        "metadata": {"m": 1.5},
        "importance": 0.9,
        "source": {"app": "test", "trust": 0.5},
        "valid_from": clock.moment(),
        "valid_to": clock.moment() + timedelta(days=1),
        "expires_at": clock.moment() + timedelta(days=2),
    }
    record = timed.add("green tea", id="1", scope="alice", **full)
    clock.wait(10)
    copy = timed.share("1", "room")
    assert copy == timed.get(copy.id)
    assert copy.id != "1"
    assert (copy.scope.path, copy.version) == ("room", 1)
    assert copy.metadata == {"m": 1.5, "shared_from": "1"}
    assert state(copy) == state(record)
    assert timed.get("1") == record
    assert timed.get(key="k", scope="room") is None


def test_a_copy_is_found_as_the_original_is_and_nothing_is_embedded(timed: Memory) -> None:
    own = np.eye(2, 32, dtype=np.float32)
    timed.add("green tea", id="1", scope="a", vector=own, vectors={"other": [3.0, 4.0]})
    timed.share("1", "room")
    room = timed.scope("room")
    for row in own:
        assert [hit.similarity for hit in room.search(vector=row)] == pytest.approx([1.0])
    assert len(room.search(vector=[3.0, 4.0], space="other")) == 1
    assert len(room.search("green", mode="lexical")) == 1


@pytest.mark.parametrize("extra", [{}, {"vector": [1.0] * 32}])
def test_what_words_do_not_find_is_not_found_by_them_when_shared(
    timed: Memory, extra: dict[str, Any]
) -> None:
    timed.add("secret tea", id="1", scope="a", embed=False, **extra)
    copy = timed.share("1", "room")
    for mode in MODES:
        found = len(timed.scope("a").search("secret", mode=mode))
        assert len(timed.scope("room").search("secret", mode=mode)) == found
    assert timed.scope("room").search("secret", mode="lexical") == []
    assert timed.scope("room").list() == [copy]


def test_a_copy_does_not_follow_until_it_is_shared_again(timed: Memory) -> None:
    timed.add("green tea", id="1", scope="a", vectors={"other": [1.0, 0.0]})
    copy = timed.share("1", "room")
    timed.update("1", content="black coffee", tags=["x"], vectors={"other": [0.0, 1.0]})
    assert timed.get(copy.id) == copy
    again = timed.share("1", "room")
    assert (again.id, again.created_at) == (copy.id, copy.created_at)
    assert (again.content, again.tags) == ("black coffee", ("x",))
    room = timed.scope("room")
    assert room.count() == 1
    assert room.search("green", mode="lexical") == []
    assert room.search(vector=[0.0, 1.0], space="other")[0].similarity == pytest.approx(1.0)
    timed.delete("1")
    assert room.list() == [again]


def test_sharing_again_changes_nothing_but_the_version(timed: Memory) -> None:
    timed.add("tea", id="1", scope="a")
    first = timed.share("1", "room")
    again = timed.share("1", "room")
    assert replace(again, version=1, updated_at=first.updated_at) == first
    assert timed.count(scope="room") == 1


def test_each_scope_has_a_copy_of_its_own(timed: Memory) -> None:
    timed.add("tea", id="1", scope="a")
    scopes = ["room", "room/inner", "rooms", "a", "a/b", ""]
    copies = [timed.share("1", scope) for scope in scopes]
    assert len({copy.id for copy in copies}) == len(scopes)
    assert timed.count() == len(scopes) + 1
    assert timed.unshare("1", "room") == 2
    assert timed.unshare("1") == len(scopes) - 2
    assert timed.unshare("1") == 0
    assert [one.id for one in timed.list()] == ["1"]


def test_a_copy_can_be_shared_on(timed: Memory) -> None:
    timed.add("tea", id="1", scope="a")
    copy = timed.share("1", "b")
    further = timed.share(copy.id, "c")
    assert further.metadata == {"shared_from": copy.id}
    assert timed.unshare("1") == 1
    assert timed.get(further.id) == further


def test_links_do_not_come_along(timed: Memory) -> None:
    timed.add_many([{"id": "1", "scope": "a"}, {"id": "2", "scope": "a"}])
    timed.link("1", "2")
    copy = timed.share("1", "room")
    assert timed.links(copy.id) == []
    assert len(timed.links("1")) == 1


def test_unshare_after_the_original_is_gone(timed: Memory) -> None:
    timed.add("tea", id="1", scope="a")
    copy = timed.share("1", "room")
    timed.delete("1")
    assert timed.unshare("1", "room") == 1
    assert timed.get(copy.id) is None


def test_unshare_leaves_alone_what_share_did_not_make(timed: Memory) -> None:
    timed.add("tea", id="1", scope="a")
    own = timed.add("mine", scope="room", key="shared:1")
    assert timed.unshare("1") == 0
    assert timed.list(scope="room") == [own]


def test_archived_and_closed_records_are_shared_as_they_hold(timed: Memory) -> None:
    timed.add_many([{"id": "1", "content": "tea", "scope": "a"}, {"id": "2", "scope": "a"}])
    timed.archive("1")
    assert timed.share("1", "room").archived_at is None
    timed.supersede("1", "2")
    timed.share("1", "room")
    assert timed.scope("room").count() == 0
    assert timed.scope("room").count(include_closed=True) == 1


def test_expired_records_cannot_be_shared(timed: Memory, clock: Any) -> None:
    timed.add("tea", id="1", scope="a", ttl=5)
    copy = timed.share("1", "room")
    clock.wait(10)
    with pytest.raises(NotFoundError):
        timed.share("1", "room")
    assert timed.get(copy.id) is None


def test_a_view_shares_what_it_sees_to_where_it_writes(timed: Memory) -> None:
    timed.add_many(
        [{"id": "a", "scope": "a"}, {"id": "b", "scope": "b"}, {"id": "ab", "scope": "ab"}]
    )
    view = timed.view(read=["a"], write="a/room")
    for hidden in ("b", "ab", "nobody"):
        with pytest.raises(NotFoundError):
            view.share(hidden, "a/room")
    for scope in ("a", "b", "", "a/roomy"):
        with pytest.raises(OutsideViewError):
            view.share("a", scope)
        with pytest.raises(OutsideViewError):
            view.unshare("a", scope)
    with pytest.raises(OutsideViewError):
        timed.view(read=["a"]).share("a", "a")
    with pytest.raises(OutsideViewError):
        timed.view(read=["a"]).unshare("a")
    assert timed.count() == 3
    copy = view.share("a", "a/room/x")
    timed.share("a", "b")
    assert view.get(copy.id) == copy
    assert view.unshare("a") == 1
    assert timed.count() == 4


def test_readers_of_the_room_see_the_copy_and_never_the_original(timed: Memory) -> None:
    timed.add("green tea", id="1", scope="private")
    room = timed.view(read=["room"])
    assert room.search("tea") == []
    copy = timed.share("1", "room")
    assert [hit.id for hit in room.search("tea")] == [copy.id]
    assert room.get("1") is None
    assert room.history("1") == []
    assert room.links(copy.id) == []
    assert room.count() == 1
    timed.unshare("1", "room")
    assert room.search("tea") == []


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [("share", (5, "room")), ("share", ("1", 5)), ("unshare", (None,)), ("unshare", ("1", 5))],
)
def test_malformed_arguments_are_refused(timed: Memory, verb: str, arguments: Any) -> None:
    timed.add("tea", id="1", scope="a")
    with pytest.raises(InvalidInputError):
        getattr(timed, verb)(*arguments)
    assert timed.count() == 1


def test_a_copy_that_would_be_too_large_is_refused(timed: Memory) -> None:
    timed.add("tea", id="1", metadata={str(n): n for n in range(256)})
    with pytest.raises(LimitExceededError):
        timed.share("1", "room")
    assert timed.count() == 1


def test_sharing_while_another_embedder_moves_in() -> None:
    with Memory(":memory:", embedder=HashingEmbedder(16)) as memory:
        memory.add_many([{"id": str(n), "content": f"tea {n}", "scope": "a"} for n in range(4)])
        shared: list[Record] = []

        def share(_done: int, _all: int) -> None:
            shared.append(memory.share("1", "room"))

        memory.reindex(HashingEmbedder(24), batch=2, progress=share)
        assert shared
        assert [hit.id for hit in memory.scope("room").search("tea 1")] == [shared[0].id]
        assert memory.verify().problems == ()
