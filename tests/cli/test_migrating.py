from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli


@pytest.mark.files
def test_a_memory_is_migrated(stocked: Cli, tmp_path: Path) -> None:
    target = tmp_path / "target"
    result = stocked("migrate", str(stocked.memory), str(target))
    assert "copied and compared" in result.stdout
    assert stocked("list", "--memory", str(target)).stdout == stocked("list").stdout
    assert (
        "holds a memory already"
        in stocked("migrate", str(stocked.memory), str(target), code=1).output
    )


@pytest.mark.files
def test_the_report_is_json(stocked: Cli, tmp_path: Path) -> None:
    report = stocked.json("migrate", str(stocked.memory), str(tmp_path / "target"))
    assert (report["ok"], report["failures"]) == (True, [])
    assert report["tables"]["records"]["rows_there"] == 3


@pytest.mark.files
def test_a_copy_that_is_not_equal_has_an_exit_code_of_its_own(
    stocked: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def alter(name: str) -> None:
        if name == "migrate.copied":
            with closing(sqlite3.connect(tmp_path / "target" / "ledger.sqlite")) as connection:
                connection.execute("DELETE FROM journal WHERE seq = 1")
                connection.commit()

    with monkeypatch.context() as patch:
        patch.setattr("commonplace.failpoints._armed", alter)
        result = stocked("migrate", str(stocked.memory), str(tmp_path / "target"), code=3)
    assert "journal: 3 rows in the source, 2 in the target" in result.stderr
    assert "unfinished copy" in stocked("list", "-m", str(tmp_path / "target"), code=1).output
    assert stocked.json("migrate", str(stocked.memory), str(tmp_path / "target"))["restarted"]


def test_passwords_are_not_printed(stocked: Cli) -> None:
    url = "mysql://alice:hunter2@host/db"
    for places in ((str(stocked.memory), url), (url, str(stocked.memory))):
        assert "hunter2" not in stocked("migrate", *places, code=1).output
