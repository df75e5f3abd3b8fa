"""`quota`, `rotate` and `--keys`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from commonplace import Encryption, Memory

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli


def keys_file(tmp_path: Path, **said: object) -> str:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(said))
    return str(file)


def test_a_quota_is_set_shown_and_removed(stocked: Cli) -> None:
    assert (stocked("quota").stdout, stocked("quota").stderr) == ("", "no quotas\n")
    assert stocked("quota", "users/alice", "--records", "2").stdout == "2 of 2  users/alice\n"
    refused = stocked("add", "one more", "--scope", "users/alice", code=1)
    assert "may hold 2 records and would hold 3" in refused.stderr
    assert stocked.json("quota") == [{"scope": "users/alice", "records": 2, "used": 2}]
    assert stocked("quota", "users/alice", "--remove").stdout == ""
    stocked("add", "one more", "--scope", "users/alice")
    stocked("quota", "--records", "3", code=2)
    stocked("quota", "users", "--records", "3", "--remove", code=2)


@pytest.mark.files
def test_an_encrypted_memory_takes_its_keys_from_a_file(cli: Cli, tmp_path: Path) -> None:
    old, new = bytes(range(32)), bytes(range(1, 33))
    with Memory(cli.memory, encryption=Encryption(keys={"old": old})) as memory:
        record = memory.add("a violet umbrella", scope="users/ana")
    first = keys_file(tmp_path, keys={"old": old.hex()})
    shown = cli.json("--keys", first, "show", record.id)
    assert shown["content"] == "a violet umbrella"
    assert "key 'old' is needed" in cli("show", record.id, code=1).stderr
    assert cli.json("stats")["records"] == 1
    assert cli.json("verify")["ok"]
    both = keys_file(tmp_path, keys={"old": old.hex(), "new": new.hex()}, active="new")
    assert cli.json("--keys", both, "rotate")["records"] == 1
    last = keys_file(tmp_path, keys={"new": new.hex()})
    assert cli.json("--keys", last, "show", record.id) == shown
    cli("delete", record.id, "--yes")


def test_a_file_that_holds_no_keys_is_refused_without_showing_any(
    stocked: Cli, tmp_path: Path
) -> None:
    for said in ({"keys": {"k": "secret"}}, {"keys": {"k": 5}}, {"keys": ["k"]}, {"k": "00"}):
        refused = stocked("--keys", keys_file(tmp_path, **said), "stats", code=1)
        assert "is no file of keys" in refused.stderr
        assert "secret" not in refused.stderr
    assert (
        "not 32 bytes"
        in stocked("--keys", keys_file(tmp_path, keys={"k": "00"}), "stats", code=1).stderr
    )
    assert "no file of keys" in stocked("--keys", str(tmp_path / "nowhere"), "stats", code=1).stderr
