"""`VectorTables`: vectors in tables beside a ledger on PostgreSQL, searched by pgvector.

They are an index and no part of the ledger: whatever they hold can be made again from it.
"""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from psycopg import sql

from commonplace.ledger.postgres_errors import meaning
from commonplace.ledger.postgres_text import array_of_numbers, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from psycopg import Connection

    Vector = NDArray[np.float32]

VECTOR_TABLE = "^nearest_[0-9a-f]+_[0-9]+$"
"""What the names of these tables match, as a pattern of the server's."""

LARGEST_DIMENSION = 4_000
_LARGEST_IN_FULL = 2_000
"""pgvector indexes longer vectors in half precision alone."""

_OLDEST = (0, 8)
_WIDEST = 1_000
_WIDTH = 200
"""How many neighbours a search keeps in sight; pgvector's own 40 find too few of the nearest."""

_EXTENSION = "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
# Not in the ledger's schema: it would go with it, and other ledgers' tables need it.
_INSTALL = "CREATE EXTENSION IF NOT EXISTS vector SCHEMA public"
_SETTINGS = """
SELECT set_config(
    'search_path', quote_ident(current_schema()) || ', ' || quote_ident(nspname), false
) FROM pg_extension JOIN pg_namespace AS home ON home.oid = extnamespace WHERE extname = 'vector';
SET plan_cache_mode = force_custom_plan;
SET hnsw.iterative_scan = relaxed_order;
SET statement_timeout = {timeout}
"""
_MAKE = """
CREATE TABLE IF NOT EXISTS {table} (
    id text COLLATE "C" PRIMARY KEY, scopes bigint[] NOT NULL, embedding {kind}({dimension})
);
CREATE INDEX IF NOT EXISTS {scopes} ON {table} USING gin (scopes) WITH (fastupdate = off)
"""
_SORT = """
CREATE INDEX IF NOT EXISTS {neighbours} ON {table} USING hnsw (embedding {kind}_ip_ops)
WITH (m = 32, ef_construction = 100)
"""
_PUT = """
INSERT INTO {table} (id, scopes, embedding)
SELECT id, scopes::bigint[], embedding::vector
FROM unnest(%s::text[], %s::text[], %s::text[]) AS given (id, scopes, embedding)
ON CONFLICT (id) DO UPDATE SET scopes = excluded.scopes, embedding = excluded.embedding
"""
_NEAREST = """
SELECT id, 1 + (embedding <#> %s::{kind}) FROM {table} {where}
ORDER BY embedding <#> %s::{kind} LIMIT %s
"""
_NO_KIND = sql.SQL("")
_IN_SCOPE = "WHERE scopes @> ARRAY[%s::bigint]"
SCHEMA_OID = "(SELECT oid FROM pg_namespace WHERE nspname = current_schema())"
"""The number of the ledger's schema. A name that is cast to one would lose its capitals."""
_NAMES = (
    "SELECT relname::text FROM pg_class "  # noqa: S608 - our own statement
    f"WHERE relkind = 'r' AND relnamespace = {SCHEMA_OID} AND relname ~ %s"
)


class VectorTablesError(Exception):
    """The server refused; the message says what to do, and quotes nothing that it was sent.

    Attributes:
        state: the SQLSTATE; empty if the server is gone.
    """

    def __init__(self, message: str, state: str) -> None:
        super().__init__(message)
        self.state = state


class VectorTables:
    """The tables of vectors in a ledger's schema, over a connection of their own.

    Every change is one statement. So a process that is stopped holds no lock that another, which
    takes over from it, would wait for.

    Vectors are of unit length or zero: their inner product is their cosine then, and unlike
    pgvector's own cosine it has a value, and a place in the index, for a vector of zeros.

    Args:
        connect: opens a connection of the driver's, in the ledger's schema.
        where: what errors call the server.
        timeout: how many seconds a statement may take; 0 for as long as it takes.
    """

    def __init__(self, connect: Callable[[], Connection[Any]], where: str, timeout: float) -> None:
        self._connect = connect
        self._where = where
        self._timeout = timeout
        self._connection: Connection[Any] | None = None
        self._width = 0

    def make(self, table: str, dimension: int) -> None:
        """Make a table for vectors of so many dimensions, if it is not there.

        Raises:
            VectorTablesError: pgvector cannot index vectors as long as these, as for all of these
                methods where the server refuses.
        """
        if dimension > LARGEST_DIMENSION:
            raise VectorTablesError(
                f"{self._where}: pgvector indexes vectors of up to {LARGEST_DIMENSION:,} "
                f"dimensions, these have {dimension:,}; open the memory with another index=",
                "54000",
            )
        scopes, length = sql.Identifier(f"{table}_scopes"), sql.Literal(dimension)
        self._run(_MAKE, table, _kind(dimension), scopes=scopes, dimension=length)

    def sort(self, table: str, dimension: int) -> None:
        """Give a table its HNSW index, if it has none; until then searches read all of it.

        What is there is sorted in a seventh of the time that it takes entry by entry, and nothing
        can be written meanwhile.
        """
        neighbours = sql.Identifier(f"{table}_neighbours")
        self._run(_SORT, table, _kind(dimension), neighbours=neighbours)
        self._run("ANALYZE {table}", table)

    def put(
        self,
        table: str,
        ids: Sequence[str],
        paths: Iterable[Iterable[str]],
        vectors: Sequence[Vector],
    ) -> None:
        """Write entries; those with the same id are replaced.

        Args:
            table: where.
            ids: of the entries.
            paths: of the scopes that each lies in.
            vectors: of unit length, or zero.
        """
        scopes = [array_of_numbers(map(_number, some)) for some in paths]
        texts = [str(vector.tolist()) for vector in vectors]
        self._run(_PUT, table, values=[[written(name) for name in ids], scopes, texts])

    def remove(self, table: str, ids: Iterable[str]) -> None:
        """Remove entries; missing ones are no matter."""
        query = "DELETE FROM {table} WHERE id = ANY(%s)"
        self._run(query, table, values=[[written(name) for name in ids]])

    def nearest(
        self, table: str, vector: Vector, count: int, path: str | None
    ) -> list[tuple[str, float]]:
        """The entries nearest to a vector and their distances, 1 less the cosine, nearest first.

        Args:
            table: where.
            vector: of unit length, or zero.
            count: how many there are at most.
            path: of the scope that they lie in; None for any.
        """
        self._widen(min(max(_WIDTH, 2 * count), _WIDEST))
        text = str(vector.tolist())
        scope = [] if path is None else [_number(path)]
        where = sql.SQL("" if path is None else _IN_SCOPE)
        rows = self._run(
            _NEAREST, table, _kind(len(vector)), [text, *scope, text, count], where=where
        )
        return sorted(rows, key=lambda row: row[1])  # pgvector's order is a relaxed one

    def count(self, table: str) -> int:
        """How many entries a table has."""
        ((found,),) = self._run("SELECT count(*) FROM {table}", table)
        return found

    def names(self) -> list[str]:
        """Every such table of the ledger's schema."""
        return [name for (name,) in self._run(_NAMES, values=[VECTOR_TABLE])]

    def drop(self, table: str) -> None:
        """Drop a table, if it is there."""
        self._run("DROP TABLE IF EXISTS {table}", table)

    def cancel(self) -> None:
        """End what another thread waits for."""
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                connection.cancel()

    def close(self) -> None:
        """Close the connection. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _widen(self, width: int) -> None:
        lost = self._connection is None or self._connection.closed
        if lost or width != self._width:
            self._run("SELECT set_config('hnsw.ef_search', %s, false)", values=[str(width)])
            self._width = width

    def _run(
        self,
        statement: LiteralString,
        table: str = "",
        kind: sql.SQL = _NO_KIND,
        values: Sequence[Any] | None = None,
        **parts: sql.Composable,
    ) -> list[Any]:
        named = {"table": sql.Identifier(table), "kind": kind, **parts}
        composed = sql.SQL(statement).format(**named)
        try:
            cursor = self._opened().execute(composed, values, binary=values is not None)
            return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            raise self._refused(error) from None

    def _opened(self) -> Connection[Any]:
        """The connection; another one if it was lost."""
        if self._connection is None or self._connection.closed:
            connection = self._connect()
            try:
                self._see_to_extension(connection)
                timeout = int(self._timeout * 1_000)
                connection.execute(_SETTINGS.format(timeout=timeout).encode())
            except BaseException:
                connection.close()
                raise
            self._connection, self._width = connection, 0
        return self._connection

    def _see_to_extension(self, connection: Connection[Any]) -> None:
        """Install the extension if it is not there."""
        (version,) = connection.execute(_EXTENSION).fetchone() or self._installed(connection)
        if tuple(map(int, version.split(".")[:2])) < _OLDEST:
            raise VectorTablesError(
                f"{self._where}: its extension pgvector is {version}, 0.8 or later is needed; "
                "install a newer one and run ALTER EXTENSION vector UPDATE in this database",
                "0A000",
            )

    def _installed(self, connection: Connection[Any]) -> Any:
        try:
            connection.execute(_INSTALL)
        except psycopg.Error as error:
            found = connection.execute(_EXTENSION).fetchone()  # another may have been faster
            if found is None:
                raise VectorTablesError(
                    f"{self._where}: the database has no extension pgvector; let its "
                    "administrator install it on the server and run CREATE EXTENSION vector in "
                    f"this database (SQLSTATE {error.sqlstate})",
                    error.sqlstate or "",
                ) from None
            return found
        return connection.execute(_EXTENSION).fetchone()

    def _refused(self, error: psycopg.Error) -> VectorTablesError:
        state = error.sqlstate or ""
        return VectorTablesError(str(meaning(state, self._where)), state)


def _kind(dimension: int) -> sql.SQL:
    return sql.SQL("vector" if dimension <= _LARGEST_IN_FULL else "halfvec")


def _number(path: str) -> int:
    """What stands for a scope: paths may be longer than an index takes.

    That two share a number is no matter: what is found is only proposed.
    """
    digest = hashlib.blake2b(path.encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)
