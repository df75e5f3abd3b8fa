"""`restore`: what comes back, and what does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from commonplace import (
    ConflictError,
    HashingEmbedder,
    InvalidInputError,
    Memory,
    NotFoundError,
    OutsideViewError,
)

if TYPE_CHECKING:
    from commonplace import Record

MODES = ("dense", "lexical", "hybrid")


def state(record: Record) -> Record:
    """A record without what a restore renews."""
    return replace(record, version=0, updated_at=record.created_at)


def found(memory: Memory, query: str, mode: Any) -> list[str]:
    return [hit.id for hit in memory.search(query, mode=mode)]


def test_a_deleted_record_comes_back_whole_and_nothing_is_embedded(
    timed: Memory, counting: Any, clock: Any
) -> None:
    full: dict[str, Any] = {
        "key": "k",
        "kind": "summary",
        "value": {"n": [1, None, "ü"]},
        "tags": ["x", "y"],
        "metadata": {"m": 1.5},
        "importance": 0.9,
        "source": {"app": "test", "trust": 0.5},
        "valid_from": clock.moment(),
        "expires_at": clock.moment() + timedelta(days=1),
    }
    timed.add("coffee", id="2", scope="a")
    record = timed.add("green tea", id="1", scope="a/b", **full)
    similarity = timed.search("green tea", mode="dense")[0].similarity
    timed.delete("1")
    assert found(timed, "green tea", "lexical") == []
    embedded = counting.texts
    restored = timed.restore("1")
    assert counting.texts == embedded
    assert state(restored) == state(record)
    assert restored.version == 2
    assert restored.updated_at > record.updated_at
    assert timed.get("1") == timed.get(key="k", scope="a/b") == restored
    for mode in MODES:
        assert found(timed, "green tea", mode)[0] == "1"
    assert timed.search("green tea", mode="dense")[0].similarity == similarity


def test_any_version_comes_back_as_the_newest(timed: Memory, counting: Any) -> None:
    first = timed.add("green tea", id="1", scope="a")
    timed.update("1", content="black coffee", scope="b")
    embedded = counting.texts
    restored = timed.restore("1", 1)
    assert counting.texts == embedded
    assert state(restored) == state(first)
    assert restored.version == 3
    assert timed.count(scope="b") == 0
    for mode in MODES:
        assert found(timed.scope("a"), "green tea", mode) == ["1"]
    assert found(timed, "coffee", "lexical") == []
    assert [one.record.version for one in timed.history("1")] == [1, 2, 3]
    assert state(timed.restore("1", 2)).content == "black coffee"


def test_texts_that_were_not_to_be_found_stay_so(timed: Memory) -> None:
    timed.add("green tea", id="1", embed=False)
    timed.add("black tea", id="2", embed=["a train"])
    timed.delete(["1", "2"])
    timed.restore("1")
    timed.restore("2")
    assert found(timed, "green", "lexical") == []
    assert found(timed, "a train", "dense") == ["2"]
    assert found(timed, "black", "lexical") == ["2"]


def test_vectors_of_every_space_come_back(timed: Memory) -> None:
    own = np.eye(2, 32, dtype=np.float32)
    timed.add("tea", id="1", vector=own, vectors={"other": [0.0, 3.0, 4.0]})
    timed.update("1", content="coffee", vectors={"other": [1.0, 0.0, 0.0]})
    timed.delete("1")
    timed.restore("1", 1)
    hits = timed.search(vector=[0.0, 3.0, 4.0], space="other")
    assert [hit.similarity for hit in hits] == pytest.approx([1.0])
    for row in own:
        assert timed.search(vector=row)[0].similarity == pytest.approx(1.0)


def test_links_do_not_come_back(timed: Memory) -> None:
    timed.add_many([{"id": "1"}, {"id": "2"}])
    timed.link("1", "2")
    timed.delete("1")
    timed.restore("1")
    assert timed.links("2") == []


def test_an_expiry_that_has_passed_is_taken_off(timed: Memory, clock: Any) -> None:
    soon, late = (clock.moment() + timedelta(seconds=span) for span in (5, 500))
    timed.add("tea", id="1", expires_at=soon)
    timed.update("1", expires_at=late)
    timed.update("1", expires_at=None)
    clock.wait(10)
    assert timed.restore("1", 1).expires_at is None
    assert timed.restore("1", 2).expires_at == late
    timed.delete("1")
    assert timed.restore("1").expires_at == late


def test_what_expired_does_not_come_back(timed: Memory, clock: Any) -> None:
    timed.add("tea", id="1", scope="a")
    timed.update("1", expires_at=clock.moment() + timedelta(seconds=5))
    clock.wait(10)
    for version in (None, 1, 2):
        with pytest.raises(NotFoundError):
            timed.restore("1", version)
    timed.sweep()
    for version in (None, 1, 2):
        with pytest.raises(NotFoundError):
            timed.restore("1", version)
    assert timed.count() == 0


def test_an_archived_record_comes_back_as_it_is(timed: Memory, counting: Any) -> None:
    timed.add("green tea", id="1", key="k")
    timed.archive("1")
    changed = timed.update("1", tags=["x"])
    assert changed.archived_at is not None
    embedded = counting.texts
    restored = timed.restore("1")
    assert counting.texts == embedded
    assert restored == timed.get("1")
    assert (restored.archived_at, restored.tags) == (None, ("x",))
    assert restored.version == changed.version + 1
    for mode in MODES:
        assert found(timed, "green tea", mode) == ["1"]


def test_an_archived_state_comes_back_unarchived(timed: Memory) -> None:
    timed.add("tea", id="1")
    timed.archive("1")
    timed.delete("1")
    assert timed.restore("1").archived_at is None
    assert timed.count() == 1


def test_what_is_there_is_not_restored_without_a_version(timed: Memory) -> None:
    timed.add("tea", id="1")
    timed.update("1", content="coffee")
    with pytest.raises(ConflictError):
        timed.restore("1")
    assert len(timed.history("1")) == 2


def test_unknown_records_and_versions_are_not_found(timed: Memory) -> None:
    timed.add("tea", id="1")
    for name, version in [("nobody", None), ("nobody", 1), ("1", 1), ("1", 0), ("1", 99)]:
        with pytest.raises(NotFoundError):
            timed.restore(name, version)


@pytest.mark.parametrize("version", [-1, 1.0, "1", True, [1]])
def test_malformed_versions_are_refused(timed: Memory, version: Any) -> None:
    timed.add("tea", id="1")
    with pytest.raises(InvalidInputError):
        timed.restore("1", version)


def test_a_key_that_was_taken_meanwhile_is_a_conflict(timed: Memory) -> None:
    timed.add("tea", id="1", scope="a", key="k")
    timed.update("1", key=None)
    timed.delete("1")
    other = timed.add("coffee", id="2", scope="a", key="k")
    with pytest.raises(ConflictError) as caught:
        timed.restore("1", 1)
    assert "tea" not in str(caught.value)
    assert timed.get("1") is None
    assert timed.list() == [other]
    assert timed.restore("1").key is None


def test_a_state_outside_the_view_does_not_come_back(timed: Memory) -> None:
    timed.add("at a", id="1", scope="a")
    timed.update("1", scope="b", content="at b")
    a, b = timed.scope("a"), timed.scope("b")
    reads_all = timed.view(read=["a", "b"], write="b")
    for view, version in [(a, 1), (b, 1), (reads_all, 1), (timed.scope("c"), 1)]:
        with pytest.raises(NotFoundError):
            view.restore("1", version)
    with pytest.raises(NotFoundError):
        timed.view(read=["a", "b"]).restore("1", 1)
    timed.delete("1")
    with pytest.raises(NotFoundError):
        timed.scope("c").restore("1")
    assert b.restore("1").content == "at b"
    b.delete("1")
    assert a.restore("1").content == "at a"
    assert [one.record.scope.path for one in timed.history("1")] == ["a", "b", "b", "a"]


def test_an_id_that_others_use_by_now_does_not_come_back(timed: Memory) -> None:
    timed.scope("a").add("at a", id="1")
    timed.scope("a").delete("1")
    theirs = timed.scope("b").add("at b", id="1")
    for version in (None, 1):
        with pytest.raises(NotFoundError):
            timed.scope("a").restore("1", version)
    assert timed.get("1") == theirs


@pytest.mark.parametrize("swept", [True, False])
def test_a_record_that_expires_leaves_others_the_history_of_its_id(
    timed: Memory, clock: Any, swept: Any
) -> None:
    a, b = timed.scope("a"), timed.scope("b")
    a.add("at a", id="1")
    a.delete("1")
    b.add("at b", id="1", ttl=1)
    b.update("1", content="still at b")
    clock.wait(2)
    assert b.sweep() == 1 if swept else b.get("1") is None
    assert b.history("1") == []
    assert [one.record.content for one in a.history("1")] == ["at a"]
    assert a.restore("1").content == "at a"
    assert b.history("1") == []
    assert timed.verify().ok


@pytest.mark.parametrize("keep_versions", [0, 1])
def test_a_limit_on_versions_leaves_others_the_history_of_their_ids(
    path: Any, keep_versions: int
) -> None:
    """The one who deleted it kept all; whoever uses the id anew elsewhere may keep less."""
    with Memory(path, embedder=HashingEmbedder(8)) as memory:
        memory.add("at a", id="1", scope="a")
        memory.delete("1")
    with Memory(path, embedder=HashingEmbedder(8), keep_versions=keep_versions) as memory:
        b = memory.scope("b")
        b.add("at b", id="1")
        b.update("1", content="again")
        b.update("1", content="and again")
        assert len(b.history("1")) == 1 + keep_versions
        b.delete("1")
        assert memory.scope("a").restore("1").content == "at a"
        assert memory.verify().ok


def test_an_archived_record_that_may_only_be_read_stays_so(timed: Memory) -> None:
    timed.add("tea", id="1", scope="a")
    timed.archive("1")
    with pytest.raises(NotFoundError):
        timed.view(read=["a", "b"], write="b").restore("1")
    with pytest.raises(OutsideViewError):
        timed.view(read=["a"]).restore("1")
    assert timed.count() == 0


def test_a_record_of_another_model_comes_back_without_its_vectors(path: Any) -> None:
    """After a reindex the old states have the new model's vectors, so they are found by it."""
    with Memory(path, embedder=HashingEmbedder(8)) as memory:
        memory.add("green tea", id="1")
        memory.delete("1")
        memory.reindex(HashingEmbedder(16))
        memory.restore("1")
        assert found(memory, "green tea", "dense") == ["1"]
        assert memory.verify().ok
