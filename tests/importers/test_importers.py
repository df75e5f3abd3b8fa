"""What CrewAI's LanceDB and Chroma's collections hold comes over whole, and stays where it was."""

from __future__ import annotations

import hashlib
import json
import warnings
from typing import TYPE_CHECKING, Any

import chromadb
import pytest
from chromadb.config import Settings
from typer.testing import CliRunner

from commonplace import Memory
from commonplace.cli.app import app

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of CrewAI's own imports
    from crewai.memory.storage.lancedb_storage import LanceDBStorage
    from tests.crewai.records import EAST, JUNE, NORTH, record

    from crewai_commonplace import CommonplaceStorage

if TYPE_CHECKING:
    from pathlib import Path


def run(*args: str) -> Any:
    return CliRunner().invoke(app, list(args))


def digests(directory: Path) -> dict[str, str]:
    return {
        str(file.relative_to(directory)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(directory.rglob("*"))
        if file.is_file()
    }


@pytest.fixture
def lance(tmp_path: Path) -> Path:
    directory = tmp_path / "lance"
    storage = LanceDBStorage(path=directory, compact_every=0)
    storage.save(
        [
            record("x", "/team/a b", categories=["c", "c"], metadata={"n": [1, {"k": None}]}),
            record("private", source="alice", private=True, embedding=NORTH),
            record("no vector", "/", embedding=None),
        ]
    )
    return directory


def test_a_crewai_memory_comes_over_whole(lance: Path, tmp_path: Path) -> None:
    before = digests(lance)
    done = run("import", "--from", "lancedb", str(lance), "--memory", str(tmp_path / "m"))
    assert done.exit_code == 0, done.output
    assert "imported 3 records" in done.output
    assert digests(lance) == before
    ours = CommonplaceStorage(tmp_path / "m")
    theirs = LanceDBStorage(path=lance, compact_every=0)
    for one in theirs.list_records():
        found = ours.get_record(one.id)
        vector = one.embedding if any(one.embedding or ()) else None
        assert found == one.model_copy(update={"embedding": vector})
    assert [one.id for one, _ in ours.search(EAST, limit=1)] == ["x"]
    ours.update(record("x", "/team/a b", categories=["edited here"]))
    again = run("import", "--from", "lancedb", str(lance), "--memory", str(tmp_path / "m"))
    assert again.exit_code == 0
    assert ours.list_categories() == {"edited here": 1}
    assert ours.count() == 3
    ours.close()


def test_it_can_go_into_a_scope_and_be_tried_first(lance: Path, tmp_path: Path) -> None:
    where = ["--memory", str(tmp_path / "m"), "--scope", "crew"]
    tried = run("import", "--from", "lancedb", str(lance), "--dry-run", *where)
    assert "would import 3 records" in tried.output
    assert not (tmp_path / "m").exists()
    assert run("import", "--from", "lancedb", str(lance), *where).exit_code == 0
    ours = CommonplaceStorage(tmp_path / "m", scope="crew")
    assert ours.list_scopes("/") == ["/a", "/team"]
    assert ours.list_records()[0].created_at == JUNE
    ours.close()


def test_collections_of_chroma_come_over(tmp_path: Path) -> None:
    directory = tmp_path / "chroma"
    client = chromadb.PersistentClient(str(directory), Settings(anonymized_telemetry=False))
    for name in ("short_term", "autogen"):
        collection = client.create_collection(name, embedding_function=None)
        collection.add(
            ids=["1", "2"],
            documents=[f"{name} likes tea", "ünïcode \u2028"],
            metadatas=[{"mime_type": "text/plain", "n": 1}, {"agent": "b"}],
            embeddings=[[1.0, 0.0], [0.0, 1.0]],
        )
    client.clear_system_cache()
    before = digests(directory)
    done = run("import", "--from", "chroma", str(directory), "--memory", str(tmp_path / "m"))
    assert done.exit_code == 0, done.output
    assert digests(directory) == before
    with Memory(tmp_path / "m") as memory:
        assert memory.count(scope="short_term") == memory.count(scope="autogen") == 2
        found = memory.search("who likes tea", scope="autogen")[0].record
        assert found.metadata == {"mime_type": "text/plain", "n": 1}
        assert found.source.uri == "chroma:autogen/1"


@pytest.mark.parametrize("kind", ["lancedb", "chroma"])
def test_a_directory_of_something_else_is_refused(tmp_path: Path, kind: str) -> None:
    for directory in (tmp_path, tmp_path / "missing"):
        done = run("import", "--from", kind, str(directory), "--memory", str(tmp_path / "m"))
        assert done.exit_code == 1
        assert not (tmp_path / "m").exists()


def test_what_is_refused_is_named_and_the_rest_comes(tmp_path: Path) -> None:
    directory = tmp_path / "lance"
    storage = LanceDBStorage(path=directory, compact_every=0)
    storage.save([record("good"), record("bad", metadata={"n": float("nan")})])
    where = ["--memory", str(tmp_path / "m"), "--json"]
    done = run("import", "--from", "lancedb", str(directory), *where)
    assert done.exit_code == 1
    assert len(json.loads(done.stdout)["refused"]) == 1
    with Memory(tmp_path / "m", create=False) as memory:
        assert [one.id for one in memory.list()] == ["good"]
