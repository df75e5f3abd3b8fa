"""A Chroma index beside a memory that is moved to another embedder."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.reindex.lives import OLD, WORDS, Watched, assert_nothing_left

from commonplace import HashingEmbedder, Hits, Memory

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.files

COUNT = 400
NEW = HashingEmbedder(48)

# Chroma is read in a process of its own, with nothing of ours, as any Chroma tool would.
READ = """
import json, sys, chromadb
client = chromadb.PersistentClient(sys.argv[1])
found = []
for collection in client.list_collections():
    held = client.get_collection(collection.name, embedding_function=None)
    got = held.get(limit=1, include=["embeddings"])
    found.append([held.metadata, held.count(), len(got["embeddings"][0])])
print(json.dumps(sorted(found, key=lambda one: one[2])))
"""


@pytest.fixture(autouse=True)
def low_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The index is asked from 100 records on, and a busy machine is given time to answer."""
    monkeypatch.setattr("commonplace.search.candidates.EXACT_LIMIT", 100)
    monkeypatch.setattr("commonplace.index.index._ANSWER_SECONDS", 30)


def opened(path: Path, embedder: Any = OLD) -> Memory:
    return Memory(path, embedder=embedder, index="chroma")


def stock(memory: Memory) -> None:
    memory.add_many(
        {"id": f"r{n}", "content": f"{WORDS[n % 12]} {WORDS[n % 7]} number{n}"}
        for n in range(COUNT)
    )


def searched(memory: Memory, query: str, route: str) -> list[tuple[str, float]]:
    hits: Hits = memory.search(query, mode="dense", explain=True)
    assert hits.plan is not None
    assert hits.plan.route == route, hits.plan
    return [(hit.id, hit.score) for hit in hits]


def collections(path: Path) -> list[Any]:
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path / "index")],
        capture_output=True,
        check=True,
        timeout=120,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("keep_old", [False, True])
def test_the_index_serves_the_old_space_until_the_switch_and_the_new_one_after_it(
    path: Path, *, keep_old: bool
) -> None:
    seen: list[str] = []
    with opened(path) as memory, Memory(":memory:", embedder=NEW) as fresh:
        stock(memory)
        stock(fresh)
        memory.flush()
        before = searched(memory, "tea number7", "index")

        def look(call: int) -> None:
            if call in {2, 4}:
                assert searched(memory, "tea number7", "index") == before
                assert memory.verify().problems == ()
                memory.add(f"new {call}", id=f"new {call}")
                assert memory.search(f"new {call}", limit=1)[0].id == f"new {call}"
                memory.delete(f"new {call}")
                memory.flush()
                assert memory.stats().index == "ready"
                seen.append("index")

        memory.reindex(Watched(before=look, passage_length=None), batch=64, keep_old=keep_old)
        assert seen == ["index", "index"]
        memory.flush()
        for query in ("tea number7", "winter harbour number11"):
            exact = [(hit.id, hit.score) for hit in fresh.search(query, mode="dense")]
            assert searched(memory, query, "index") == exact
        names = {"default", OLD.identity} if keep_old else {"default"}
        assert_nothing_left(memory, names)
        memory.add("after", id="after")
        assert memory.search("after", limit=1)[0].id == "after"
        memory.delete("after")
        memory.flush()
    expected = [[{"space": "default", "embedder": NEW.identity}, COUNT, 48]]
    if keep_old:
        expected.append([{"space": OLD.identity, "embedder": OLD.identity}, COUNT, 64])
    assert collections(path) == expected


def test_the_index_of_another_process_follows(path: Path) -> None:
    with opened(path) as owner:
        stock(owner)
        owner.flush()
        searched(owner, "tea number7", "index")
        with Memory(path, index="exact") as mover:
            mover.reindex(NEW)
        owner.reindex(NEW)  # takes the embedder; there is nothing to embed
        owner.flush()
        searched(owner, "tea number7", "index")
        assert owner.verify().ok
    assert [one[1:] for one in collections(path)] == [[COUNT, 48]]


def test_an_index_that_was_away_is_built_anew_when_it_comes_back(path: Path) -> None:
    with opened(path) as memory:
        stock(memory)
        memory.flush()
    with Memory(path, index="exact") as mover:

        def stop(_done: int, _total: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            mover.reindex(NEW, batch=10, progress=stop)
    with opened(path) as memory:  # half-made: the old space is indexed, and nothing else
        memory.flush()
        searched(memory, "tea number7", "index")
        assert memory.verify().ok
        assert memory.repair().mended == ()
    assert [one[1:] for one in collections(path)] == [[COUNT, 64]]
    with Memory(path, index="exact") as mover:
        mover.reindex(NEW)
    with opened(path, NEW) as memory:
        memory.flush()
        searched(memory, "tea number7", "index")
        assert memory.verify().ok
    assert [one[1:] for one in collections(path)] == [[COUNT, 48]]
