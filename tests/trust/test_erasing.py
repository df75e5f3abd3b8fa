"""What an erasure takes and leaves: by id, by scope, through views, beside other processes."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from tests.trust.marked import traces, words_kept

from commonplace import (
    AsyncMemory,
    HashingEmbedder,
    InvalidInputError,
    Memory,
    OutsideViewError,
    Receipt,
)

if TYPE_CHECKING:
    from pathlib import Path

    from commonplace.testing import FakeClock


def journal(memory: Memory) -> list[tuple[str, str]]:
    return [(event.operation, event.record_id) for event in memory.events(limit=1_000)]


def test_an_erased_record_takes_its_past_its_links_and_its_name_along(memory: Memory) -> None:
    gone = memory.add("the first secret", scope="users/alice", key="k")
    memory.update(gone.id, content="the second secret")
    stays = memory.add("what stays", scope="users/bob")
    memory.link(stays.id, gone.id, "about", reason="a secret reason")
    memory.link(gone.id, stays.id, "about")
    receipt = memory.erase(gone.id)
    assert receipt.target == "ids"
    scale = receipt.scale
    assert (scale.records, scale.versions, scale.vectors, scale.links) == (1, 1, 2, 2)
    assert memory.get(gone.id) is None
    assert memory.history(gone.id) == []
    assert [record.id for record in memory.list()] == [stays.id]
    assert memory.links(stays.id) == []
    assert journal(memory) == [("add", stays.id), ("link", stays.id), ("erase", receipt.id)]
    (linked,) = memory.events(operations="link")
    assert linked.detail == {"type": "about"}
    assert memory.verify().ok
    assert [scope.scope.path for scope in memory.scopes()] == ["users/bob"]


def test_what_was_deleted_or_expired_before_is_erased_too(path: Path, clock: FakeClock) -> None:
    with Memory(path, embedder=HashingEmbedder(64), clock=clock) as memory:
        deleted = memory.add("a deleted secret", scope="a")
        memory.delete(deleted.id)
        expired = memory.add("an expired secret", scope="a", ttl=0.000_001)
        swept = memory.add("a swept secret", scope="a", ttl=0.000_001)
        memory.sweep()
        unswept = memory.add("an unswept secret", scope="a", ttl=0.000_001)
        receipt = memory.erase([deleted.id, expired.id, swept.id, unswept.id])
        assert receipt.complete
        assert receipt.covers([deleted.id, expired.id, swept.id, unswept.id])
        names = [record.id.encode() for record in (deleted, expired, swept, unswept)]
        assert traces(path, [b"secret", *names]) == 0
        assert journal(memory) == [("erase", receipt.id)]


def test_a_scope_goes_with_its_path_its_threads_and_all_below(path: Path) -> None:
    with Memory(path, embedder=HashingEmbedder(64)) as memory:
        memory.add("at the scope itself", scope="users/alice-zq77")
        memory.add("below the scope", scope="users/alice-zq77/private")
        memory.add("a neighbour of like name", scope="users/alice-zq777")
        memory.thread("a thread of hers", scope="users/alice-zq77").add("hello from a thread")
        moved = memory.add("moved away in time", scope="users/alice-zq77")
        memory.update(moved.id, content="what it says now", scope="elsewhere")
        came = memory.add("came from elsewhere", scope="elsewhere")
        memory.update(came.id, content="and is hers now", scope="users/alice-zq77")
        receipt = memory.erase(scope="users/alice-zq77")
        assert (receipt.scale.scopes, receipt.scale.threads, receipt.scale.messages) == (2, 1, 1)
        left = {record.content for record in memory.list()}
        assert left == {"a neighbour of like name", "what it says now"}
        assert memory.threads.list() == []
        assert [v.record.content for v in memory.history(moved.id)] == ["what it says now"]
        assert memory.history(came.id) == []
        told = [b"a thread of hers", b"scope itself", b"moved away", b"came from", b"hers now"]
        assert traces(path, [b"alice-zq77/", *told]) == 0
        assert memory.verify().ok
        again = memory.add("a new beginning", scope="users/alice-zq77")
        assert memory.list(scope="users/alice-zq77") == [again]
        assert [event.record_id for event in memory.scope("users/alice-zq77").events()] == [
            again.id
        ]


def test_a_summary_of_an_erased_message_goes_too(memory: Memory) -> None:
    thread = memory.thread("talk", scope="a")
    first, second = thread.add(["The secret is out there.", "The weather is fine today."])
    summary = thread.summarize()
    assert summary is not None
    other = memory.thread("other", scope="a")
    other.add(["We never spoke of that here."])
    kept = other.summarize()
    assert kept is not None
    receipt = memory.erase(first.record_id)
    assert receipt.covers([first.record_id, summary.id])
    assert [message.id for message in thread.messages()] == [second.id]
    assert thread.summary() is None
    assert other.summary() == kept
    again = thread.summarize()
    assert again is not None
    assert "secret" not in again.content


def test_the_summaries_of_a_message_that_was_deleted_before_go_too(memory: Memory) -> None:
    thread = memory.thread("talk", scope="a")
    first, _ = thread.add(["The secret is out there.", "The weather is fine today."])
    summary = thread.summarize()
    memory.delete(first.record_id)
    memory.erase(first.record_id)
    assert summary is not None
    assert memory.history(summary.id) == []


def test_a_view_erases_only_what_it_writes(memory: Memory) -> None:
    alice = memory.scope("users/alice")
    mine = alice.add("mine", id="same-name")
    alice.delete(mine.id)
    bobs = memory.add("of bob", scope="users/bob", id="same-name")
    strange = memory.add("of bob too", scope="users/bob")
    receipt = alice.erase([mine.id, strange.id])
    assert (receipt.scale.records, receipt.scale.versions) == (0, 1)
    assert {record.id for record in memory.list()} == {bobs.id, strange.id}
    assert ("add", "same-name") in journal(memory)
    with pytest.raises(OutsideViewError):
        alice.erase(scope="users/bob")
    with pytest.raises(OutsideViewError):
        memory.view(read=["users/bob"]).erase(bobs.id)
    for whole in (alice.receipts, alice.compact):
        with pytest.raises(OutsideViewError):
            whole()
    alice.erase(everything=True)
    assert memory.count() == 2


def test_something_must_be_named_and_unknown_ids_are_no_matter(memory: Memory) -> None:
    memory.add("stays")
    for scope in (None, ""):
        with pytest.raises(InvalidInputError, match="everything=True"):
            memory.erase(scope=scope)
    for none in ([], ["unknown"]):
        receipt = memory.erase(none)
        assert receipt.scale.nothing
        assert receipt.complete
    assert memory.erase(scope="no/such").scale.nothing
    assert memory.count() == 1
    assert memory.erase(everything=True).target == "everything"
    assert (memory.count(), memory.scopes()) == (0, [])


def test_a_receipt_stands_against_the_ledger_and_names_nothing(memory: Memory) -> None:
    record = memory.add("a secret")
    receipt = memory.erase(record.id)
    assert Receipt.from_dict(receipt.to_dict()) == receipt
    assert record.id not in str(receipt.to_dict())
    assert memory.receipts() == [receipt]
    assert memory.check_receipt(receipt.to_dict()).ok
    forged = replace(receipt, scale=replace(receipt.scale, records=2))
    assert not memory.check_receipt(forged).ok
    assert not memory.check_receipt(replace(receipt, id="another")).ok
    with pytest.raises(InvalidInputError):
        memory.check_receipt({"id": 1})
    with Memory(":memory:") as other:
        assert not other.check_receipt(receipt).ok


@pytest.mark.files
def test_a_reader_in_the_way_is_told_of_and_compact_finishes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commonplace.maintenance.erasing.WAIT", 0)
    with Memory(path, embedder=HashingEmbedder(64)) as memory:
        record = memory.add("a secret zqsecretq", scope="a")
        with closing(sqlite3.connect(path / "ledger.sqlite")) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM records").fetchall()
            receipt = memory.erase(record.id)
            assert receipt.pending == ("log",)
            assert not receipt.complete
            assert receipt.scan is not None
            assert set(receipt.scan.traces) <= {"ledger.sqlite-wal", "ledger.sqlite"}
            assert receipt.scan.traces
            assert "not finished (log)" in " ".join(memory.verify().problems)
            assert not memory.check_receipt(receipt).ok
            assert memory.get(record.id) is None
        assert memory.compact().erasures == 1
        assert traces(path, [b"zqsecretq", record.id.encode()]) == 0
        assert memory.verify().ok
        assert memory.check_receipt(receipt).ok


def test_another_handle_sees_what_was_erased_and_what_was_written_again(path: Path) -> None:
    embedder = HashingEmbedder(64)
    with (
        Memory(path, embedder=embedder, index="exact") as one,
        Memory(path, embedder=embedder, index="exact") as two,
    ):
        one.add_many([f"secret number {n}" for n in range(50)], scope="users/alice")
        for handle in (one, two):  # what is found is kept by both
            assert len(handle.search("secret", scope="users/alice")) == 10
        one.erase(scope="users/alice")
        assert len(two.search("secret", scope="users/alice")) == 0
        assert two.count(scope="users/alice") == 0
        again = one.add("another beginning", scope="users/alice")
        assert two.scope("users/alice").list() == [again]
        assert [hit.id for hit in two.search("beginning", scope="users/alice")] == [again.id]
        two.erase(scope="users/alice")
        mine = one.add("yet another", scope="users/alice")
        assert two.get(mine.id) == mine
        assert one.verify().ok


@pytest.mark.files
def test_the_owner_of_the_index_removes_it_for_another_that_erases(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commonplace.maintenance.erasing.WAIT", 120)
    embedder = HashingEmbedder(64)
    with Memory(path, embedder=embedder, index="chroma") as owner:
        gone = owner.add("a secret zqsecretq", scope="zqalice")
        stays = owner.add("what stays", scope="bob")
        owner.flush()
        assert (path / "index").exists()
        with Memory(path, embedder=embedder, index="exact") as other:
            receipt = other.erase(scope="zqalice")
        assert receipt.complete, receipt
        assert traces(path, [b"zqsecretq", b"zqalice", gone.id.encode()]) == 0
        owner.flush()
        assert owner.verify().ok
        assert [hit.id for hit in owner.search("what stays")] == [stays.id]


def test_words_of_erased_former_states_are_in_no_index(path: Path) -> None:
    with Memory(path, embedder=HashingEmbedder(64)) as memory:
        record = memory.add("now zqfirstq is known", scope="a")
        memory.update(record.id, content="now zqsecondq is known")
        memory.add("something else", scope="a")
        assert words_kept(path, ["zqfirstq", "zqsecondq"]) == 2
        memory.erase(record.id)
        assert words_kept(path, ["zqfirstq", "zqsecondq"]) == 0
        assert words_kept(path, ["someth"]) == 1


@pytest.mark.files
def test_the_scan_tells_what_others_hold_from_what_was_left(path: Path) -> None:
    with Memory(path, embedder=HashingEmbedder(64)) as memory:
        gone = memory.add("exactly the same words of two", scope="a")
        memory.add("exactly the same words of two", scope="b")
        (path / "notes.txt").write_text(f"somebody noted {gone.id} here")
        receipt = memory.erase(gone.id)
        assert receipt.scan is not None
        assert receipt.scan.shared > 0
        assert set(receipt.scan.traces) == {"notes.txt"}
        assert not receipt.complete
        assert memory.erase("unknown", scan=False).scan is None


def test_the_same_with_await(path: Path) -> None:
    async def main() -> tuple[Receipt, Any]:
        async with await AsyncMemory.open(path, embedder=HashingEmbedder(64)) as memory:
            record = await memory.add("a secret")
            receipt = await memory.erase(record.id)
            assert await memory.receipts() == [receipt]
            return receipt, await memory.compact()

    receipt, report = asyncio.run(main())
    assert receipt.complete
    assert receipt.at < datetime.now(UTC)
    assert report.pending == ()
