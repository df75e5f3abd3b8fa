from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.index.conftest import Built

    from commonplace import Memory

from commonplace import Hits, PrecomputedEmbedder
from commonplace import Memory as OpenMemory
from commonplace.index.comparing import followed

pytestmark = pytest.mark.files

# Chroma is read in a process of its own, with nothing of ours, as any Chroma tool would.
READ = """
import json, sys, chromadb
client = chromadb.PersistentClient(sys.argv[1])
for collection in client.list_collections():
    got = client.get_collection(collection.name, embedding_function=None).get(
        include=["documents", "metadatas", "embeddings"])
    rows = zip(got["ids"], got["documents"], got["metadatas"], got["embeddings"])
    print(json.dumps({i: [d, m, [float(x) for x in e]] for i, d, m, e in rows}))
"""


def chroma_content(path: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path / "index")],
        capture_output=True,
        check=True,
        timeout=120,
    )
    return json.loads(done.stdout.splitlines()[-1])


def searched(memory: Memory, vector: Any, route: str, **options: Any) -> Hits:
    """The hits of a search, once the index answers it (the index process takes a second)."""
    memory.flush()
    hits = memory.search(vector=vector, explain=True, **options)
    assert hits.plan is not None
    assert hits.plan.route == route, hits.plan
    return hits


def has_followed(memory: Memory) -> bool:
    """Whether the index has come to the end of the journal."""
    with memory._store.ledger.read() as snapshot:  # pyright: ignore[reportPrivateUsage]
        return followed(snapshot)


def test_any_chroma_tool_reads_what_the_ledger_holds(path: Path) -> None:
    precomputed = PrecomputedEmbedder("t", 4)
    with OpenMemory(path, embedder=precomputed, index="chroma") as memory:
        memory.add("stays", id="a", scope="u/1", vector=[1, 0, 0, 0], metadata={"n": 1, "x": None})
        memory.add("goes", id="b", vector=[0, 1, 0, 0])
        memory.add("many", id="c", vector=[[1, 0, 0, 1], [0, 0, 1, 0], [0, 1, 1, 0]])
        memory.add("plain", id="d", embed=False)
        memory.flush()
        memory.delete("b")
        memory.update("a", scope="u/2", metadata={"m": 2}, content="moved", vector=[0, 0, 0, 1])
        memory.update("c", vector=[[1, 1, 1, 1]])
        memory.flush()
        assert memory.verify().ok
    held = chroma_content(path)
    assert sorted(held) == ["a", "c"]
    document, metadata, vector = held["a"]
    assert (document, vector) == (None, [0, 0, 0, 1])  # the text is the ledger's alone
    assert metadata["scope"] == metadata["scope_2"] == "u/2"
    assert (metadata["m"], metadata["kind"]) == (2, "fact")
    assert "n" not in metadata


@pytest.mark.parametrize("seed", range(2))
def test_the_index_finds_what_exact_search_finds(built: Built, seed: int) -> None:
    random = np.random.default_rng(seed)
    found = 0
    with built.open() as memory:
        for _ in range(20):
            query = random.standard_normal(32).astype(np.float32)
            hits = searched(memory, query, "index")
            found += len({hit.id for hit in hits} & set(built.nearest(query, 10)))
    assert found >= 198


def test_the_next_search_sees_every_write(built: Built) -> None:
    with built.open() as memory:
        target = np.full(32, 0.5, dtype=np.float32)
        searched(memory, target, "index")
        memory.add("new", id="new", vector=target)
        hits = memory.search(vector=target, explain=True)
        assert hits[0].id == "new"
        memory.update("new", vector=-target)
        assert "new" not in {hit.id for hit in memory.search(vector=target)}
        best = memory.search(vector=target)[0].id
        memory.delete(best)
        assert best not in {hit.id for hit in memory.search(vector=target)}


def test_it_follows_however_closely_searches_come(built: Built) -> None:
    query = np.full(32, 0.5, dtype=np.float32)
    with built.open() as memory:
        searched(memory, query, "index")
        memory.add("new", id="new", vector=query)
        deadline = time.monotonic() + 120
        while not has_followed(memory):
            assert memory.search(vector=query)[0].id == "new"
            assert time.monotonic() < deadline


def test_filters_and_scopes_are_exact_on_every_route(built: Built) -> None:
    query = np.random.default_rng(5).standard_normal(32).astype(np.float32)
    with built.open() as memory:
        memory.flush()
        for name, modulus in (("tenth", 10), ("hundredth", 100)):
            hits = memory.search(vector=query, filter={name: 3})
            expected = built.nearest(query, 10, among=lambda n, m=modulus: n % m == 3)
            assert [hit.id for hit in hits] == expected
        hits = memory.search(vector=query, scope="users/u7")
        assert [hit.id for hit in hits] == built.nearest(query, 10, among=lambda n: n % 10 == 7)


@pytest.mark.parametrize("words", [None, "text number7 number70"])
def test_paging_through_the_index_and_beyond_returns_everything_once(
    built: Built, words: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commonplace.search.candidates.WIDEST_POOL", 2_000)
    query = np.random.default_rng(6).standard_normal(32).astype(np.float32)
    with built.open() as memory:
        searched(memory, query, "index")
        seen: list[str] = []
        while page := memory.search(words, vector=query, limit=270, offset=len(seen)):
            seen += [hit.id for hit in page]
        assert len(seen) == len(set(seen)) == len(built.vectors)
        routes = {
            memory.search(vector=query, limit=10, offset=n, explain=True).plan.route  # pyright: ignore[reportOptionalMemberAccess]
            for n in (0, 1500, 2900)
        }
        assert routes == {"index", "exact"}


def test_a_small_memory_starts_no_index(path: Path) -> None:
    with OpenMemory(path, embedder=PrecomputedEmbedder("t", 4)) as memory:
        memory.add("x", vector=[1, 2, 3, 4])
        memory.flush()
        assert memory.search(vector=[1, 2, 3, 4])
        assert memory.stats().index == "not needed yet"
    assert not (path / "index").exists()
