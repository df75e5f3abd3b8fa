"""A pytest plugin: LangGraph's own store tests, run against our store in place of theirs.

`scripts/upstream_store_tests.py` fetches the tests and runs them with this plugin. The names that
the tests import are replaced before they are imported; nothing of their files is changed.
"""

# ruff: noqa: S608 - it stands in for others' classes
# pyright: basic, reportPrivateUsage=false
# The tests of others are met as they are.

from __future__ import annotations

import contextlib
import os
import time
import tomllib
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import langgraph.store.memory
import langgraph.store.postgres
import langgraph.store.sqlite
import langgraph.store.sqlite.aio
import psycopg
import pytest
from sqlalchemy import select, text

from commonplace import Scope
from commonplace.clock import from_micros
from commonplace.ledger.rows import checksum
from commonplace.ledger.schema import records
from langgraph_store_commonplace import AsyncCommonplaceStore, CommonplaceStore

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

DEVIATIONS = Path(__file__).parent / "deviations.toml"
SUITE = os.environ["COMMONPLACE_UPSTREAM"]


def ours(config: Any) -> Any:
    """Our index setting for one of theirs."""
    if not config:
        return False
    fields = config.get("fields") or config.get("text_fields")
    return {"dims": config["dims"], "embed": config["embed"], "fields": fields}


def place(conn_string: str) -> str:
    """A memory is a directory: it lies beside the file that a test names."""
    return f"{conn_string}.memory" if Path(conn_string).is_file() else ":memory:"


class Hooks:
    """What the tests of the SQL stores take for granted in a store."""

    MIGRATIONS: tuple[Any, ...] = ()


class MemoryKind(type):
    """Calls make our store; whatever a spy asks of the class or sets on it goes to our class."""

    def __call__(cls, **settings: Any) -> CommonplaceStore:
        return CommonplaceStore(":memory:", index=ours(settings.get("index")))

    def __getattribute__(cls, name: str) -> Any:
        if name.startswith("__"):
            return super().__getattribute__(name)
        return getattr(CommonplaceStore, name)

    def __setattr__(cls, name: str, value: Any) -> None:
        setattr(CommonplaceStore, name, value)

    def __delattr__(cls, name: str) -> None:
        delattr(CommonplaceStore, name)


class InMemory(metaclass=MemoryKind):
    """In place of `InMemoryStore`."""


class Sql(CommonplaceStore, Hooks):
    """In place of `SqliteStore` and `PostgresStore`."""

    @classmethod
    @contextlib.contextmanager
    def from_conn_string(
        cls, conn_string: str, *, index: Any = None, ttl: Any = None, **_: Any
    ) -> Generator[Any]:  # pyright: ignore[reportIncompatibleMethodOverride] - takes theirs
        with cls(place(conn_string), index=ours(index), ttl=ttl) as store:
            store.index_config = index
            yield store

    @contextlib.contextmanager
    def _cursor(self) -> Generator[Cursor]:
        yield Cursor(self)


class AsyncSql(AsyncCommonplaceStore, Hooks):
    """In place of `AsyncSqliteStore` and `AsyncPostgresStore`."""

    @classmethod
    @contextlib.asynccontextmanager
    async def from_conn_string(
        cls, conn_string: str, *, index: Any = None, ttl: Any = None, **_: Any
    ) -> AsyncGenerator[Any]:  # pyright: ignore[reportIncompatibleMethodOverride] - takes theirs
        async with cls(place(conn_string), index=ours(index), ttl=ttl) as store:
            store.index_config = index
            yield store

    @contextlib.asynccontextmanager
    async def _cursor(self) -> AsyncGenerator[AsyncCursor]:
        yield AsyncCursor(self)


class Cursor:
    """Ages rows, and looks at them: the statements of PostgreSQL's tests, on our ledger."""

    def __init__(self, store: Any) -> None:
        self._ledger = store.memory._store._ledger
        self._row: Any = None

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        if "DROP TABLE" in statement:
            return
        *first, prefix, key = values
        with self._ledger.write() as transaction:
            (scope_id,) = transaction.scope_ids([Scope(*prefix.split("."))])
            which = {"scope": scope_id, "key": key, "seconds": int(first[0] if first else 60)}
            if statement.startswith("UPDATE"):
                column = "updated_at" if "SET updated_at" in statement else "expires_at"
                change = (
                    f"UPDATE records SET {column} = :now - :seconds * 1000000 "
                    "WHERE scope_id = :scope AND key = :key"
                )
                now = time.time_ns() // 1000
                transaction._connection.execute(text(change), {**which, "now": now})
                chosen = "SELECT * FROM records WHERE scope_id = :scope AND key = :key"
                for row in transaction._connection.execute(text(chosen), which).mappings().all():
                    transaction._connection.execute(
                        text("UPDATE records SET checksum = :sum WHERE pk = :pk"),
                        {"sum": checksum(row), "pk": row["pk"]},
                    )
            else:
                wanted = (records.c.scope_id == scope_id) & (records.c.key == key)
                row = transaction._connection.execute(
                    select(records.c.expires_at).where(wanted)
                ).first()
                self._row = {"n": 1, "expires_at": from_micros(row[0])} if row else {"n": 0}

    def fetchone(self) -> Any:
        return self._row


class AsyncCursor(Cursor):
    """The same with `await`."""

    async def execute(self, statement: str, values: tuple[Any, ...] = ()) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - with await
        super().execute(statement, values)

    async def fetchone(self) -> Any:
        return super().fetchone()


class NoServer:
    """In place of `psycopg.Connection`: the databases that a test makes are not needed."""

    __class_getitem__ = classmethod(types.GenericAlias)

    @classmethod
    def connect(cls, *_: Any, **__: Any) -> Self:
        return cls()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, *_: Any) -> None:
        pass


class NoAsyncServer:
    """The same with `await`."""

    __class_getitem__ = classmethod(types.GenericAlias)

    @classmethod
    async def connect(cls, *_: Any, **__: Any) -> Self:
        return cls()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def execute(self, *_: Any) -> None:
        pass


def retarget() -> None:
    """Put our stores in place of theirs."""
    if SUITE == "checkpoint":
        langgraph.store.memory.InMemoryStore = InMemory  # pyright: ignore[reportAttributeAccessIssue] - the point
    elif SUITE == "sqlite":
        langgraph.store.sqlite.SqliteStore = Sql
        langgraph.store.sqlite.AsyncSqliteStore = AsyncSql
        langgraph.store.sqlite.aio.AsyncSqliteStore = AsyncSql
    else:
        langgraph.store.postgres.PostgresStore = Sql
        langgraph.store.postgres.AsyncPostgresStore = AsyncSql
        psycopg.Connection = NoServer
        psycopg.AsyncConnection = NoAsyncServer


retarget()


def pytest_configure(config: pytest.Config) -> None:
    """A marker of theirs that belongs to a plugin which is not needed."""
    config.addinivalue_line("markers", "flaky: they try it again")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that deviate must fail, each for a reason that is written down."""
    reasons: dict[str, str] = tomllib.loads(DEVIATIONS.read_text())[SUITE]
    known = sorted(reasons, key=len, reverse=True)
    for item in items:
        name = item.nodeid.removeprefix("tests/")
        for pattern in known:
            if name == pattern or name.startswith((f"{pattern}[", f"{pattern}::")):
                item.add_marker(pytest.mark.xfail(reason=reasons[pattern], strict=True))
                break
