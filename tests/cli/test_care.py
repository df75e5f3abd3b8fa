from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Cli


def test_stats_as_json(stocked: Cli) -> None:
    stats = stocked.json("stats")
    assert (stats["records"], stats["scopes"]) == (3, 2)
    assert stats["kinds"] == {"fact": 2, "message": 1}
    assert stats["spaces"][0]["vectors"] == 3
    assert stats["ledger_bytes"] > 0


def test_stats_for_people(stocked: Cli) -> None:
    assert stocked("stats").stdout.splitlines()[0].split() == ["records", "3"]


def test_a_sound_memory_verifies(stocked: Cli) -> None:
    assert stocked.json("verify") == {"ok": True, "problems": [], "mended": []}
    assert stocked("verify").stdout == "no problems\n"


def test_a_sound_memory_is_repaired_without_changes(stocked: Cli) -> None:
    assert stocked.json("repair")["ok"]
    assert stocked.json("stats")["records"] == 3


@pytest.mark.files
def test_a_ledger_that_is_no_database_is_a_problem(stocked: Cli) -> None:
    _overwrite(stocked, start=0)
    report = stocked.json("verify", code=3)
    assert report["ok"] is False
    assert report["problems"]
    assert stocked("verify", code=3).stdout.startswith("problem: ")


@pytest.mark.files
def test_damaged_pages_are_a_problem(stocked: Cli) -> None:
    stocked.process("add", "-", stdin=b"word " * 100_000)
    _overwrite(stocked, start=8192)
    done = stocked.process("verify", "--json")
    assert done.returncode == 3, done
    assert json.loads(done.stdout)["problems"]
    assert b"Traceback" not in done.stderr


@pytest.mark.files
def test_other_commands_say_that_the_ledger_is_damaged(stocked: Cli) -> None:
    _overwrite(stocked, start=0)
    assert stocked("list", code=1).stderr.startswith("error: ")


def _overwrite(cli: Cli, *, start: int) -> None:
    path = cli.memory / "ledger.sqlite"
    data = bytearray(path.read_bytes())
    data[start : start + 4096] = b"\xa5" * 4096
    path.write_bytes(data)
