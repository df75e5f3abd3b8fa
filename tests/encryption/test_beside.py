"""Encryption beside erasure, quotas, backups, checksums and the audit."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from commonplace import (
    Encryption,
    EncryptionError,
    HashingEmbedder,
    Memory,
    doctor,
    restore_backup,
)
from commonplace.ledger.rows import checksum, checksum_beside

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.files  # a ledger on a server is not encrypted
EMBEDDER = HashingEmbedder(16)
KEYS = {"old": bytes(range(32))}


def opened(path: Path, *scopes: str) -> Memory:
    encryption = Encryption(keys=KEYS, scopes=scopes or None)
    return Memory(path, embedder=EMBEDDER, encryption=encryption)


def in_files(path: Path, text: str) -> bool:
    return any(text.encode() in file.read_bytes() for file in path.rglob("*") if file.is_file())


def test_what_is_erased_of_an_encrypted_memory_is_gone_and_its_quota_too(path: Path) -> None:
    with opened(path, "users") as memory:
        memory.set_quota("users/alice", records=9)
        gone = memory.add("canary", scope="users/alice", id="gone-id", metadata={"n": 1})
        kept = memory.add("kept", scope="users/bob", value={"n": 2})
        memory.link(gone.id, kept.id, reason="canary")
        memory.thread("support", scope="users/alice").add("canary")
        receipt = memory.erase(scope="users/alice")
        assert (receipt.complete, receipt.scan and receipt.scan.traces) == (True, {})
        assert memory.quotas() == []
        assert memory.compact().pending == ()
        assert memory.get(kept.id) == kept
        assert memory.verify().ok
    for word in ("gone-id", "alice", "kept", "support"):
        assert not in_files(path, word)


def test_a_sealed_scope_that_was_erased_is_sealed_when_it_is_used_again(path: Path) -> None:
    with Memory(path, embedder=EMBEDDER) as before, opened(path, "users/alice") as memory:
        memory.add("first", scope="users/alice")
        assert memory.erase(scope="users/alice").complete
        with pytest.raises(EncryptionError):
            before.add("canary", scope="users/alice")
        memory.add("canary", scope="users/alice")
        assert memory.list(scope="users/alice")[0].content == "canary"
    assert not in_files(path, "canary")


def test_a_backup_of_an_encrypted_memory_is_sealed_and_comes_back(path: Path) -> None:
    file, other = path.parent / "backup", path.parent / "other"
    with opened(path) as memory:
        record = memory.add("canary", metadata={"n": 1})
        memory.backup(file)
    assert b"canary" not in file.read_bytes()
    restore_backup(file, other)
    with opened(other) as restored:
        assert restored.get(record.id) == record
        assert restored.verify().ok


def test_checksums_tell_nothing_of_what_is_sealed(path: Path) -> None:
    with opened(path) as memory:
        memory.add("canary", value={"n": 1}, metadata={"n": 1})
    with sqlite3.connect(path / "ledger.sqlite") as stored:
        stored.row_factory = sqlite3.Row
        (row,) = map(dict, stored.execute("SELECT * FROM records"))
    stored.close()
    assert row["checksum"] == checksum_beside(row)  # which never looks at what is sealed
    with opened(path) as memory:
        assert row["checksum"] != checksum({**row, "content": "canary"})
        assert memory.verify().ok


def test_notes_of_reading_leave_sealed_records_whole(path: Path) -> None:
    with opened(path, "users") as memory:
        for scope in ("users/alice", "public"):
            record = memory.add("text", scope=scope, source={"app": "crewai"}, value={})
            assert memory.note_reading([record.id], app="crewai") == 1
        assert memory.verify().ok
        assert all(one.value for one in memory.list())


def test_doctor_says_that_keys_are_missing(path: Path) -> None:
    with opened(path) as memory:
        memory.add("canary")
    report = doctor(path)
    assert report.ok
    assert any("encrypt" in one.text and not one.problem for one in report.findings)
