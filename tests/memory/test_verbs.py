from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from commonplace import (
    ConflictError,
    EmbedderError,
    HashingEmbedder,
    InvalidInputError,
    LimitExceededError,
    Memory,
    ModelMismatchError,
    NotFoundError,
    PrecomputedEmbedder,
    Redaction,
    Scope,
    Source,
    from_langchain,
)
from commonplace.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from commonplace.scope import ScopeLike

WHOLE: dict[str, Any] = {
    "content": "all fields",
    "id": "chosen",
    "scope": "a/b",
    "key": "k",
    "kind": "event",
    "value": {"n": [1, 2.5, None, True, "\U0001f600", 2**70], "nested": {"": {}}},
    "tags": ["x", "y"],
    "metadata": {"é": -0.0, "big": 10**300},
    "importance": 0.25,
    "source": Source(app="a", agent="b", user="c", thread="d", uri="e", trust=0.5),
    "created_at": datetime(2020, 1, 1, 0, 0, 0, 1, UTC),
    "expires_at": datetime(2999, 1, 1, tzinfo=UTC),
    "valid_from": datetime(1900, 1, 1, tzinfo=UTC),
    "valid_to": datetime(2100, 1, 1, tzinfo=UTC),
}


def test_what_goes_in_comes_out(memory: Memory) -> None:
    memory.add(**WHOLE)
    record = memory.get("chosen")
    assert record is not None
    for name, value in WHOLE.items():
        found = getattr(record, name)
        assert found == (tuple(value) if name == "tags" else value) or str(found) == value
    assert memory.get(key="k", scope="a/b") == record
    assert memory.search("fields", mode="lexical")[0].record == record


def test_values_are_copied_in_and_out(memory: Memory) -> None:
    value: dict[str, Any] = {"list": [1]}
    record = memory.add("x", value=value, metadata=value)
    value["list"].append(2)
    record.metadata["other"] = 1
    again = memory.get(record.id)
    assert again is not None
    assert (again.value, again.metadata) == ({"list": [1]}, {"list": [1]})


def test_adding_again_replaces_keeps_or_refuses(memory: Memory) -> None:
    first = memory.add("one", key="k", scope="s")
    second = memory.add("two", key="k", scope="s")
    assert (second.id, second.version, second.created_at) == (first.id, 2, first.created_at)
    assert memory.add("three", key="k", scope="s", if_exists="keep") == second
    with pytest.raises(ConflictError):
        memory.add("three", id=first.id, scope="s", if_exists="error")
    with pytest.raises(ConflictError):
        memory.add("three", id=first.id, scope="elsewhere")
    with pytest.raises(ConflictError):
        memory.add("three", id="new", key="k", scope="s")
    assert memory.add("four", key="k", scope="t").id != first.id
    assert memory.count() == 2


def test_equal_content_is_found_when_asked(memory: Memory) -> None:
    first = memory.add("same", scope="s")
    assert memory.add("same", scope="s", dedupe=True) == first
    assert memory.add("same", scope="s", kind="other", dedupe=True).id != first.id
    batch = memory.add_many(["same", "new", "new"], scope="s", dedupe=True)
    assert batch[0] == first
    assert batch[1].id == batch[2].id
    assert memory.count() == 3


def test_one_key_for_two_records_of_a_batch_is_a_conflict(memory: Memory) -> None:
    before = memory.add_many([{"id": "1", "content": "tea"}, {"id": "2", "content": "milk"}])
    first, second = {"id": "1", "content": "x", "key": "k"}, {"id": "2", "key": "k"}
    for batch in ([first, second], [first, {"key": "k"}], [{"key": "k"}, first]):
        with pytest.raises(ConflictError, match="one key"):
            memory.add_many(batch)
        assert memory.list(order_by="id") == before
    # The one that is kept as it is does not get the key.
    assert [one.key for one in memory.add_many([first, {"key": "k"}], if_exists="keep")] == [
        None,
        "k",
    ]


def test_a_batch_is_whole_or_absent(memory: Memory) -> None:
    with pytest.raises(InvalidInputError):
        memory.add_many(["fine", {"content": "bad", "importance": 2}])
    with pytest.raises(ConflictError):
        memory.add_many([{"content": "a", "id": "1"}, {"content": "b", "id": "1", "key": "k"}])
    with pytest.raises(InvalidInputError):
        memory.add_many("a text")
    with pytest.raises(InvalidInputError):
        memory.add_many([{1: "a", "colour": "red"}])  # pyright: ignore[reportArgumentType] - for that
    assert memory.count() == 0
    assert memory.add_many([]) == []
    written = memory.add_many([{"content": "a", "key": "k"}, {"content": "b", "key": "k"}])
    assert [record.content for record in written] == ["b", "b"]
    assert memory.count() == 1


def test_records_can_be_carried_from_one_memory_to_another(memory: Memory) -> None:
    memory.add(**WHOLE)
    with Memory(":memory:", embedder=HashingEmbedder(64)) as other:
        (carried,) = other.add_many(memory.list())
        original = memory.get("chosen")
        assert original is not None
        assert carried.to_dict() | {"updated_at": 0} == original.to_dict() | {"updated_at": 0}


def test_an_update_changes_what_it_names_and_nothing_else(memory: Memory) -> None:
    memory.add(**WHOLE)
    before = memory.get("chosen")
    after = memory.update("chosen", content="other words", tags=[], expires_at=None)
    assert before is not None
    assert (after.content, after.tags, after.expires_at, after.version) == (
        "other words",
        (),
        None,
        2,
    )
    assert (after.value, after.metadata, after.key) == (before.value, before.metadata, "k")
    assert memory.search("all fields", mode="lexical") == []
    assert memory.search("other", mode="lexical")[0].record == after
    with pytest.raises(ConflictError, match="version 2"):
        memory.update("chosen", content="x", expected_version=1)
    with pytest.raises(NotFoundError):
        memory.update("nobody", content="x")
    with pytest.raises(InvalidInputError):
        memory.update("chosen", created_at=datetime.now(UTC))  # pyright: ignore[reportCallIssue]
    assert memory.get("chosen") == after


def test_an_update_names_what_it_changes(memory: Memory) -> None:
    before = memory.add("x", id="chosen")
    given: dict[str, Any]
    for given in ({}, {"expected_version": 1}):
        with pytest.raises(InvalidInputError, match="say what to change"):
            memory.update("chosen", **given)
    assert memory.get("chosen") == before
    assert len(memory.history("chosen")) == 1


def test_deleting_takes_a_word(memory: Memory) -> None:
    ids = [
        record.id for record in memory.add_many(["a", "b", "c", {"content": "d", "tags": ["t"]}])
    ]
    assert memory.delete([]) == 0
    with pytest.raises(InvalidInputError):
        memory.delete()
    assert memory.delete([ids[0], "nobody"]) == 1
    assert memory.delete(tags="t") == 1
    assert memory.delete(filter={"@content": "b"}) == 1
    assert memory.delete(everything=True) == 1
    assert memory.count() == 0
    assert memory.verify().ok


@pytest.mark.parametrize("root", ["", Scope()])
def test_a_scope_that_is_all_there_is_is_no_condition(memory: Memory, root: ScopeLike) -> None:
    memory.add_many([{"scope": "a"}, {"scope": "a/b"}, {"content": "c"}])
    alice = memory.scope("a")
    for view, scope in [(memory, root), (alice, "a"), (alice, Scope("a"))]:
        with pytest.raises(InvalidInputError, match="everything=True"):
            view.delete(scope=scope)
        assert view.delete([], scope=scope) == view.delete(scope=scope, kinds="none") == 0
    assert memory.count() == 3
    assert alice.delete(scope="a/b") == 1
    assert alice.delete(scope="a", everything=True) == 1
    assert memory.delete(scope=root, filter={"@content": "c"}) == 1
    memory.add("d")
    assert memory.delete(scope=root, everything=True) == 1


def test_pages_reach_the_end_in_every_order(memory: Memory) -> None:
    memory.add_many(
        {"content": str(n), "scope": f"s/{n % 3}", "importance": n % 4 / 4, "kind": "ab"[n % 2]}
        for n in range(25)
    )
    for order in ("-created_at", "importance", ["kind", "-importance"], "scope", "id", "key"):
        whole = memory.list(order_by=order)
        paged = [r for n in range(0, 30, 7) for r in memory.list(order_by=order, limit=7, offset=n)]
        assert paged == whole
        assert len({record.id for record in whole}) == 25
    with pytest.raises(InvalidInputError):
        memory.list(order_by="content; DROP TABLE records")


def test_several_vectors_the_best_counts(path: Path) -> None:
    with Memory(path, embedder=PrecomputedEmbedder("p", 2)) as memory:
        memory.add("two", id="two", vector=[[1, 0], [0, 1]])
        memory.add("one", id="one", vector=[0.6, 0.8])
        assert [hit.id for hit in memory.search(vector=[1, 0])] == ["two", "one"]
        assert memory.search(vector=[0, 1])[0].similarity == pytest.approx(1)
        memory.add("foreign", id="foreign", vectors={"theirs": [1, 2, 3]}, embed=False)
        assert [hit.id for hit in memory.search(vector=[1, 2, 3], space="theirs")] == ["foreign"]
        assert memory.search(vector=[1, 2, 3], space="unknown") == []
        with pytest.raises(ModelMismatchError):
            memory.search(vector=[1, 2], space="theirs")
        with pytest.raises(ModelMismatchError):
            memory.add("x", vectors={"theirs": [1, 2]}, embed=False)
        with pytest.raises(ModelMismatchError):
            memory.add("x", vector=[1, 2, 3])
        with pytest.raises(EmbedderError):
            memory.add("needs a vector")
        assert memory.count() == 3


def test_a_vector_for_the_own_space_by_its_name_is_not_embedded_over(path: Path) -> None:
    with Memory(path, embedder=PrecomputedEmbedder("p", 2)) as memory:
        record = memory.add("named", vectors={"default": [1, 0]})
        assert memory.search(vector=[1, 0])[0].similarity == pytest.approx(1)
        memory.update(record.id, content="renamed", vectors={"default": [0, 1]})
        assert memory.search(vector=[0, 1])[0].similarity == pytest.approx(1)
        with pytest.raises(InvalidInputError):
            memory.add("x", vector=[1, 0], vectors={"default": [1, 0]})


def test_long_content_is_found_by_any_of_its_passages(path: Path) -> None:
    with Memory(path, embedder=HashingEmbedder(256, passage_length=100)) as memory:
        filler = "nothing of note happened on this day. " * 20
        memory.add(f"{filler} The zebra escaped from the zoo. {filler}", id="long")
        memory.add(filler, id="filler")
        assert memory.search("zebra escaped zoo", mode="dense")[0].id == "long"
        assert memory.stats().spaces[0].vectors > 10


def test_another_embedder_is_refused_by_name(path: Path) -> None:
    with Memory(path, embedder=HashingEmbedder(64)) as memory:
        memory.add("x")
    with pytest.raises(ModelMismatchError, match=r"hashing-64.*hashing-32"):
        Memory(path, embedder=HashingEmbedder(32))
    with Memory(path) as memory:
        assert memory.search("x", mode="lexical")
        with pytest.raises(ModelMismatchError):
            memory.search("x")
        with pytest.raises(ModelMismatchError):
            memory.add("y")
        assert memory.count() == 1


class Broken(HashingEmbedder):
    def __init__(self, answer: Any) -> None:
        super().__init__(4)
        self._answer = answer

    def embed_documents(self, texts: Sequence[str]) -> Any:  # noqa: ARG002 - the port
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize(
    "answer", [RuntimeError("secret text"), [[1.0]], [], [[float("nan")] * 4], "x", None]
)
def test_a_failing_embedder_writes_nothing(answer: Any) -> None:
    with Memory(":memory:", embedder=Broken(answer)) as memory:
        with pytest.raises(EmbedderError) as caught:
            memory.add("secret text")
        assert "secret" not in str(caught.value)
        assert memory.count() == 0


def test_langchain_embeddings_embed(path: Path) -> None:
    from langchain_core.embeddings import DeterministicFakeEmbedding  # noqa: PLC0415 - slow

    with Memory(path, embedder=DeterministicFakeEmbedding(size=16)) as memory:
        memory.add("same text")
        assert memory.search("same text", mode="dense")[0].similarity == pytest.approx(1)
        assert "langchain/DeterministicFakeEmbedding" in memory.stats().spaces[0].identity
    named = from_langchain(DeterministicFakeEmbedding(size=16), identity="mine@1")
    assert named.identity == "mine@1"


class ChromaLike:
    """What a Chroma embedding function is to us: callable, with a name."""

    def __call__(self, input: list[str]) -> list[list[float]]:  # noqa: A002 - Chroma's name
        return [[float(len(text)), 1.0] for text in input]

    @staticmethod
    def name() -> str:
        return "length"


def test_chroma_embedding_functions_embed() -> None:
    with Memory(":memory:", embedder=ChromaLike()) as memory:
        memory.add("four")
        assert memory.search("five", mode="dense")[0].similarity == pytest.approx(1)
        assert memory.stats().spaces[0].identity == "chroma/length"


@pytest.mark.parametrize("middleware", [[], [Redaction()]])
def test_what_is_embedded_can_be_changed_alone(middleware: list[Redaction]) -> None:
    embedder = HashingEmbedder(64)
    with Memory(":memory:", embedder=embedder, middleware=middleware) as memory:
        memory.add("green tea", id="a")
        assert memory.update("a", embed=["the violin"]).content == "green tea"
        assert memory.search("the violin", mode="dense")[0].similarity == pytest.approx(1)
        assert len(memory.search("tea", mode="lexical")) == 1
        memory.update("a", embed=False)
        assert memory.search("green tea") == memory.search("tea", mode="lexical") == []
        memory.update("a", embed=True)
        assert memory.search("green tea", mode="dense")[0].similarity == pytest.approx(1)
        assert len(memory.search("tea", mode="lexical")) == 1
        assert memory.verify().ok


def test_what_expired_stands_in_nobodys_way(path: Path) -> None:
    clock = FakeClock()
    with Memory(path, embedder=HashingEmbedder(16), clock=clock) as memory:
        memory.add("short lived", id="a", key="k", scope="one", ttl=10)
        memory.add("short lived", id="b", key="k", scope="two", ttl=10)
        other = memory.add("long lived", id="c", key="own", scope="two")
        clock.micros += 11_000_000
        moved = memory.add("anew", id="a", scope="two")
        assert (moved.scope.path, moved.version) == ("two", 1)
        assert memory.update(other.id, key="k").key == "k"
        assert memory.add("short lived", scope="one", dedupe=True).version == 1
        assert memory.stats().expired == 0
        assert memory.verify().ok


def test_expired_is_invisible_at_once_and_swept_later(path: Path) -> None:
    clock = FakeClock()
    with Memory(path, embedder=HashingEmbedder(8), clock=clock) as memory:
        memory.add("short lived", key="k", ttl=10)
        memory.add("stays")
        clock.micros += 10_000_000
        assert memory.count() == 1
        assert memory.get(key="k", scope="") is None
        assert [hit.content for hit in memory.search("short lived stays")] == ["stays"]
        assert memory.search("short", mode="lexical") == []
        assert memory.stats().expired == 1
        again = memory.add("anew", key="k", ttl=timedelta(seconds=5))
        assert again.version == 1
        clock.micros += 10_000_000
        assert memory.sweep() == 1
        assert memory.stats().expired == 0
        assert memory.verify().ok


def test_sweeping_by_itself(path: Path) -> None:
    import time  # noqa: PLC0415

    with Memory(path, embedder=HashingEmbedder(8), sweep_every=0.01) as memory:
        memory.add("gone", ttl=0.01)
        deadline = time.monotonic() + 120
        while memory.stats().kinds and time.monotonic() < deadline:
            pass
        assert memory.stats().kinds == {}


def test_a_memory_that_is_not_there_is_not_made(path: Path) -> None:
    with pytest.raises(NotFoundError):
        Memory(path, create=False)
    assert not path.exists()


def test_limits_are_named(memory: Memory) -> None:
    too_much: list[dict[str, Any]] = [
        {"content": "x" * 1_000_001},
        {"metadata": {"x": "y" * 70_000}},
        {"metadata": {str(n): n for n in range(300)}},
        {"value": "x" * 5_000_000},
        {"tags": [str(n) for n in range(300)]},
        {"scope": "/".join("x" * 40)},
    ]
    for arguments in too_much:
        with pytest.raises(LimitExceededError):
            memory.add(**arguments)
    with pytest.raises(LimitExceededError):
        memory.search("x" * 70_000)
    assert memory.count() == 0
