"""Middleware is applied in order, before anything is written or embedded, and held to its word."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import anyio
import numpy as np
import pytest

from commonplace import (
    AsyncMemory,
    ConflictError,
    HashingEmbedder,
    InvalidInputError,
    LimitExceededError,
    Memory,
    NotFoundError,
    Record,
    RefusedError,
    Scope,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray


class RecordingEmbedder(HashingEmbedder):
    """Remembers what it was given to embed."""

    def __init__(self) -> None:
        super().__init__(64)
        self.texts: list[str] = []

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += texts
        return super().embed_documents(texts)


class Append:
    """Adds a word to what is written and to what is read, and remembers what it saw."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.seen: list[Record] = []

    def before_write(self, record: Record) -> Record:
        self.seen.append(record)
        return replace(record, content=f"{record.content} in-{self.word}")

    def after_read(self, record: Record) -> Record:
        return replace(record, content=f"{record.content} out-{self.word}")


class Change:
    """Returns whatever a function makes of the record."""

    def __init__(self, change: Callable[[Record], Any]) -> None:
        self.before_write: Callable[[Record], Any] = change


class Mask:
    """Shows every record with other content."""

    def after_read(self, record: Record) -> Record:
        return replace(record, content="masked")


class Fence:
    """Refuses what is marked."""

    def before_write(self, record: Record) -> Record:
        if "refuse" in record.tags or record.content == "refuse":
            raise RefusedError("a record is marked")
        return record


def opened(*middleware: Any, path: str | Path = ":memory:", embedder: Any = None) -> Memory:
    return Memory(path, embedder=embedder or HashingEmbedder(64), middleware=middleware)


def text_of(record: Record | None) -> str:
    assert record is not None
    return record.content


def test_writes_pass_first_to_last_and_reads_last_to_first() -> None:
    with opened(Append("a"), Append("b")) as memory:
        record = memory.add("x")
        assert record.content == "x in-a in-b out-b out-a"
        assert memory.get(record.id) == record


def test_without_middleware_nothing_changes(memory: Memory) -> None:
    assert text_of(memory.get(memory.add("x").id)) == "x"


def test_what_is_changed_is_what_is_embedded_and_found() -> None:
    embedder = RecordingEmbedder()
    hide = Change(lambda record: replace(record, content=record.content.replace("tea", "ink")))
    with opened(hide, embedder=embedder) as memory:
        first, second = memory.add_many(["a cup of tea", {"content": "x", "embed": ["green tea"]}])
        assert embedder.texts == ["a cup of ink", "green ink"]
        assert first.content == "a cup of ink"
        assert memory.search("tea", mode="lexical") == []
        assert memory.search("ink", mode="lexical")[0].record == first
        assert memory.search("green ink", mode="dense")[0].record == second
        assert memory.search("green ink", mode="dense")[0].similarity == pytest.approx(1)


def test_vectors_that_were_brought_stay() -> None:
    embedder = RecordingEmbedder()
    vector = np.eye(64, dtype=np.float32)[0]
    with opened(Append("a"), embedder=embedder) as memory:
        memory.add("x", vector=vector)
        hit = memory.search(vector=vector, mode="dense")[0]
        assert hit.similarity == pytest.approx(1)
        memory.update(hit.id, content="y", vector=-vector)
        assert memory.search(vector=-vector, mode="dense")[0].similarity == pytest.approx(1)
    assert embedder.texts == []


def test_a_text_to_embed_comes_as_content_without_the_value() -> None:
    append = Append("a")
    with opened(append) as memory:
        memory.add("x", value=1, tags=["t"], embed=["one", "two"])
    assert [(seen.content, seen.value) for seen in append.seen] == [
        ("x", 1),
        ("one", None),
        ("two", None),
    ]
    assert {(seen.id, seen.tags) for seen in append.seen} == {(append.seen[0].id, ("t",))}


def test_what_is_not_embedded_stays_so() -> None:
    embedder = RecordingEmbedder()
    with opened(Append("a"), embedder=embedder) as memory:
        record = memory.add("x", embed=False)
        memory.update(record.id, content="y", embed=False)
        assert memory.search("in", mode="lexical") == []
    assert embedder.texts == []


def test_a_refusal_leaves_nothing_written_or_embedded() -> None:
    embedder = RecordingEmbedder()
    with opened(Fence(), embedder=embedder) as memory:
        for batch in (
            ["fine", {"content": "bad", "tags": ["refuse"], "scope": "new"}],
            ["fine", {"content": "bad", "embed": ["fine", "refuse"]}],
        ):
            with pytest.raises(RefusedError):
                memory.add_many(batch)
        with pytest.raises(RefusedError):
            memory.add("refuse")
        assert embedder.texts == []
        assert (memory.count(), memory.scopes()) == (0, [])
        record = memory.add("fine")
        with pytest.raises(RefusedError):
            memory.update(record.id, content="changed", tags=["refuse"])
        assert memory.get(record.id) == record
        assert embedder.texts == ["fine"]


def test_an_update_is_judged_by_the_new_state() -> None:
    """A part that is not named takes part too."""

    def both(record: Record) -> Record:
        if {"a", "b"} <= set(record.tags) | {record.kind}:
            raise RefusedError("not both")
        return record

    with opened(Change(both)) as memory:
        record = memory.add("x", tags=["a"])
        with pytest.raises(RefusedError):
            memory.update(record.id, kind="b")
        assert memory.update(record.id, kind="c").kind == "c"


def test_middleware_may_change_parts_that_an_update_does_not_name() -> None:
    embedder = RecordingEmbedder()

    def stamp(record: Record) -> Record:
        return replace(record, metadata={"version": record.version}, importance=1.0)

    with opened(Change(stamp), embedder=embedder) as memory:
        record = memory.add("x", metadata={"mine": 1})
        changed = memory.update(record.id, tags=["t"])
        assert (changed.version, changed.metadata, changed.importance) == (2, {"version": 2}, 1.0)
        assert memory.get(record.id) == changed
    assert embedder.texts == ["x"]


@pytest.mark.parametrize("embed", [True, ["other words"]])
def test_an_update_embeds_what_middleware_leaves(embed: Any) -> None:
    embedder = RecordingEmbedder()
    with opened(Append("a"), embedder=embedder) as memory:
        record = memory.add("x", tags=["t"])
        embedder.texts.clear()
        memory.update(record.id, content="y", embed=embed)
        wanted = "y in-a" if embed is True else "other words in-a"
        assert embedder.texts == [wanted]
        assert memory.search(wanted, mode="dense")[0].similarity == pytest.approx(1)


def test_vectors_follow_when_only_middleware_changes_the_content(path: Path) -> None:
    with opened(path=path) as memory:
        found = memory.add("old words", tags=["t"])
        kept_out = memory.add("old words", embed=False)
    embedder = RecordingEmbedder()
    renew = Change(lambda record: replace(record, content="new words"))
    with opened(renew, path=path, embedder=embedder) as memory:
        memory.update(found.id, importance=1)
        memory.update(kept_out.id, importance=1)
        assert embedder.texts == ["new words"]
        assert text_of(memory.get(kept_out.id)) == "new words"
        assert memory.search("old", mode="lexical") == []
        assert [hit.id for hit in memory.search("new", mode="lexical")] == [found.id]
        (hit,) = memory.search("new words", mode="dense")
        assert (hit.id, hit.similarity) == (found.id, pytest.approx(1))


def test_an_update_begins_anew_when_the_record_changed_meanwhile(path: Path) -> None:
    embedder = RecordingEmbedder()
    with opened(path=path) as other:
        record = other.add("x", metadata={"n": 0})
        words = iter(["one", "two"])

        def count(state: Record) -> Record:
            if word := next(words, None):  # another writer comes in between, twice
                other.update(record.id, tags=[word])
            return replace(state, metadata={"n": 1, "before": state.metadata["n"]})

        with opened(Change(count), path=path, embedder=embedder) as memory:
            changed = memory.update(record.id, content="y")
            assert memory.get(record.id) == changed
    assert (changed.content, changed.tags, changed.metadata) == (
        "y",
        ("two",),
        {"n": 1, "before": 0},
    )
    assert changed.version == 4
    assert embedder.texts == ["y"]


def test_middleware_may_use_the_memory_itself() -> None:
    """It runs outside any transaction, also where the ledger has one connection."""
    seen: list[int] = []

    class Counting:
        memory: Memory

        def before_write(self, record: Record) -> Record:
            seen.append(self.memory.count())
            return record

    counting = Counting()
    with opened(counting) as counted:
        counting.memory = counted
        record = counted.add("x")
        counted.update(record.id, content="y")
    assert seen == [0, 1]


def test_an_update_gives_up_when_others_never_stop(path: Path) -> None:
    with opened(path=path) as other:
        record = other.add("x")

        def disturb(state: Record) -> Record:
            other.update(record.id, importance=0.1)
            return state

        with opened(Change(disturb), path=path) as memory:
            with pytest.raises(ConflictError):
                memory.update(record.id, content="y")
            assert text_of(memory.get(record.id)) == "x"
            with pytest.raises(ConflictError, match="not 1"):
                memory.update(record.id, content="y", expected_version=1)


def test_an_update_of_what_is_not_there() -> None:
    with opened(Append("a")) as memory:
        record = memory.add("x", scope="a")
        with pytest.raises(NotFoundError):
            memory.update("nobody", content="y")
        with pytest.raises(NotFoundError):
            memory.scope("b").update(record.id, content="y")
        with pytest.raises(NotFoundError):
            memory.view(read=[""], write="b").update(record.id, content="y")


LATER = datetime.now(UTC) + timedelta(days=1)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "other"},
        {"scope": Scope("elsewhere")},
        {"version": 9},
        {"created_at": LATER},
        {"updated_at": LATER},
        {"expires_at": LATER},
        {"valid_from": LATER},
        {"valid_to": LATER},
    ],
    ids=lambda changes: str(changes)[:16],  # pyright: ignore[reportUnknownLambdaType] - a dict above
)
def test_what_must_stay_as_it_is(changes: dict[str, Any]) -> None:
    wrong = Change(lambda record: record)
    with opened(wrong) as memory:
        standing = memory.add("x")
        wrong.before_write = lambda record: replace(record, **changes)
        with pytest.raises(InvalidInputError, match=next(iter(changes))):
            memory.add("y")
        with pytest.raises(InvalidInputError, match=next(iter(changes))):
            memory.update(standing.id, content="y")
        assert memory.list() == [standing]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"content": 1}, InvalidInputError),
        ({"content": "\ud800"}, InvalidInputError),
        ({"kind": "Not A Kind"}, InvalidInputError),
        ({"value": {1: 2}}, InvalidInputError),
        ({"metadata": None, "importance": 2}, InvalidInputError),
        ({"tags": [1]}, InvalidInputError),
        ({"source": "me"}, InvalidInputError),
        ({"content": "x" * 1_000_001}, LimitExceededError),
    ],
)
def test_what_is_returned_is_checked_like_any_input(
    changes: dict[str, Any], error: type[Exception]
) -> None:
    with opened(Change(lambda record: replace(record, **changes))) as memory:
        with pytest.raises(error):
            memory.add("x")
        assert memory.count() == 0


@pytest.mark.parametrize("returned", [None, "text", {"content": "x"}])
def test_what_is_no_record_is_refused(returned: Any) -> None:
    with opened(Change(lambda _: returned)) as memory:
        with pytest.raises(InvalidInputError, match=r"Change\.before_write"):
            memory.add("x")
        assert memory.count() == 0


def test_a_malformed_return_names_the_middleware() -> None:
    wrong: Any = 1
    with opened(Change(lambda record: replace(record, content=wrong))) as memory:
        with pytest.raises(InvalidInputError) as caught:
            memory.add("x")
        assert "Change.before_write" in "".join(caught.value.__notes__)


def test_a_record_changed_in_place_is_stored_as_changed() -> None:
    def touch(record: Record) -> Record:
        record.metadata["touched"] = record.version
        return record

    given: dict[str, Any] = {"n": 1}
    with opened(Change(touch)) as memory:
        record = memory.add("x", metadata=given)
        assert record.metadata == {"n": 1, "touched": 1}
        changed = memory.update(record.id, content="y")
        assert memory.get(record.id) == changed
        assert changed.metadata == {"n": 1, "touched": 2}
    assert given == {"n": 1}


@pytest.mark.parametrize("wrong", [object(), "text", Append, None])
def test_what_is_no_middleware_is_refused_at_once(wrong: Any, path: Path) -> None:
    with pytest.raises(InvalidInputError):
        Memory(path, middleware=[wrong])
    with pytest.raises(InvalidInputError):
        Memory(path, middleware=wrong)
    assert not path.exists()


def test_an_error_of_the_middleware_itself_comes_through() -> None:
    def fail(record: Record) -> Record:
        raise OSError(record.id)

    with opened(Change(fail)) as memory:
        with pytest.raises(OSError, match="mine"):
            memory.add("x", id="mine")
        assert memory.count() == 0


def test_replacing_keeping_and_finding_again_see_what_is_stored() -> None:
    with opened(Change(lambda record: replace(record, content="same"))) as memory:
        first = memory.add("one", dedupe=True)
        assert memory.add("two", dedupe=True) == first
        keyed = memory.add("x", key="k")
        assert memory.add("y", key="k", if_exists="keep") == keyed
        assert memory.add("y", key="k").version == 2


# Reading


def _restored(memory: Memory, record_id: str) -> Record:
    memory.delete(record_id)
    return memory.restore(record_id)


def _related(memory: Memory, record_id: str) -> Any:
    other = memory.add("other")
    memory.link(record_id, other.id)
    return memory.related(record_id)


VERBS: dict[str, Callable[[Memory, str], Any]] = {
    "add": lambda memory, record_id: memory.add("x", id=record_id, if_exists="keep"),
    "add_many": lambda memory, record_id: memory.add_many(
        [{"content": "y", "id": record_id}], if_exists="keep"
    ),
    "put_many": lambda memory, _: memory.put_many([{"content": "z"}]),
    "exchange": lambda memory, _: memory.exchange(["z"]),
    "get_keys": lambda memory, _: memory.get_keys([("", "k")]),
    "update": lambda memory, record_id: memory.update(record_id, tags=["t"]),
    "get": lambda memory, record_id: memory.get(record_id),
    "get_many": lambda memory, record_id: memory.get_many([record_id, record_id]),
    "list": lambda memory, _: memory.list(),
    "search": lambda memory, _: memory.search("plain"),
    "history": lambda memory, record_id: memory.history(record_id),
    "restore": _restored,
    "related": _related,
    "supersede": lambda memory, _: memory.supersede(memory.add("old").id, {"content": "newer"}),
    "share": lambda memory, record_id: memory.share(record_id, "elsewhere"),
}


def records_in(found: Any) -> Iterator[Record]:
    if isinstance(found, Record):
        yield found
    elif isinstance(found, list):
        for one in found:  # pyright: ignore[reportUnknownVariableType] - of any verb
            yield from records_in(one)
    else:
        yield found.record


def test_every_verb_that_gives_records_is_in_the_table() -> None:
    """A new verb goes through `Chain.read`, and into the table above."""
    giving = {
        name
        for name, verb in inspect.getmembers(Memory, inspect.isfunction)
        if not name.startswith("_")
        and re.search(
            r"\b(Record|Hits?|Version|Related)\b", str(inspect.signature(verb).return_annotation)
        )
    }
    assert giving == set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_gives_what_middleware_leaves(verb: str, path: Path) -> None:
    with opened(path=path) as memory:
        record = memory.add("plain words", key="k")
    with opened(Mask(), path=path) as memory:
        for seen in (memory, memory.scope(""), memory.view(read=[""], write="")):
            found = list(records_in(VERBS[verb](seen, record.id)))
            assert found
            assert {one.content for one in found} == {"masked"}
    with opened(path=path) as memory:
        assert text_of(memory.get(record.id)) == "plain words"


def test_the_other_ways_to_get_and_search(path: Path) -> None:
    with opened(path=path) as memory:
        memory.add("plain words", key="k")
        then = datetime.now(UTC)
        memory.update(memory.list()[0].id, content="other words")
    with opened(Mask(), path=path) as memory:
        assert text_of(memory.get(key="k")) == "masked"
        assert memory.get(key="nobody") is None
        assert memory.get(key="k", scope="nowhere") is None
        assert memory.get_many(["nobody"]) == [None]
        assert text_of(memory.get(key="k", as_of=then)) == "masked"
        assert [hit.content for hit in memory.search("plain", as_of=then)] == ["masked"]
        assert [hit.content for hit in memory.search()] == ["masked"]
        for mode in ("dense", "lexical", "hybrid"):
            hits = memory.search("words", mode=mode, explain=True)
            assert [hit.content for hit in hits] == ["masked"]
            assert hits.plan is not None
        # The store is searched as it is, not as it is shown.
        assert memory.search("masked", mode="lexical") == []


@pytest.mark.parametrize("hide", [True, False])
def test_reading_can_neither_hide_nor_swap_a_record(*, hide: bool, path: Path) -> None:
    class Wrong:
        def after_read(self, record: Record) -> Any:
            return None if hide else replace(record, id="other")

    with opened(path=path) as memory:
        memory.add("x")
    with opened(Wrong(), path=path) as memory:
        with pytest.raises(InvalidInputError, match="after_read"):
            memory.list()
        with pytest.raises(InvalidInputError, match="after_read"):
            memory.search("x")
        assert memory.count() == 1


def test_the_async_face_has_the_same_middleware() -> None:
    async def use() -> None:
        async with await AsyncMemory.open(
            ":memory:", embedder=HashingEmbedder(64), middleware=[Fence(), Append("a")]
        ) as memory:
            record = await memory.scope("s").add("x")
            assert record.content == "x in-a out-a"
            assert await memory.get(record.id) == record
            with pytest.raises(RefusedError):
                await memory.add("refuse")
            assert await memory.count() == 1

    anyio.run(use)
