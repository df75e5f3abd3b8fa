"""`put_many` writes whole records, `note_reading` notes a reading; other verbs tell of things."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from commonplace import ConflictError, InvalidInputError, Memory, Source

THEN = datetime(2020, 1, 2, tzinfo=UTC)


def test_a_record_becomes_what_is_given_wherever_it_lay(memory: Memory) -> None:
    old = memory.add("the sky", scope="a", tags=["x"], vectors={"far": [1.0, 0.0]})
    new = memory.put_many([{"id": old.id, "content": "the sea", "scope": "b", "created_at": THEN}])
    assert memory.list() == new
    assert (new[0].scope.path, new[0].created_at, new[0].tags) == ("b", THEN, ())
    assert new[0].version == 2
    assert memory.search("sea", scope="b")[0].id == old.id
    assert memory.search("sky", scope="a") == []
    assert memory.vectors(old.id)["far"].tolist() == [[1.0, 0.0]]


def test_what_is_not_given_stays(memory: Memory) -> None:
    old = memory.add("the sky", key="k", created_at=THEN)
    (new,) = memory.put_many([{"id": old.id, "content": "the sea"}])
    assert (new.key, new.created_at) == ("k", THEN)


def test_blank_content_has_no_vector(memory: Memory) -> None:
    old = memory.add("the sky")
    memory.put_many([{"id": old.id, "content": " "}])
    assert memory.vectors(old.id) == {}


def test_the_last_of_two_with_one_id_wins(memory: Memory) -> None:
    both = memory.put_many([{"id": "i", "content": "one"}, {"id": "i", "content": "two"}])
    assert [record.content for record in both] == ["two", "two"]
    assert memory.count() == 1


def test_an_id_outside_the_view_is_taken_and_nothing_is_written(memory: Memory) -> None:
    memory.add("hers", id="i", scope="alice")
    with pytest.raises(ConflictError):
        memory.scope("bob").put_many([{"id": "new", "content": "x"}, {"id": "i", "content": "y"}])
    assert [record.content for record in memory.list()] == ["hers"]


def test_a_batch_with_a_bad_record_writes_nothing(memory: Memory) -> None:
    with pytest.raises(InvalidInputError):
        memory.put_many([{"id": "i", "content": "x"}, {"id": "j", "importance": 7}])
    assert memory.count() == 0


def test_touching_is_no_change(memory: Memory) -> None:
    record = memory.add("x", source=Source(app="crewai"), value={"crewai": {"private": True}})
    other = memory.add("y", source=Source(app="langgraph"), value={"n": 1})
    events = memory.events()
    assert memory.note_reading([record.id, other.id, "none"], app="crewai", at=THEN) == 1
    seen = memory.get(record.id)
    assert seen is not None
    assert seen.value == {"crewai": {"private": True, "last_accessed": THEN.isoformat()}}
    assert (seen.version, seen.updated_at) == (1, record.updated_at)
    assert memory.get(other.id) == other
    assert memory.events() == events
    assert len(memory.history(record.id)) == 1


def test_touching_keeps_to_the_view(memory: Memory) -> None:
    record = memory.add("x", scope="alice", source=Source(app="crewai"))
    assert memory.scope("bob").note_reading([record.id], app="crewai") == 0
    assert memory.get(record.id) == record


def test_tags_are_counted_by_scope_and_filter(memory: Memory) -> None:
    memory.add("x", scope="a", tags=["red", "blue"], metadata={"n": 1})
    memory.add("y", scope="a/b", tags=["red"])
    memory.add("z", scope="ab", tags=["red", "blue"])
    assert memory.tags() == {"blue": 2, "red": 3}
    assert memory.tags(scope="a") == {"blue": 1, "red": 2}
    assert memory.tags(scope="a", recursive=False, filter={"n": 1}) == {"blue": 1, "red": 1}
    assert memory.scope("ab").tags() == {"blue": 1, "red": 1}


def test_spaces_and_vectors_are_told(memory: Memory) -> None:
    record = memory.add("x", scope="alice", vectors={"far": [[1.0, 2.0], [3.0, 4.0]]})
    assert memory.spaces()["far"].vectors == 2
    assert memory.spaces()["default"].dimension == memory.embedder.dimension == 64
    found = memory.vectors(record.id)
    assert found["far"].tolist() == [[1.0, 2.0], [3.0, 4.0]]
    np.testing.assert_array_equal(found["default"], memory.embedder.embed_documents(["x"]))
    assert memory.scope("bob").vectors(record.id) == {}


@pytest.mark.files
def test_a_memory_knows_its_directory(memory: Memory) -> None:
    if memory.directory is not None:
        assert repr(str(memory.directory)) in repr(memory)
    else:
        assert "':memory:'" in repr(memory)
