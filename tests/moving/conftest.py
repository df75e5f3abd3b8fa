"""Memories to move, and everything that is in one, free of the numbers of its ledger."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest
from sqlalchemy import text

from commonplace import HashingEmbedder, Memory
from commonplace.ledger.rows import checksum
from commonplace.ledger.schema import metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from commonplace.testing import FakeClock

    Contents = dict[str, list[tuple[Any, ...]]]
    ContentsOf = Callable[[Memory], Contents]
    Write = Callable[..., None]

_NUMBERS = ("pk", "scope_id", "checksum")  # which differ between memories
_SEEN = (
    "NOT EXISTS (SELECT 1 FROM records AS r WHERE r.id = {0}.id AND r.expires_at <= :now)",
    "SELECT s.path, {1} FROM {0} JOIN scopes AS s ON s.id = {0}.scope_id WHERE ",
)
_VECTORS = """
SELECT {0}.id, {0}.version, p.name, v.ordinal, v.vector FROM {0}
JOIN {1} AS v ON v.{2} = {0}.pk JOIN spaces AS p ON p.id = v.space_id WHERE """
_MESSAGES = """
SELECT records.id, thread_id, position, messages.id, role, role_type, name, token_count
FROM messages
JOIN records ON pk = record_pk WHERE """


# What is stored cannot be seen whole through the verbs: the tables are looked at, and links and
# threads, which have no verbs that these tests could use, are written into them.


@contextlib.contextmanager
def _executing(memory: Memory) -> Generator[Any]:
    ledger = memory._store._ledger  # pyright: ignore[reportPrivateUsage]
    with ledger.write() as transaction:
        yield transaction._connection.execute  # pyright: ignore[reportPrivateUsage]


@pytest.fixture
def write() -> Write:
    """Write into the tables of a memory."""

    def run(memory: Memory, statement: str, **values: Any) -> None:
        with _executing(memory) as execute:
            execute(text(statement), values)
            _sum_up(execute)

    return run


def _sum_up(execute: Any) -> None:
    """What was written is whole: states and vectors get the checksums of what they are now."""
    for table in ("records", "versions"):
        for row in execute(text(f"SELECT * FROM {table}")).all():  # noqa: S608 - our own names
            again = {"sum": checksum(row._asdict()), "pk": row.pk}
            execute(text(f"UPDATE {table} SET checksum = :sum WHERE pk = :pk"), again)  # noqa: S608 - our own names
    for table in ("vectors", "version_vectors"):
        for row in execute(text(f"SELECT id, vector FROM {table}")).all():  # noqa: S608 - our own names
            again = {"sum": crc32(row.vector), "id": row.id}
            execute(text(f"UPDATE {table} SET checksum = :sum WHERE id = :id"), again)  # noqa: S608 - our own names


@pytest.fixture
def contents_of() -> ContentsOf:
    """Every row of a memory that is to be seen, sorted."""

    def seen_columns(table: str) -> str:
        columns = (column.name for column in metadata.tables[table].c)
        return ", ".join(f"{table}.{name}" for name in columns if name not in _NUMBERS)

    def queries() -> Mapping[str, str]:
        seen, state = _SEEN
        found = {
            table: state.format(table, seen_columns(table)) + seen.format(table)
            for table in ("records", "versions")
        }
        pairs = (("records", "vectors", "record_pk"), ("versions", "version_vectors", "version_pk"))
        for table, held, owner in pairs:
            found[held] = _VECTORS.format(table, held, owner) + seen.format(table)
        found["threads"] = (
            f"SELECT s.path, {seen_columns('threads')} FROM threads "  # noqa: S608 - our own names
            "JOIN scopes AS s ON s.id = scope_id"
        )
        found["messages"] = _MESSAGES + seen.format("records")
        ends = (
            f"EXISTS (SELECT 1 FROM records WHERE id = {end} AND "  # noqa: S608 - our own names
            "(expires_at IS NULL OR expires_at > :now))"
            for end in ("source_id", "target_id")
        )
        names = "source_id, target_id, type, weight, reason, metadata, created_at"
        found["links"] = f"SELECT {names} FROM links WHERE {' AND '.join(ends)}"  # noqa: S608 - our own names
        return found

    def contents(memory: Memory) -> Contents:
        now = memory._store.now()  # pyright: ignore[reportPrivateUsage]
        with _executing(memory) as execute:
            return {
                name: sorted(map(tuple, execute(text(query), {"now": now}).all()), key=repr)
                for name, query in queries().items()
            }

    return contents


@pytest.fixture
def copy(embedder: HashingEmbedder, clock: FakeClock) -> Iterator[Memory]:
    """An empty memory with the same embedder and the same clock."""
    with Memory(":memory:", embedder=embedder, clock=clock) as opened:
        yield opened


@pytest.fixture
def original(embedder: HashingEmbedder, clock: FakeClock, write: Write) -> Iterator[Memory]:
    """A memory with some of everything."""
    with Memory(":memory:", embedder=embedder, clock=clock) as memory:
        memory.add("Alice likes tea", scope="users/alice", id="tea", key="drink", tags=["a", "b"])
        memory.add("Alice moved to Porto", scope="users/alice", id="home", metadata={"n": 2**70})
        memory.add("Bob plays the cello", scope="users/bob", id="cello", value={"x": [1.5, None]})
        memory.add("Bob sold the car", scope="users/bob", id="car")
        memory.update("tea", content="Alice likes coffee")
        memory.update("tea", importance=0.9, vectors={"other": [[1, 2, 3], [4, 5, 6]]})
        memory.delete("car")
        write(
            memory,
            "INSERT INTO links (source_id, target_id, type, weight, metadata, created_at) VALUES "
            "('tea', 'home', 'about', 0.1, :metadata, 5), ('tea', 'cello', 'about', 1, '{}', 6)",
            metadata='{"n":1}',
        )
        write(
            memory,
            "INSERT INTO threads VALUES ('t', (SELECT id FROM scopes WHERE path = 'users/alice'), "
            "'chat', :metadata, 1, 2, NULL, NULL, 50, NULL, 1, 7, 3, 2)",
            metadata='{"title":"é"}',
        )
        write(
            memory,
            "INSERT INTO messages SELECT pk, 't', 0, 'm1', 'Alice', 'user', NULL, 7 "
            "FROM records WHERE id = 'home'",
        )
        yield memory
