"""A copy made through a file is equal to its original in all that can be seen."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from commonplace import (
    AsyncMemory,
    ConflictError,
    HashingEmbedder,
    Memory,
    ModelMismatchError,
    NotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.moving.conftest import ContentsOf, Write

    from commonplace.testing import FakeClock

    Step = tuple[str, dict[str, Any]]

IDS = st.sampled_from([None, "1", "2", "3", "#1", "é", "a/b", '"', "x" * 500])
SCOPES = st.sampled_from(["", "a", "a/b", "ab", "a/b\\/c", "ü", "\U0001f600", "a/\0"])
TEXTS = st.one_of(
    st.sampled_from(["", " ", "tea", "green tea", "été \u2028 \u0085 \0 x", "\r\n\t", "😀 tea"]),
    st.text(st.characters(codec="utf-8"), max_size=20),
)
NUMBERS = st.one_of(
    st.integers(), st.just(2**4000), st.floats(allow_nan=False, allow_infinity=False), st.just(-0.0)
)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
MOMENTS = st.none() | st.datetimes(
    datetime(1900, 1, 1),  # noqa: DTZ001 - hypothesis takes naive bounds
    datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
FLOATS = st.floats(-1e6, 1e6, width=32)
OTHERS = st.fixed_dictionaries(
    {},
    optional={
        "other": st.lists(st.lists(FLOATS, min_size=3, max_size=3), min_size=1, max_size=3),
        "third é": st.lists(FLOATS, min_size=2, max_size=2),
    },
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "key": st.sampled_from([None, "k", "K/é", ""]),
    "kind": st.sampled_from(["fact", "message"]),
    "value": JSON,
    "tags": st.lists(st.sampled_from(["t", "é", '"', ""]), max_size=3),
    "metadata": st.dictionaries(TEXTS, JSON, max_size=3),
    "importance": st.floats(0, 1),
    "source": st.sampled_from([None, {"app": "x", "trust": 1}, {"user": "é", "trust": 0.1}]),
    "valid_from": MOMENTS,
    "vectors": OTHERS,
    "embed": st.sampled_from([True, True, False, ["tea", "milk"], []]),
}
ADDED = st.fixed_dictionaries(
    {"content": TEXTS},
    optional={
        "id": IDS,
        "scope": SCOPES,
        "ttl": st.sampled_from([None, 0.5, 1000]),
        "created_at": MOMENTS.filter(bool),
        **FIELDS,
    },
)
CHANGED = st.fixed_dictionaries({}, optional={"content": TEXTS, "scope": SCOPES, **FIELDS})
NUMBER = st.integers(0, 20)
STEP = st.one_of(
    st.tuples(st.just("add"), ADDED),
    st.tuples(
        st.just("update"), st.fixed_dictionaries({"of": NUMBER, "changes": CHANGED.filter(bool)})
    ),
    st.tuples(st.just("delete"), st.fixed_dictionaries({"of": NUMBER})),
    st.tuples(st.just("archive"), st.fixed_dictionaries({"of": NUMBER})),
    st.tuples(
        st.just("link"),
        st.fixed_dictionaries(
            {"of": NUMBER, "to": NUMBER, "type": st.sampled_from(["about", "é"]), "weight": FLOATS}
        ),
    ),
)
LINK = """
INSERT INTO links (source_id, target_id, type, weight, reason, metadata, created_at)
VALUES (:of, :to, :type, :weight, :reason, '{}', 1)
ON CONFLICT (source_id, type, target_id) DO UPDATE SET weight = excluded.weight"""


def take(memory: Memory, steps: Sequence[Step], write: Write) -> list[str]:
    """Do everything that can be done; the ids that were given, whether or not they are there."""
    ids: list[str] = ["nobody"]
    for verb, said in steps:
        named: list[str] = [ids[said[name] % len(ids)] for name in ("of", "to") if name in said]
        try:
            if verb == "add":
                ids.append(memory.add(**said).id)
            elif verb == "update":
                memory.update(named[0], **said["changes"])
            elif verb == "delete":
                memory.delete(named[:1])
            elif verb == "archive":
                memory.archive(named[:1])
            else:
                of, to = named
                values = {"type": said["type"], "weight": said["weight"], "reason": None}
                write(memory, LINK, of=of, to=to, **values)
        except (ConflictError, NotFoundError, ModelMismatchError):
            continue
    return ids


def answers(memory: Memory, moments: Sequence[datetime | None]) -> list[Any]:
    """What searches and lists of several moments give."""
    found: list[Any] = []
    for moment in moments:
        found.append(memory.list(as_of=moment, include_closed=True, include_archived=True))
        found.append(memory.scopes())
        for mode in ("hybrid", "dense", "lexical"):
            hits = memory.search("green tea x", mode=mode, as_of=moment, limit=50)
            found.append([(hit.id, hit.score, hit.similarity, hit.lexical) for hit in hits])
    return found


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=25))
def test_a_copy_is_equal(
    steps: Sequence[Step], clock: FakeClock, write: Write, contents_of: ContentsOf
) -> None:
    check_copy(steps, clock, write, contents_of)


@pytest.mark.nightly
@settings(max_examples=2_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=60))
def test_many_copies_are_equal(
    steps: Sequence[Step], clock: FakeClock, write: Write, contents_of: ContentsOf
) -> None:
    check_copy(steps, clock, write, contents_of)


def check_copy(
    steps: Sequence[Step], clock: FakeClock, write: Write, contents_of: ContentsOf
) -> None:
    embedder = HashingEmbedder(16)
    with (
        tempfile.TemporaryDirectory() as folder,
        Memory(":memory:", embedder=embedder, clock=clock) as original,
        Memory(":memory:", embedder=embedder, clock=clock) as copy,
    ):
        start = clock.micros
        take(original, steps, write)
        moments = [start + (clock.micros - start) * n // 4 for n in range(5)]
        clock.micros += 1_000_000  # what lives for half a second is gone
        file, again = Path(folder) / "x.jsonl", Path(folder) / "again.jsonl"
        exported = original.export(file)
        imported = copy.import_(file)
        held = copy.count(include_closed=True, include_archived=True)
        assert imported.records.added == exported.records == held
        assert imported.versions.added == exported.versions
        assert imported.embedded == 0
        assert contents_of(copy) == contents_of(original)
        assert copy.verify().ok
        copy.export(again)
        assert again.read_bytes().splitlines()[1:-1] == file.read_bytes().splitlines()[1:-1]
        assert copy.import_(file).records.unchanged == exported.records
        original.sweep()
        epoch = datetime.fromtimestamp(0, UTC)
        past = [epoch + timedelta(microseconds=micros) for micros in moments]
        assert answers(copy, [None, *past]) == answers(original, [None, *past])


def test_some_of_everything_is_copied(
    original: Memory, copy: Memory, contents_of: ContentsOf, tmp_path: Path
) -> None:
    exported = original.export(tmp_path / "x.jsonl")
    counts = (exported.records, exported.versions, exported.links, exported.threads)
    assert counts == (3, 3, 2, 1)
    assert (exported.messages, exported.vectors) == (1, 3 + 3 + 2)
    report = copy.import_(tmp_path / "x.jsonl").to_dict()
    assert all(
        report[kind]["added"] == getattr(exported, kind)
        for kind in ("records", "versions", "links", "threads", "messages")
    )
    assert contents_of(copy) == contents_of(original)
    again = copy.import_(tmp_path / "x.jsonl")
    assert (again.links.unchanged, again.threads.unchanged, again.messages.unchanged) == (2, 1, 1)


def test_what_is_imported_goes_on_like_any_record(
    original: Memory, copy: Memory, tmp_path: Path
) -> None:
    original.export(tmp_path / "x.jsonl")
    copy.import_(tmp_path / "x.jsonl")
    assert copy.update("tea", content="Alice likes water").version == 4
    assert copy.delete("tea") == 1
    again = copy.add("Alice likes tea again", id="tea")
    assert again.version == 5
    assert copy.add("a new one").version == 1
    assert copy.search("likes", mode="lexical")[0].id == "tea"
    assert copy.verify().ok


def test_history_and_vectors_can_be_left_out(
    original: Memory, copy: Memory, contents_of: ContentsOf, tmp_path: Path
) -> None:
    exported = original.export(tmp_path / "x.jsonl", history=False, vectors=False)
    assert (exported.versions, exported.vectors) == (0, 0)
    imported = copy.import_(tmp_path / "x.jsonl")
    assert (imported.records.added, imported.embedded) == (3, 3)
    ours, theirs = contents_of(copy), contents_of(original)
    assert ours["versions"] == []
    assert ours["records"] == theirs["records"]
    assert ours["vectors"] == [row for row in theirs["vectors"] if row[2] == "default"]


def test_an_expired_record_is_gone_with_its_history(
    copy: Memory, clock: FakeClock, tmp_path: Path, original: Memory
) -> None:
    original.add("short", id="short", ttl=1)
    original.update("short", content="shorter")
    clock.micros += 2_000_000
    exported = original.export(tmp_path / "x.jsonl")
    assert exported.records == 3
    assert b"short" not in (tmp_path / "x.jsonl").read_bytes()
    copy.import_(tmp_path / "x.jsonl")
    assert copy.verify().ok


def test_an_empty_memory_makes_an_empty_copy(copy: Memory, tmp_path: Path) -> None:
    assert copy.export(tmp_path / "x.jsonl").records == 0
    assert copy.import_(tmp_path / "x.jsonl").records.added == 0


def test_a_copy_in_several_batches_is_in_order(
    original: Memory, copy: Memory, contents_of: ContentsOf, tmp_path: Path
) -> None:
    original.add_many({"id": f"{n}", "content": f"text {n}"} for n in range(2500))
    for n in range(990, 1010):  # histories across the border of two batches
        original.update(f"{n}", content="new")
    original.export(tmp_path / "x.jsonl")
    copy.import_(tmp_path / "x.jsonl")
    assert contents_of(copy) == contents_of(original)
    assert [record.id for record in copy.list(limit=2500)] == [
        record.id for record in original.list(limit=2500)
    ]


@pytest.mark.parametrize("index", ["exact", pytest.param("chroma", marks=pytest.mark.files)])
def test_an_index_follows_an_import(
    original: Memory, embedder: HashingEmbedder, path: Path, tmp_path: Path, index: str
) -> None:
    original.add_many({"id": f"{n}", "content": f"text {n}"} for n in range(50))
    original.export(tmp_path / "x.jsonl")
    with Memory(path, embedder=embedder, index=index) as memory:
        memory.add("another text", id="tea", scope="users/alice")
        memory.import_(tmp_path / "x.jsonl", on_conflict="replace")
        memory.flush()
        assert memory.verify().ok
        assert memory.search("coffee", limit=1)[0].id == "tea"


def test_async_memory_has_the_same_verbs(original: Memory, copy: Memory, tmp_path: Path) -> None:
    import asyncio  # noqa: PLC0415 - only this test needs a loop

    async def move() -> int:
        await AsyncMemory(original).export(tmp_path / "x.jsonl")
        report = await AsyncMemory(copy).import_(tmp_path / "x.jsonl")
        await AsyncMemory(copy).export_vectors(tmp_path / "x.npz")
        return report.records.added

    assert asyncio.run(move()) == 3
