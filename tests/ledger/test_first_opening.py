"""A file that is new to all who open it at once."""

from __future__ import annotations

import gzip
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Timer
from typing import TYPE_CHECKING

from commonplace import HashingEmbedder, Memory
from commonplace.ledger import sqlite
from commonplace.ledger.sqlite import create_private, open_engine

if TYPE_CHECKING:
    import pytest

TOGETHER = 4
FORMER = Path(__file__).parents[1] / "trust" / "formats" / "0002.sqlite.gz"


def test_connections_that_open_a_new_file_at_once_all_get_it(tmp_path: Path) -> None:
    """Regression: one in a hundred openings failed at once, as if the file had been locked."""
    start = Barrier(TOGETHER)

    def connect(path: Path) -> str:
        engine = open_engine(path, "normal")
        start.wait(60)
        with engine.connect() as connection:
            mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
        engine.dispose()
        return mode

    with ThreadPoolExecutor(TOGETHER) as threads:
        for number in range(30):
            path = tmp_path / f"{number}.sqlite"
            create_private(path)
            assert list(threads.map(connect, [path] * TOGETHER)) == ["wal"] * TOGETHER


def test_an_opening_outwaits_another_that_is_making_the_ledger(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression: on a busy machine, four processes that began a memory at once gave up."""
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 10)
    path.mkdir()
    create_private(path / "ledger.sqlite")
    engine = open_engine(path / "ledger.sqlite", "normal")
    with engine.connect() as other:
        other.execution_options(writes=True).exec_driver_sql("CREATE TABLE t (x)")
        release = Timer(0.3, other.rollback)
        release.start()
        with Memory(path, embedder=HashingEmbedder(16)) as memory:
            assert memory.count() == 0
        release.join()
    engine.dispose()


IMPORTING = """
import sqlite3, sys
from pathlib import Path
from commonplace import HashingEmbedder, Memory

class Look:
    def find_spec(self, name, path=None, target=None):
        if name == "alembic":
            with sqlite3.connect(Path(sys.argv[1]) / "ledger.sqlite", timeout=0) as other:
                other.execute("BEGIN IMMEDIATE")
            print("free")

sys.meta_path.insert(0, Look())
Memory(sys.argv[1], embedder=HashingEmbedder(8)).close()
"""


def imported(path: Path) -> str:
    """What importing Alembic told when a memory was opened in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTING, str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_new_ledger_does_without_what_is_slow_to_import(path: Path) -> None:
    assert imported(path) == ""


def test_what_is_slow_to_import_is_imported_before_others_have_to_wait(path: Path) -> None:
    """Regression: on a busy machine others that opened it got a StoreLockedError."""
    path.mkdir()
    (path / "ledger.sqlite").write_bytes(gzip.decompress(FORMER.read_bytes()))
    assert imported(path) == "free\n"
