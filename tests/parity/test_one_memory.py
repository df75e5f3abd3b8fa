"""One memory, every framework: what is written through one face is read through each other."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.parity.faces import FACES, Core, Face, LangGraph, Written, facts

from commonplace import HashingEmbedder, Memory, Record, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.figures import Figures

COUNT = 500
ASKED = 20
ROOT = Scope("teams", "tea")
NAMES = [face.name for face in FACES]
PAIRS = [(writer, reader) for writer in NAMES for reader in NAMES]


@dataclass(frozen=True)
class Shared:
    """A memory into which every face wrote, and nothing else did but what lies elsewhere."""

    memory: Memory
    faces: dict[str, Face]
    written: dict[str, list[Written]]

    def record(self, written: Written) -> Record:
        found = self.memory.get(written.id)
        assert found is not None
        return found


@pytest.fixture(scope="module")
def shared() -> Iterator[Shared]:
    with Memory(":memory:", embedder=HashingEmbedder(256)) as memory:
        memory.add_many(f"{fact.text} elsewhere" for fact in facts("nobody", 50))
        faces = {face.name: face(memory, ROOT) for face in FACES}
        written = {name: face.write(facts(name, COUNT)) for name, face in faces.items()}
        yield Shared(memory, faces, written)


def test_by_id(shared: Shared, figures: Figures) -> None:
    for writer, reader in PAIRS:
        compare_by_id(shared, writer, reader)
    figures(13, pairs=len(PAIRS), records=COUNT, differences=0)


def compare_by_id(shared: Shared, writer: str, reader: str) -> None:
    given = shared.written[writer]
    found = shared.faces[reader].get(given)
    for one, seen in zip(given, found, strict=True):
        told = (writer, reader, one.id)
        assert seen is not None, told
        assert seen.text == one.fact.text, told
        assert seen.created_at == shared.record(one).created_at, told
        if writer != LangGraph.name or reader in {LangGraph.name, Core.name}:
            expected = one.fact.metadata if reader != Core.name else shared.record(one).metadata
            assert seen.metadata == expected, told


@pytest.mark.parametrize("reader", NAMES)
def test_by_scope(shared: Shared, reader: str) -> None:
    face = shared.faces[reader]
    everything = [one for some in shared.written.values() for one in some]
    listed = face.listed()
    assert set(listed) == {face.label(one) for one in everything}
    assert len(listed) == len(NAMES) * COUNT
    for one in everything:
        assert listed[face.label(one)].text == one.fact.text


@pytest.mark.parametrize(("writer", "reader"), PAIRS)
def test_by_meaning(shared: Shared, writer: str, reader: str) -> None:
    face = shared.faces[reader]
    for one in random.Random(writer).sample(shared.written[writer], ASKED):
        assert face.label(one) in face.found(one.fact.text, 3)


@pytest.mark.parametrize("writer", NAMES)
def test_who_wrote_it_through_what(shared: Shared, writer: str) -> None:
    for one in shared.written[writer]:
        record = shared.record(one)
        assert record.source.app == (None if writer == Core.name else writer)
        assert record.scope == shared.faces[writer].home
    app = None if writer == Core.name else writer
    found = shared.memory.count(scope=ROOT, filter={"@source.app": app})
    assert found == COUNT


def test_dates_given_to_a_face_are_the_records_own(shared: Shared) -> None:
    for writer in ("core", "crewai"):
        for one in shared.written[writer]:
            assert shared.record(one).created_at == one.fact.created_at


def test_what_langgraph_stored_is_its_whole_value(shared: Shared) -> None:
    for one in shared.written[LangGraph.name]:
        assert shared.record(one).value == {"text": one.fact.text, **one.fact.metadata}
