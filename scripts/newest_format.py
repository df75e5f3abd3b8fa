"""Writes packages/core/src/commonplace/ledger/newest.sql: what the migrations make of nothing.

A new ledger on SQLite is made by these statements. Write them anew after every new migration:

    uv run python scripts/newest_format.py
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from commonplace.ledger import newest
from commonplace.ledger.migrate import upgrade
from commonplace.ledger.sqlite import open_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

_OBJECTS = """
SELECT sql FROM sqlite_master
WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow') ORDER BY rowid
"""
_TABLES = "SELECT name FROM pragma_table_list WHERE type = 'table' AND name NOT LIKE 'sqlite%'"


def made() -> str:
    """What the file is to hold."""
    with open_engine(None, "normal").connect() as connection:
        upgrade(connection)
        return newest.SEPARATOR.join(statements(connection)) + "\n"


def statements(connection: Connection) -> Iterator[str]:
    """What makes a database like this one: its tables and indexes, and their rows."""
    for (statement,) in connection.execute(text(_OBJECTS)):
        yield statement.strip()
    for (table,) in sorted(connection.execute(text(_TABLES))):
        for row in connection.execute(text(f"SELECT * FROM {table}")):  # noqa: S608 - our own table
            yield f"INSERT INTO {table} VALUES ({', '.join(map(_literal, row))})"  # noqa: S608 - as above


def _literal(value: object) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return "NULL" if value is None else str(value)


if __name__ == "__main__":
    newest.FILE.write_text(made(), "utf-8")
