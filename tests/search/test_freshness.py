"""The cache of vectors is as fresh as the ledger, whoever writes, and changes no result."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from collections.abc import Iterator

MODES: list[Any] = ["dense", "hybrid"]
SEARCHES: list[dict[str, Any]] = [
    {"mode": "dense"},
    {"mode": "hybrid", "scope": "a"},
    {"mode": "dense", "scope": "c", "kinds": "fact"},
]
SCOPES = st.sampled_from(["a", "a/b", "c"])
TEXTS = st.sampled_from(["green tea", "black tea", "a train", "the kettle", "milk"])
NUMBERS = st.integers(0, 9)


@pytest.fixture
def two(path: Path) -> Iterator[tuple[Memory, Memory]]:
    """One directory, open twice."""
    with (
        Memory(path, embedder=HashingEmbedder(16)) as reader,
        Memory(path, embedder=HashingEmbedder(16)) as writer,
    ):
        writer.add_many({"content": "milk", "id": f"m{n}", "scope": "a"} for n in range(20))
        assert len(reader.search("milk", scope="a", limit=100)) == 20  # now its cache is warm
        yield reader, writer


def first(memory: Memory, query: str, **options: Any) -> str | None:
    hits = memory.search(query, limit=1, **options)
    return hits[0].id if hits else None


@pytest.mark.parametrize("mode", MODES)
def test_what_another_handle_adds_is_found_by_the_next_search(
    two: tuple[Memory, Memory], mode: Any
) -> None:
    reader, writer = two
    for number in range(5):
        added = writer.add(f"green tea number{number}", scope="a")
        assert first(reader, f"green tea number{number}", mode=mode, scope="a") == added.id
        assert first(reader, f"green tea number{number}", mode=mode) == added.id
    written = writer.add("in a scope that is new", scope="a/new")
    assert first(reader, "in a scope that is new", mode=mode, scope="a") == written.id


@pytest.mark.parametrize("mode", MODES)
def test_what_another_handle_changes_is_found_as_it_is_now(
    two: tuple[Memory, Memory], mode: Any
) -> None:
    reader, writer = two
    changed = writer.update("m3", content="green tea")
    hit = reader.search("green tea", mode=mode, scope="a", limit=1)[0]
    assert hit.record == changed
    assert hit.similarity == pytest.approx(1)
    writer.update("m3", vector=[0.0] * 16)
    found = {one.id: one for one in reader.search("green tea", mode="dense", limit=100)}
    assert found["m3"].similarity == 0
    assert len(found) == 20


@pytest.mark.parametrize("mode", MODES)
def test_what_another_handle_moves_is_found_where_it_is_now(
    two: tuple[Memory, Memory], mode: Any
) -> None:
    reader, writer = two
    assert reader.search("milk", mode=mode, scope="c") == []
    writer.add("black tea", scope="c")
    assert len(reader.search("milk", mode="dense", scope="c")) == 1
    writer.update("m3", scope="c")
    assert {hit.id for hit in reader.search("milk", mode=mode, scope="a", limit=100)} == {
        f"m{number}" for number in range(20) if number != 3
    }
    assert first(reader, "milk", mode=mode, scope="c") == "m3"
    writer.update("m3", scope="a")
    assert len(reader.search("milk", mode=mode, scope="a", limit=100)) == 20
    assert len(reader.search("milk", mode="dense", scope="c", limit=100)) == 1


@pytest.mark.parametrize("mode", MODES)
def test_what_another_handle_deletes_is_gone(two: tuple[Memory, Memory], mode: Any) -> None:
    reader, writer = two
    assert writer.delete(["m3", "m4"]) == 2
    found = {hit.id for hit in reader.search("milk", mode=mode, scope="a", limit=100)}
    assert found == {f"m{number}" for number in range(20)} - {"m3", "m4"}
    again = writer.add("milk", id="m3", scope="a")
    assert again.id in {hit.id for hit in reader.search("milk", mode=mode, scope="a", limit=100)}
    writer.delete(everything=True)
    assert reader.search("milk", mode=mode, scope="a") == []


class Machine(RuleBasedStateMachine):
    """Any changes by any of three handles: with a cache, with a tiny one, and without."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.memories = [self.opened(budget) for budget in (1_000_000, 600, 0)]

    def opened(self, budget: int) -> Memory:
        path = Path(self.directory.name) / "memory"
        return Memory(path, embedder=HashingEmbedder(16), cache_bytes=budget)

    def teardown(self) -> None:
        for memory in self.memories:
            memory.close()
        self.directory.cleanup()

    @rule(by=st.integers(0, 2), number=NUMBERS, text=TEXTS, scope=SCOPES)
    def add(self, by: int, number: int, text: str, scope: str) -> None:
        memory = self.memories[by]
        if (known := memory.get(str(number))) is not None:
            scope = known.scope.path  # an id stays in its scope but by `update`
        memory.add(text, id=str(number), scope=scope)

    @rule(by=st.integers(0, 2), text=TEXTS, scope=SCOPES, count=st.integers(1, 4))
    def add_many(self, by: int, text: str, scope: str, count: int) -> None:
        self.memories[by].add_many([text] * count, scope=scope)

    @rule(by=st.integers(0, 2), number=NUMBERS, text=TEXTS, scope=SCOPES)
    def update(self, by: int, number: int, text: str, scope: str) -> None:
        if self.memories[by].get(str(number)) is not None:
            self.memories[by].update(str(number), content=text, scope=scope)

    @rule(by=st.integers(0, 2), numbers=st.lists(NUMBERS, max_size=3))
    def delete(self, by: int, numbers: list[int]) -> None:
        self.memories[by].delete(map(str, numbers))

    @rule(by=st.integers(0, 2), scope=SCOPES)
    def clear(self, by: int, scope: str) -> None:
        self.memories[by].delete(scope=scope)

    @invariant()
    def all_find_the_same(self) -> None:
        for search in SEARCHES:
            *cached, plain = (
                memory.search("green tea", limit=100, **search) for memory in self.memories
            )
            assert cached == [plain, plain]


class TestCongruence(Machine.TestCase):
    settings = settings(max_examples=12, stateful_step_count=15, deadline=None)
