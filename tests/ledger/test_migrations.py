"""The migrations make what the schema describes, and a ledger of another format is refused."""

from __future__ import annotations

import re
import runpy
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from commonplace import FormatError, FormatTooNewError, Memory
from commonplace.ledger import Ledger, migrations, newest
from commonplace.ledger.schema import FORMAT, metadata
from commonplace.ledger.sqlite_database import LEDGER_FILE

if TYPE_CHECKING:
    from collections.abc import Callable

FULL_TEXT = {"full_text", "version_text"}
SCRIPT = Path(__file__).parents[2] / "scripts" / "newest_format.py"


def tables(path: Path, kind: str) -> set[str]:
    """The names of a database's tables of one kind: `table`, `virtual` or `shadow`."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name FROM pragma_table_list WHERE type = ?", (kind,))
        return {name for (name,) in rows}


def described(path: Path) -> dict[str, list[str]]:
    """What a database holds, by name: the parts of each `CREATE`, whatever their order.

    Alembic and SQLAlchemy write the same constraints in different orders.
    """
    apart = tables(path, "virtual") | tables(path, "shadow") | {"alembic_version"}
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql NOT NULL")
        return {name: parts(sql) for name, sql in rows if name not in apart | {"sqlite_sequence"}}


def parts(statement: str) -> list[str]:
    """The head of a statement, its columns and constraints, and its tail.

    In a fixed order for tables, whose order means nothing; in its own for indexes, where it does.
    """
    flat = re.sub(r"\s+", " ", statement).replace('"', "")
    head, _, rest = flat.partition("(")
    body, _, tail = rest.rpartition(")")
    inner = [part.strip() for part in re.split(r",(?![^(]*\))", body)]  # outside of parentheses
    ordered = sorted(inner) if head.startswith("CREATE TABLE") else inner
    return [head.strip(), *ordered, tail.strip()]


def stamp(directory: Path, revision: str) -> None:
    """Say that another version of Commonplace wrote the ledger."""
    with closing(sqlite3.connect(directory / LEDGER_FILE)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.commit()


def test_the_migrations_make_what_the_schema_describes(path: Path, tmp_path: Path) -> None:
    Ledger.open(path).close()
    other = tmp_path / "described.sqlite"
    engine = create_engine(f"sqlite:///{other}")
    metadata.create_all(engine)
    engine.dispose()
    expected = described(other)
    assert described(path / LEDGER_FILE) == expected
    assert set(metadata.tables) <= set(expected)
    assert tables(path / LEDGER_FILE, "virtual") == FULL_TEXT


def test_a_new_ledger_is_what_the_migrations_make() -> None:
    made: Callable[[], str] = runpy.run_path(str(SCRIPT))["made"]
    assert newest.FILE.read_text("utf-8") == made()


def test_parts_tell_statements_apart() -> None:
    one = parts('CREATE TABLE t (a INTEGER,\n\t"b" TEXT, UNIQUE (a, b), PRIMARY KEY (a)) STRICT')
    assert one == parts("CREATE TABLE t (a INTEGER, b TEXT, PRIMARY KEY (a), UNIQUE (a, b)) STRICT")
    for other in (
        "CREATE TABLE t (a INTEGER, b TEXT, PRIMARY KEY (a), UNIQUE (b, a)) STRICT",
        "CREATE TABLE t (a INTEGER, b TEXT, PRIMARY KEY (a)) STRICT",
        "CREATE TABLE t (a INTEGER, b TEXT NOT NULL, PRIMARY KEY (a), UNIQUE (a, b)) STRICT",
        "CREATE TABLE t (a INTEGER, b TEXT, PRIMARY KEY (a), UNIQUE (a, b))",
    ):
        assert parts(other) != one
    assert parts("CREATE INDEX i ON t (a, b)") != parts("CREATE INDEX i ON t (b, a)")


def test_the_newest_migration_is_the_only_head_and_the_format() -> None:
    scripts = ScriptDirectory(migrations.__path__[0])
    assert scripts.get_heads() == [FORMAT]
    assert len(scripts.get_bases()) == 1
    revisions = [script.revision for script in scripts.walk_revisions()]
    assert revisions == sorted(revisions, reverse=True)  # formats are compared as texts


def test_opening_again_changes_nothing(path: Path) -> None:
    first = Ledger.open(path)
    first.close()
    before = (path / LEDGER_FILE).read_bytes()
    again = Ledger.open(path)
    again.close()
    assert again.id == first.id
    assert (path / LEDGER_FILE).read_bytes() == before


@pytest.mark.files
@pytest.mark.parametrize("newer", ["0002", "9999", "1000"])
def test_a_newer_format_is_refused_by_name(path: Path, newer: str) -> None:
    Ledger.open(path).close()
    newer = max(newer, f"{int(FORMAT) + 1:04}")
    stamp(path, newer)
    before = (path / LEDGER_FILE).read_bytes()
    with pytest.raises(FormatTooNewError, match=rf"format {newer}\b.*\b{FORMAT}\b.*upgrade"):
        Ledger.open(path)
    with pytest.raises(FormatTooNewError):
        Memory(path)
    assert (path / LEDGER_FILE).read_bytes() == before


def test_a_format_that_nobody_wrote_is_refused(path: Path) -> None:
    """Regression: Alembic's own error came out."""
    Ledger.open(path).close()
    stamp(path, "0000")
    with pytest.raises(FormatError, match=FORMAT):
        Ledger.open(path)
    assert described(path / LEDGER_FILE)


def test_another_database_is_refused_and_left_alone(path: Path) -> None:
    path.mkdir()
    with closing(sqlite3.connect(path / LEDGER_FILE)) as connection:
        connection.execute("CREATE TABLE mine (a)")
    with pytest.raises(FormatError, match="not a Commonplace ledger"):
        Ledger.open(path)
    assert described(path / LEDGER_FILE) == {"mine": ["CREATE TABLE mine", "a", ""]}
