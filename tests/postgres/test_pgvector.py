"""The index in the ledger's own PostgreSQL server, by pgvector."""

from __future__ import annotations

import signal
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import psycopg
import pytest
from tests.servers.conftest import (
    PATIENCE,
    found,
    is_indexed,
    kill,
    plan_of,
    run_out,
    until,
    worker_of,
)

from commonplace import IndexUnavailableError, InvalidInputError, Memory, PrecomputedEmbedder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from tests.pgserver import Postgres

COUNT = 400
LIMIT = 300
DIMENSION = 16
VECTORS = np.random.default_rng(8).standard_normal((COUNT, DIMENSION)).astype(np.float32)
QUERY = np.random.default_rng(9).standard_normal(DIMENSION).astype(np.float32)


@pytest.fixture(autouse=True)
def lower_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The index is asked from 300 records on, and waited for also on a busy machine."""
    monkeypatch.setattr("commonplace.index.index._ANSWER_SECONDS", PATIENCE)
    monkeypatch.setattr("commonplace.maintenance.erasing.WAIT", PATIENCE)
    monkeypatch.setattr("commonplace.search.candidates.EXACT_LIMIT", LIMIT)
    monkeypatch.setattr("commonplace.search.candidates.EXACT_LIMIT_FILTERED", LIMIT)
    monkeypatch.setattr("commonplace.index.serving.LEASE_SECONDS", PATIENCE)


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    at = postgres.at(f"pgvector_{uuid.uuid4().hex}")
    yield at
    postgres.run(f'DROP SCHEMA IF EXISTS "{schema_of(at)}" CASCADE')


@pytest.fixture
def memory(url: str) -> Iterator[Memory]:
    with opened(url) as memory:
        yield memory


def opened(url: str | Path, dimension: int = DIMENSION, index: str = "pgvector") -> Memory:
    return Memory(url, embedder=PrecomputedEmbedder("t", dimension), index=index)


def schema_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["schema"][0]


def tables(postgres: Postgres, url: str) -> list[str]:
    """The tables of vectors beside a memory."""
    query = "SELECT tablename::text FROM pg_tables WHERE tablename ~ '^nearest_' AND schemaname = "
    return [name for (name,) in postgres.run(f"{query}'{schema_of(url)}'")]


def run(postgres: Postgres, url: str, statement: str) -> list[Any]:
    """Run a statement with the one table of vectors in place of `{}`."""
    (name,) = tables(postgres, url)
    return postgres.run(statement.format(f'"{schema_of(url)}".{name}'))


def entries(postgres: Postgres, url: str) -> set[str]:
    """The ids of what is in the one table."""
    return {found for (found,) in run(postgres, url, "SELECT id FROM {}")}


def fill(memory: Memory, vectors: NDArray[np.float32] = VECTORS, scopes: int = 1) -> None:
    memory.add_many(
        {"id": f"r{n}", "content": f"text {n}", "scope": f"s{n % scopes}/deep", "vector": vector}
        for n, vector in enumerate(vectors)
    )


def truly_nearest(
    vectors: NDArray[np.float32], query: NDArray[np.float32], count: int = 10, every: int = 1
) -> list[str]:
    """By brute force, among every so many-th vector."""
    lengths = np.linalg.norm(vectors, axis=1)
    cosine = vectors @ query / np.where(lengths > 0, lengths, 1)
    return [f"r{n}" for n in np.argsort(-cosine, kind="stable") if n % every == 0][:count]


def test_answers_are_those_of_brute_force(url: str, postgres: Postgres) -> None:
    draw = np.random.default_rng(1)
    vectors = draw.standard_normal((3_000, 64)).astype(np.float32)
    with opened(url, 64) as memory:
        fill(memory, vectors)
        memory.flush()
        right = 0
        for query in draw.standard_normal((20, 64)).astype(np.float32):
            answer = memory.search(vector=query, limit=10, explain=True)
            assert answer.plan is not None
            assert answer.plan.route == "index"
            right += len({hit.id for hit in answer} & set(truly_nearest(vectors, query)))
        assert right >= 0.95 * 200
        assert memory.stats().index == "ready"
        assert memory.verify().ok
        sorting = "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = '{}'::regclass"
        assert any("hnsw" in shown for (shown,) in run(postgres, url, sorting))


def test_a_scope_is_asked_for_by_where(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commonplace.search.candidates.SMALL_SHARE", 0.6)
    vectors = np.random.default_rng(1).standard_normal((800, DIMENSION)).astype(np.float32)
    with opened(url) as memory:
        fill(memory, vectors, scopes=2)
        memory.flush()
        answer = memory.search(vector=QUERY, scope="s0", limit=10, explain=True)
        assert answer.plan is not None
        assert answer.plan.route == "index-where"
        assert [hit.id for hit in answer] == truly_nearest(vectors, QUERY, every=2)


def test_what_changes_is_followed(memory: Memory, url: str, postgres: Postgres) -> None:
    fill(memory)
    memory.flush()
    memory.update("r0", content="moved", vector=QUERY)
    memory.delete("r1")
    memory.add("new", id="a\1b", vector=QUERY * 2)
    memory.flush()
    assert set(found(memory)[:2]) == {"r0", "a\1b"}
    assert is_indexed(memory)
    held = entries(postgres, url)
    assert "r1" not in held
    assert len(held) == COUNT


def test_what_was_erased_is_in_no_table(memory: Memory, url: str, postgres: Postgres) -> None:
    fill(memory)
    memory.flush()
    before = tables(postgres, url)
    receipt = memory.erase("r7")
    assert receipt.complete
    memory.flush()
    (after,) = tables(postgres, url)
    assert after not in before
    assert entries(postgres, url) == {f"r{n}" for n in range(COUNT)} - {"r7"}
    assert is_indexed(memory)


def test_two_memories_share_an_index(memory: Memory, url: str, postgres: Postgres) -> None:
    fill(memory)
    memory.flush()
    with opened(url) as other:
        until(lambda: is_indexed(other))
        other.add("new", id="new", vector=QUERY)
        assert found(other)[0] == found(memory)[0] == "new"
        assert other.stats().index == "elsewhere"
        assert memory.stats().index == "ready"
    assert len(tables(postgres, url)) == 1


def test_another_takes_over_when_the_owner_is_killed(
    memory: Memory, url: str, postgres: Postgres
) -> None:
    fill(memory)
    memory.flush()
    with opened(url) as other:
        until(lambda: is_indexed(other))
        memory._store._index._enabled = False  # pyright: ignore[reportPrivateUsage] - it starts none
        kill(worker_of(memory), signal.SIGKILL)
        run_out(memory)
        other.add("new", id="new", vector=QUERY)
        until(lambda: other.stats().index == "ready")
        other.flush()
        assert found(other)[0] == "new"
        assert is_indexed(other)
        assert "new" in entries(postgres, url)


def test_a_stopped_owner_is_not_waited_for(memory: Memory, url: str, postgres: Postgres) -> None:
    fill(memory)
    memory.flush()
    process = worker_of(memory)
    with opened(url) as other:
        until(lambda: is_indexed(other))
        kill(process, signal.SIGSTOP)
        try:
            run_out(other)
            other.erase("r3")
            until(lambda: other.stats().index == "ready" and is_indexed(other))
            assert "r3" not in entries(postgres, url)
        finally:
            kill(process, signal.SIGCONT)


def test_reindex_leads_to_a_table_of_other_dimensions(
    url: str, postgres: Postgres, memory: Memory
) -> None:
    fill(memory)
    memory.flush()
    memory.close()
    from commonplace import HashingEmbedder  # noqa: PLC0415 - of this test alone

    with Memory(url, embedder=None, index="pgvector") as other:
        other.reindex(HashingEmbedder(32))
        other.flush()
        answer = other.search("text 17", mode="dense", explain=True)
        assert answer.plan is not None
        assert answer.plan.route == "index"
        assert answer[0].id == "r17"
        assert other.verify().ok
    kind = """SELECT format_type(atttypid, atttypmod) FROM pg_attribute
        WHERE attrelid = '{}'::regclass AND attname = 'embedding'"""
    assert run(postgres, url, kind)[0][0].endswith("vector(32)")


def test_vectors_of_any_length_and_of_none(url: str) -> None:
    vectors = VECTORS * np.logspace(-18, 18, COUNT, dtype=np.float32)[:, None]
    vectors[5] = 0
    with opened(url) as memory:
        fill(memory, vectors)
        memory.flush()
        assert found(memory) == truly_nearest(VECTORS, QUERY)
        assert is_indexed(memory)
        assert memory.verify().ok
        memory.search(vector=np.zeros(DIMENSION, dtype=np.float32))
        hits = memory.search(vector=QUERY, limit=COUNT, min_score=None)
        assert "r5" in [hit.id for hit in hits]


def test_long_vectors_are_kept_in_half_precision(url: str) -> None:
    vectors = np.random.default_rng(1).standard_normal((LIMIT + 10, 2_100)).astype(np.float32)
    with opened(url, 2_100) as memory:
        fill(memory, vectors)
        memory.flush()
        answer = memory.search(vector=vectors[3], explain=True)
        assert answer.plan is not None
        assert answer.plan.route == "index"
        assert [hit.id for hit in answer] == truly_nearest(vectors, vectors[3])
        assert memory.verify().ok


def test_longer_ones_are_refused_and_searched_all_the_same(url: str) -> None:
    vectors = np.random.default_rng(1).standard_normal((LIMIT + 10, 4_001)).astype(np.float32)
    with opened(url, 4_001) as memory:
        fill(memory, vectors)
        with pytest.raises(IndexUnavailableError, match="up to 4,000 dimensions"):
            memory.flush()
        answer = memory.search(vector=vectors[3], explain=True)
        assert answer[0].id == "r3"
        assert answer.plan is not None
        assert answer.plan.route == "exact"
        assert "up to 4,000 dimensions" in answer.plan.reason


@pytest.mark.parametrize("spoilt", ["DROP TABLE {}", "TRUNCATE {}"])
def test_a_table_that_others_spoil_is_built_again(
    memory: Memory, url: str, postgres: Postgres, spoilt: str
) -> None:
    fill(memory)
    memory.flush()
    (name,) = tables(postgres, url)
    run(postgres, url, spoilt)
    assert found(memory) == truly_nearest(VECTORS, QUERY)
    until(lambda: is_indexed(memory))
    memory.flush()
    assert name not in tables(postgres, url)
    assert len(entries(postgres, url)) == COUNT


def test_verify_finds_what_is_missing_and_repair_builds_it(
    memory: Memory, url: str, postgres: Postgres
) -> None:
    fill(memory)
    memory.flush()
    run(postgres, url, "DELETE FROM {} WHERE id < 'r2'")
    (problem,) = memory.verify().problems
    assert "of 400 vectors on the PostgreSQL server postgresql://" in problem
    memory.repair()
    assert memory.verify().ok
    assert len(entries(postgres, url)) == COUNT


def test_without_the_extension_it_is_said_what_to_do(postgres: Postgres) -> None:
    """A user who may not install it, in a database that has none."""
    postgres.run("DROP DATABASE IF EXISTS bare")
    postgres.run("DROP ROLE IF EXISTS plain")
    postgres.run("CREATE ROLE plain LOGIN PASSWORD 'secret77'")
    postgres.run("CREATE DATABASE bare")
    parts = urlsplit(postgres.url)
    admin = parts._replace(path="/bare").geturl().replace("postgresql:/bare", "postgresql:///bare")
    postgres.run("GRANT CREATE ON DATABASE bare TO plain")
    host = parts.netloc.rpartition("@")[2]
    at = f"postgresql://plain:secret77@{host}/bare?{parts.query}&schema=mine".replace("?&", "?")
    with opened(at) as memory:
        fill(memory)
        with pytest.raises(IndexUnavailableError, match="CREATE EXTENSION vector") as caught:
            memory.flush()
        assert "secret77" not in str(caught.value)
        route, reason = plan_of(memory)
        assert route == "exact"
        assert "CREATE EXTENSION vector" in reason
        assert "secret77" not in reason
        assert found(memory) == truly_nearest(VECTORS, QUERY)
        assert memory.stats().index == "unreachable"
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION vector")
        memory.flush()
        assert is_indexed(memory)
    postgres.run("DROP DATABASE bare WITH (FORCE)")
    postgres.run("DROP ROLE plain")


def test_a_memory_is_not_disturbed_by_the_tables(
    memory: Memory, url: str, postgres: Postgres
) -> None:
    fill(memory)
    before = memory.stats().ledger_bytes
    memory.flush()
    ((size,),) = run(postgres, url, "SELECT pg_total_relation_size('{}')")
    assert memory.stats().ledger_bytes - before < int(size)
    memory.close()
    with opened(url, index="exact") as again:
        assert again.verify().ok
        assert found(again) == truly_nearest(VECTORS, QUERY)


@pytest.mark.files
def test_a_ledger_in_a_file_has_no_such_index(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="PostgreSQL"):
        opened(tmp_path)
