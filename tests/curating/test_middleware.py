"""Write middleware stands before every verb that writes a text, its own or a record's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from commonplace import HashingEmbedder, LimitExceededError, Memory, Redaction, SizeLimits

if TYPE_CHECKING:
    from collections.abc import Iterator

ADDRESS = "write to alice@example.com"


@pytest.fixture
def clean(clock: Any) -> Iterator[Memory]:
    """A memory that keeps no addresses."""
    redaction = Redaction()
    with Memory(
        ":memory:", embedder=HashingEmbedder(16), clock=clock, middleware=[redaction]
    ) as memory:
        yield memory
        found = memory.list(include_closed=True, include_archived=True)
        assert not any(
            "alice" in state.record.content for one in found for state in memory.history(one.id)
        )
        assert memory.search("alice", mode="lexical", include_closed=True) == []


def test_a_fact_that_supersedes_is_redacted(clean: Memory) -> None:
    clean.add("call", id="1")
    assert "alice" not in clean.supersede("1", {"content": ADDRESS}).content


@pytest.mark.parametrize("action", ["skip", "merge", "supersede"])
def test_duplicates_are_compared_and_merged_as_redacted(clean: Memory, action: Any) -> None:
    clean.add(ADDRESS, id="1")
    got = clean.add("Write to alice@example.com", on_duplicate=action, similar_at=0.9)
    assert "alice" not in got.content
    assert clean.count() == 1


@pytest.mark.parametrize("verb", ["merge", "sync"])
def test_what_comes_from_another_memory_is_redacted(
    clean: Memory, timed: Memory, verb: str
) -> None:
    timed.add(ADDRESS, id="1")
    getattr(clean, verb)(timed)
    (copy,) = clean.list()
    assert copy.id == "1"
    report = getattr(clean, verb)(timed)
    assert clean.list() == [copy]
    assert report.links == 0


def similarity_of_what_was_redacted(memory: Memory, scope: str) -> float | None:
    """How near a record lies to the text that it was before: 1 if its vectors were made of it."""
    (vector,) = HashingEmbedder(16).embed_documents([ADDRESS])
    (hit,) = memory.search(vector=vector, mode="dense", scope=scope)
    return hit.similarity


@pytest.mark.parametrize("verb", ["merge", "sync"])
def test_no_vector_of_what_was_redacted_comes_from_another_memory(
    clean: Memory, clock: Any, verb: str
) -> None:
    with Memory(":memory:", embedder=HashingEmbedder(16), clock=clock) as source:
        source.add(ADDRESS, id="1")
        getattr(clean, verb)(source)
    similarity = similarity_of_what_was_redacted(clean, "")
    assert similarity is not None
    assert similarity < 0.99


def test_no_vector_of_what_was_redacted_is_shared(path: Any, clock: Any) -> None:
    with Memory(path, embedder=HashingEmbedder(16), clock=clock) as memory:
        memory.add(ADDRESS, id="1", scope="a", vectors={"other": [1.0, 0.0]})
    redacting: Any = {"middleware": [Redaction()], "clock": clock}
    with Memory(path, embedder=HashingEmbedder(16), **redacting) as memory:
        assert "alice" not in memory.share("1", "b").content
        similarity = similarity_of_what_was_redacted(memory, "b")
        assert similarity is not None
        assert similarity < 0.99
        assert memory.search(vector=[1.0, 0.0], space="other", scope="b") == []
        assert memory.verify().ok


def test_what_is_refused_changes_nothing(clock: Any, timed: Memory) -> None:
    limit = SizeLimits(content=10)
    with Memory(
        ":memory:", embedder=HashingEmbedder(16), clock=clock, middleware=[limit]
    ) as memory:
        memory.add("short", id="1")
        timed.add("short", id="2")
        timed.add("far too long a text", id="3")
        for refused in (
            lambda: memory.supersede("1", {"content": "far too long a text"}),
            lambda: memory.merge(timed),
            lambda: memory.sync(timed),
        ):
            with pytest.raises(LimitExceededError):
                refused()
        assert [(one.id, one.version) for one in memory.list()] == [("1", 1)]
