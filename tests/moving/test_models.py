"""Vectors go where their embedder's are; nothing is embedded that need not be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commonplace import CallableEmbedder, HashingEmbedder, Memory, ModelMismatchError
from commonplace.errors import EmbedderError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.moving.conftest import ContentsOf

THEIRS = "commonplace/hashing-64@1"
OTHER = HashingEmbedder(16)


@pytest.fixture
def export(original: Memory, tmp_path: Path) -> Path:
    original.add("not to be found", id="hidden", embed=False)
    original.add("found by a vector alone", id="vector", embed=False, vector=[1.0] * 64)
    original.export(tmp_path / "x.jsonl")
    return tmp_path / "x.jsonl"


def test_another_embedder_makes_its_own_vectors_and_the_others_are_kept(
    original: Memory, export: Path, contents_of: ContentsOf
) -> None:
    with Memory(":memory:", embedder=OTHER) as memory:
        assert memory.import_(export, dry_run=True).embedded == 4 + 3
        report = memory.import_(export)
        assert (report.records.added, report.versions.added, report.embedded) == (5, 3, 4 + 3)
        spaces = {space.name: space for space in memory.stats().spaces}
        assert set(spaces) == {"default", THEIRS, "other"}
        assert (spaces["default"].identity, spaces["default"].vectors) == (OTHER.identity, 4)
        assert (spaces[THEIRS].identity, spaces[THEIRS].dimension) == (THEIRS, 64)
        ours, theirs = contents_of(memory), contents_of(original)
        assert ours["records"] == theirs["records"]
        assert ours["versions"] == theirs["versions"]
        for held in ("vectors", "version_vectors"):
            kept = [row for row in ours[held] if row[2] != "default"]
            renamed = [
                (*row[:2], THEIRS if row[2] == "default" else row[2], *row[3:])
                for row in theirs[held]
            ]
            assert sorted(kept) == sorted(renamed)
        assert memory.search("Alice likes coffee", mode="dense")[0].id == "tea"
        vector = HashingEmbedder(64).embed_queries(["Alice likes coffee"])[0]
        assert memory.search(vector=vector, space=THEIRS, mode="dense")[0].id == "tea"
        assert memory.verify().ok
        again = memory.import_(export)
        assert (again.records.unchanged, again.versions.unchanged, again.embedded) == (5, 3, 0)


def test_vectors_come_home(
    original: Memory, copy: Memory, export: Path, contents_of: ContentsOf, tmp_path: Path
) -> None:
    with Memory(":memory:", embedder=OTHER) as memory:
        memory.import_(export)
        memory.export(tmp_path / "back.jsonl")
    report = copy.import_(tmp_path / "back.jsonl")
    assert report.embedded == 0
    spaces = {space.name: space.identity for space in copy.stats().spaces}
    assert spaces == {"default": THEIRS, OTHER.identity: OTHER.identity, "other": "other"}
    for held in ("vectors", "version_vectors"):
        home = [row for row in contents_of(copy)[held] if row[2] != OTHER.identity]
        assert home == contents_of(original)[held]


def test_nothing_is_embedded_if_the_file_has_the_vectors(export: Path) -> None:
    def refuse(_texts: Sequence[str]) -> None:
        raise AssertionError("nothing is to be embedded")

    embedder = CallableEmbedder(refuse, identity=THEIRS, dimension=64)
    with Memory(":memory:", embedder=embedder) as memory:
        report = memory.import_(export)
        assert (report.records.added, report.embedded) == (5, 0)


def test_without_vectors_what_can_be_found_by_words_is_embedded(
    original: Memory, copy: Memory, export: Path
) -> None:
    original.export(export, vectors=False)
    assert copy.import_(export).embedded == 3 + 3
    assert [hit.id for hit in copy.search("Bob plays", mode="dense", limit=1)] == ["cello"]
    assert {hit.id for hit in copy.search("found", mode="dense")}.isdisjoint({"hidden", "vector"})
    assert copy.import_(export).records.unchanged == 5


def test_an_embedder_that_fails_leaves_whole_batches_and_the_rest_comes_later(
    original: Memory, tmp_path: Path
) -> None:
    original.add_many(f"text {n}" for n in range(2000))
    original.export(tmp_path / "x.jsonl", vectors=False)
    calls: list[int] = []

    def embed(texts: Sequence[str]) -> list[list[float]]:
        calls.append(len(texts))
        if len(calls) == 2:
            raise RuntimeError("no more today")
        return [[float(len(text)), 1.0] for text in texts]

    embedder = CallableEmbedder(embed, identity="mine@1", dimension=2)
    with Memory(":memory:", embedder=embedder) as memory:
        with pytest.raises(EmbedderError):
            memory.import_(tmp_path / "x.jsonl")
        stored = memory.count()
        assert 0 < stored < 2003
        report = memory.import_(tmp_path / "x.jsonl")
        assert (report.records.unchanged, report.records.added) == (stored, 2003 - stored)
        assert sum(calls) == report.embedded + calls[0] + calls[1]
        assert memory.verify().ok


def test_a_space_of_another_length_is_refused_before_anything_is_written(
    copy: Memory, export: Path
) -> None:
    copy.add("mine", id="mine", vectors={"other": [1.0, 2.0]})
    with pytest.raises(ModelMismatchError, match="'other'"):
        copy.import_(export)
    assert copy.count() == 1


def test_a_memory_of_another_model_than_the_one_in_use_is_refused(path: Path, export: Path) -> None:
    with Memory(path, embedder=HashingEmbedder(32)) as memory:
        memory.add("mine")
    with Memory(path) as memory:  # it opens, and could be listed
        with pytest.raises(ModelMismatchError, match="hashing-32"):
            memory.import_(export)
        assert memory.count() == 1
