"""Ledgers and backups of other formats: older ones are brought up, newer ones refused by name.

`formats/` holds a ledger of each former format, written by the program of its time, and what that
program said of it. The next format is made up here: a migration of one column and one table.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from commonplace import FormatTooNewError, HashingEmbedder, Memory, restore_backup
from commonplace.ledger import migrations
from commonplace.ledger.schema import FORMAT

if TYPE_CHECKING:
    from tests.figures import Figures

pytestmark = pytest.mark.files

FORMATS = Path(__file__).parent / "formats"
NEXT = f"{int(FORMAT) + 1:04}"
MIGRATION = f"""\
import sqlalchemy as sa
from alembic import op
revision, down_revision = "{NEXT}", "{FORMAT}"

def upgrade():
    op.create_table("future", sa.Column("name", sa.Text(), primary_key=True))
    op.execute("INSERT INTO future SELECT id FROM records")
    op.add_column("records", sa.Column("mood", sa.Text(), nullable=True))
    op.execute("UPDATE records SET mood = 'glad'")
"""  # noqa: S608 - our own names


def opened(path: Path) -> Memory:
    return Memory(path, embedder=HashingEmbedder(16), index="exact")


@pytest.fixture
def newer(tmp_path: Path) -> pytest.MonkeyPatch:
    """With `patch`, this version of Commonplace is the next one."""
    home = tmp_path / "next"
    shutil.copytree(migrations.__path__[0], home / "migrations")
    (home / "migrations" / "versions" / f"{NEXT}_next.py").write_text(MIGRATION)
    return pytest.MonkeyPatch()


def be_newer(patch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # What names the newest format, and where migrations are looked for.
    patch.setattr("commonplace.ledger.database.FORMAT", NEXT)
    patch.setattr("commonplace.ledger.sqlite_database.FORMAT", NEXT)
    patch.setattr("commonplace.ledger.migrate.FORMAT", NEXT)
    patch.setattr("commonplace.ledger.migrate.__file__", str(tmp_path / "next" / "migrate.py"))
    patch.setattr("commonplace.moving.backing.FORMAT", NEXT)


def contents(path: Path) -> dict[str, str]:
    with opened(path) as memory:
        assert memory.verify().ok
        return {record.id: record.content for record in memory.list()}


def question(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path / "ledger.sqlite")) as connection:
        return connection.execute(query).fetchall()


@pytest.mark.parametrize("former", sorted(FORMATS.glob("*.sqlite.gz")), ids=lambda file: file.name)
def test_ledgers_of_former_formats_say_what_they_said(
    path: Path, former: Path, figures: Figures
) -> None:
    told = json.loads(former.with_name(former.name.replace("sqlite.gz", "json")).read_text())
    path.mkdir(mode=0o700)
    (path / "ledger.sqlite").write_bytes(gzip.decompress(former.read_bytes()))
    with Memory(path, embedder=HashingEmbedder(8), index="exact") as memory:
        kept = memory.list(limit=1000, include_archived=True, include_closed=True, order_by="id")
        assert [record.to_dict() for record in kept] == told["records"]
        for name, states in told["history"].items():
            assert [state.to_dict() for state in memory.history(name)] == states
        assert [link.to_dict() for link in memory.links("r1")] == told["links"]
        talk = memory.thread("talk", scope="users/u1").messages()
        assert [message.text for message in talk] == told["messages"]
        assert [hit.id for hit in memory.search("text 7", limit=5)] == told["found"]
        assert memory.verify().ok
        assert memory.erase("r1").complete
        assert memory.verify().ok
    assert question(path, "SELECT version_num FROM alembic_version") == [(FORMAT,)]
    figures(8, former_formats=1, records=len(kept), lost=0)


def test_formats_that_follow_each_other(
    path: Path, tmp_path: Path, newer: pytest.MonkeyPatch, figures: Figures
) -> None:
    with opened(path) as memory:
        memory.add_many({"id": str(n), "content": f"text {n}"} for n in range(100))
        memory.backup(tmp_path / "older.backup")
    before = contents(path)
    with newer.context() as patch:
        be_newer(patch, tmp_path)
        migrated = contents(path)
        restored = restore_backup(tmp_path / "older.backup", tmp_path / "restored")
        with opened(path) as memory:
            memory.update("1", content="changed")
            memory.backup(tmp_path / "newer.backup")
        assert contents(tmp_path / "restored") == before
    assert restored.backup.format == FORMAT
    assert migrated == before
    for place in (path, tmp_path / "restored"):
        assert question(place, "SELECT version_num FROM alembic_version") == [(NEXT,)]
        assert question(place, "SELECT count(*) FROM future") == [(100,)]
        # A write leaves alone what it does not know.
        assert question(place, "SELECT count(*) FROM records WHERE mood = 'glad'") == [(100,)]
    refused = 0
    for attempt in (
        lambda: opened(path),
        lambda: restore_backup(tmp_path / "newer.backup", tmp_path / "refused"),
    ):
        with pytest.raises(FormatTooNewError, match=rf"{NEXT}\b.*{FORMAT}\b.*upgrade"):
            attempt()
        refused += 1
    figures(8, formats=2, migrated=2, records_lost=0, newer_refused=refused)
    assert not (tmp_path / "refused").exists()


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(
    path: Path, tmp_path: Path, newer: pytest.MonkeyPatch
) -> None:
    with opened(path) as memory:
        memory.add_many({"id": str(n), "content": f"text {n}"} for n in range(10))
    before = contents(path)
    script = tmp_path / "next" / "migrations" / "versions" / f"{NEXT}_next.py"
    script.write_text(MIGRATION + "    raise OSError('the power went')\n")
    with newer.context() as patch:
        be_newer(patch, tmp_path)
        with pytest.raises(OSError, match="power"):
            opened(path)
    assert contents(path) == before
    assert question(path, "SELECT name FROM sqlite_master WHERE name = 'future'") == []


def test_what_is_not_known_is_preserved(path: Path, tmp_path: Path) -> None:
    with opened(path) as memory:
        memory.add("text", id="1")
    with closing(sqlite3.connect(path / "ledger.sqlite")) as connection:
        connection.execute("INSERT INTO settings VALUES ('of_somebody', 'kept')")
        connection.execute("CREATE TABLE theirs (a)")
        connection.commit()
    with opened(path) as memory:
        memory.add("more", id="2")
        assert memory.repair().ok
        memory.backup(tmp_path / "b")
    restore_backup(tmp_path / "b", tmp_path / "restored")
    for place in (path, tmp_path / "restored"):
        query = "SELECT value FROM settings WHERE name = 'of_somebody'"
        assert question(place, query) == [("kept",)]
        assert question(place, "SELECT count(*) FROM theirs") == [(0,)]
