"""An audit file shows every change to the journal, and erasures leave its chain whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.pgserver import tell_ledger

from commonplace import (
    DataDamagedError,
    FileDamagedError,
    HashingEmbedder,
    Memory,
    NotFoundError,
    OutsideViewError,
    check_audit,
    restore_backup,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def rewritten(path: Path, said: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in said))


@pytest.fixture
def memory(path: Path) -> Any:
    with Memory(path, embedder=HashingEmbedder(64), index="exact") as opened:
        yield opened


def filled(memory: Memory) -> list[str]:
    ids = [memory.add(f"secret text {n}", scope="users/alice").id for n in range(5)]
    other = memory.add("another text", scope="users/bob")
    memory.link(other.id, ids[0], "about", reason="a secret reason")
    memory.update(ids[1], content="changed secret")
    memory.delete(ids[2])
    return ids


def test_a_file_holds_the_whole_journal_and_no_text(memory: Memory, tmp_path: Path) -> None:
    filled(memory)
    file = tmp_path / "audit.jsonl"
    report = memory.audit(file)
    events = memory.events()
    assert (report.entries, report.first, report.last) == (len(events), 1, events[-1].seq)
    assert "secret" not in file.read_text()
    header, *entries, summary = lines(file)
    assert header["after"] == 0
    assert [line["record"] for line in entries] == [event.record_id for event in events]
    assert summary["head"] == report.head == entries[-1]["hash"]
    assert check_audit(file) == memory.check_audit(file) == report
    assert memory.verify().ok
    again = tmp_path / "again.jsonl.gz"
    assert memory.audit(again) == report
    assert check_audit(again) == report


CHANGES: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
    "another operation": lambda said: said[3].update(operation="add", version=9),
    "another record": lambda said: said[2].update(record="x"),
    "another time": lambda said: said[2].update(at=1),
    "a detail more": lambda said: said[4]["detail"].update(more=1),
    "an entry left out": lambda said: said.pop(3),
    "the first entry left out": lambda said: said.pop(1),
    "the last entry left out": lambda said: said.pop(-2),
    "the summary left out": lambda said: said.pop(),
    "the header left out": lambda said: said.pop(0),
    "two entries swapped": lambda said: said.insert(2, said.pop(3)),
    "an entry twice": lambda said: said.insert(2, said[2]),
    "a line after the summary": lambda said: said.append(said[1]),
    "another nonce": lambda said: said[2].update(nonce="00" * 16),
    "no nonce": lambda said: said[2].pop("nonce"),
    "an entry made an erased one": lambda said: said[2].update(leaf="00" * 32),
    "another memory": lambda said: said[0].update(ledger="x"),
    "another beginning": lambda said: said[0].update(previous="00" * 32),
    "another format": lambda said: said[0].update(format=2),
    "another count": lambda said: said[-1].update(entries=1),
    "no line at all": lambda said: said.clear(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_file_does_not_check(memory: Memory, tmp_path: Path, change: str) -> None:
    filled(memory)
    file = tmp_path / "audit.jsonl"
    memory.audit(file)
    said = lines(file)
    CHANGES[change](said)
    rewritten(file, said)
    assert not check_audit(file).ok
    assert not memory.check_audit(file).ok
    with pytest.raises(FileDamagedError):
        memory.audit(tmp_path / "next.jsonl", after=file)
    assert not (tmp_path / "next.jsonl").exists()


@pytest.mark.parametrize("text", ["", "\n", "nonsense", "[]\n", "{}\n", '{"commonplace":"audit"}'])
def test_what_is_no_audit_file_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "file"
    file.write_text(text)
    assert not check_audit(file).ok
    with pytest.raises(NotFoundError):
        check_audit(tmp_path / "none")


def test_a_later_file_goes_on_where_an_earlier_one_ended(memory: Memory, tmp_path: Path) -> None:
    filled(memory)
    files = [tmp_path / f"{n}.jsonl" for n in range(4)]
    first = memory.audit(files[0])
    memory.add("more")
    second = memory.audit(files[1], after=files[0])
    assert (second.first, second.entries) == (first.last + 1, 1)
    assert lines(files[1])[0]["previous"] == first.head
    third = memory.audit(files[2], after=files[1])
    assert (third.entries, third.head) == (0, second.head)
    assert memory.audit(files[3]).head == second.head
    assert all(memory.check_audit(file).ok for file in files)


TAMPERING = {
    "UPDATE journal SET operation = 'update' WHERE seq = 2": 2,
    "UPDATE journal SET at = at + 1 WHERE seq = 3": 3,
    "UPDATE journal SET record_id = 'x' WHERE seq = 4": 4,
    "UPDATE journal SET detail = NULL WHERE seq = 7": 7,
    "UPDATE scopes SET path = 'users/carol' WHERE path = 'users/bob'": 6,
    "DELETE FROM journal WHERE seq = 5": 5,
    "DELETE FROM audited WHERE seq = 5": 5,
}


@pytest.mark.parametrize("statement", TAMPERING)
def test_a_changed_journal_is_found_out(path: Path, tmp_path: Path, statement: str) -> None:
    file = tmp_path / "audit.jsonl"
    with Memory(path, embedder=HashingEmbedder(64), index="exact") as memory:
        filled(memory)
        memory.audit(file)
    tell_ledger(path, statement)
    with Memory(path, embedder=HashingEmbedder(64), index="exact") as memory:
        assert check_audit(file).ok
        (problem,) = memory.check_audit(file).problems
        assert f"entry {TAMPERING[statement]} " in problem
        with pytest.raises(DataDamagedError, match=f"entry {TAMPERING[statement]} "):
            memory.audit(tmp_path / "next.jsonl", after=file)
        assert any("journal" in problem for problem in memory.verify().problems)


def test_an_erasure_leaves_the_chain_whole_and_no_name_to_guess(
    path: Path, memory: Memory, tmp_path: Path
) -> None:
    ids = filled(memory)
    early, late, whole = (tmp_path / f"{name}.jsonl" for name in ("early", "late", "whole"))
    before = memory.audit(early)
    receipt = memory.erase(scope="users/alice")
    assert receipt.complete
    after = memory.audit(late, after=early)
    assert after.entries == 1
    assert memory.check_audit(early) == before
    again = memory.audit(whole)
    assert (again.head, again.erased) == (after.head, receipt.scale.journal)
    assert check_audit(whole) == memory.check_audit(whole) == again
    said = whole.read_text()
    assert not any(name in said for name in ids)
    assert "alice" not in said
    for old, new in zip(lines(early)[1:-1], lines(whole)[1:-1], strict=False):
        assert old["hash"] == new["hash"]
        assert ("nonce" in new) == (new["record"] != "" and "target" not in old["detail"])
    nonces = [line["nonce"] for line in lines(early)[1:-1] if line["scope"] == "users/alice"]
    files = [file for file in path.rglob("*") if file.is_file()]
    kept = b"".join(file.read_bytes() for file in files)
    assert not any(bytes.fromhex(nonce) in kept for nonce in nonces)
    assert memory.verify().ok


def test_what_was_erased_before_the_first_audit_stays_unnamed(
    memory: Memory, tmp_path: Path
) -> None:
    ids = filled(memory)
    memory.erase(ids[3])
    first = memory.audit(tmp_path / "1.jsonl")
    memory.erase(scope="users/alice")  # moves what stood for the other to another scope
    second = memory.audit(tmp_path / "2.jsonl", after=tmp_path / "1.jsonl")
    assert first.ok
    assert memory.check_audit(tmp_path / "1.jsonl").ok
    whole = memory.audit(tmp_path / "3.jsonl")
    assert (whole.head, whole.problems) == (second.head, ())
    assert check_audit(tmp_path / "3.jsonl").ok
    assert "alice" not in (tmp_path / "3.jsonl").read_text()


def test_the_file_of_another_memory_is_not_this_ones(memory: Memory, tmp_path: Path) -> None:
    filled(memory)
    with Memory(":memory:", embedder=HashingEmbedder(64)) as other:
        other.add("x")
        other.audit(tmp_path / "other.jsonl")
    assert memory.check_audit(tmp_path / "other.jsonl").problems == ("it is of another memory",)
    with pytest.raises(DataDamagedError):
        memory.audit(tmp_path / "next.jsonl", after=tmp_path / "other.jsonl")
    with pytest.raises(OutsideViewError):
        memory.scope("users/alice").audit(tmp_path / "view.jsonl")
    with pytest.raises(OutsideViewError):
        memory.scope("users/alice").check_audit(tmp_path / "other.jsonl")


@pytest.mark.files
def test_a_restored_memory_goes_on_with_the_chain(memory: Memory, tmp_path: Path) -> None:
    filled(memory)
    before = memory.audit(tmp_path / "before.jsonl")
    memory.backup(tmp_path / "backup")
    memory.add("only there", id="there")
    memory.audit(tmp_path / "there.jsonl", after=tmp_path / "before.jsonl")
    for name in ("restored", "again"):  # and a copy of the copy
        restore_backup(tmp_path / "backup", tmp_path / name)
        with Memory(tmp_path / name, embedder=HashingEmbedder(64), index="exact") as copy:
            assert copy.verify().problems == ()
            copy.add("only here", id="here")
            after = copy.audit(tmp_path / f"{name}.jsonl", after=tmp_path / "before.jsonl")
            assert (after.ledger, after.first) == (before.ledger, before.last + 1)
            assert copy.check_audit(tmp_path / "before.jsonl").ok
            assert copy.verify().ok
            assert not copy.check_audit(tmp_path / "there.jsonl").ok
            (tmp_path / "backup").unlink()
            copy.backup(tmp_path / "backup")
    assert not memory.check_audit(tmp_path / "restored.jsonl").ok
