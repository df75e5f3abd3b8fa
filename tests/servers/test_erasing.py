"""What is erased is gone from the server's collections, whatever stands in the way just then."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from tests.servers.conftest import (
    COUNT,
    VECTORS,
    fill,
    is_indexed,
    kill,
    memory_on,
    plan_of,
    until,
    worker_of,
)

from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.conftest import Server

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

OTHERS = {f"r{n}" for n in range(5, COUNT)}
DIMENSION_AFTER = 32
ERASED = [f"r{n}" for n in range(5)]


def test_what_is_erased_leaves_the_server(place: Path | str, shared: Server) -> None:
    with memory_on(place, shared.url) as memory:
        fill(memory)
        memory.flush()
        before = shared.collection(memory)
        receipt = memory.erase(ERASED)
        assert receipt.complete
        assert receipt.index_server == shared.url
        assert shared.url in receipt.beyond_reach[-1]
        assert type(receipt).from_dict(receipt.to_dict()) == receipt
        assert before not in shared.collections().values()
        memory.flush()
        assert shared.ids(memory) == OTHERS
        assert memory.check_receipt(receipt).ok
        assert memory.verify().ok


def test_erasing_while_the_server_is_down_is_finished_when_it_is_back(
    place: Path | str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commonplace.maintenance.erasing.WAIT", 0.5)
    with memory_on(place, server.url) as memory:
        fill(memory)
        memory.flush()
        server.end(signal.SIGKILL)
        receipt = memory.erase(ERASED)
        assert receipt.pending == ("index",)
        assert not memory.check_receipt(receipt).ok
        assert plan_of(memory)[0] == "exact"
    with Memory(place, embedder=None, index="exact") as memory:  # which cannot know of the server
        assert memory.compact().pending == ()
        assert memory.receipts()[0].pending == ("index",)
    server.start()
    with memory_on(place, server.url) as memory:
        until(lambda: not memory.receipts()[0].pending)
        memory.flush()
        assert server.ids(memory) == OTHERS
        assert memory.check_receipt(receipt).ok


@pytest.mark.parametrize("on", ["server", pytest.param("files", marks=pytest.mark.files)])
def test_erasing_while_a_reindex_is_under_way(path: Path, shared: Server, on: str) -> None:
    index = shared.url if on == "server" else "chroma"
    said: list[int] = []
    with memory_on(path, index) as memory:
        fill(memory)
        memory.flush()

        def erase_once(done: int, _: int) -> None:
            if not said:
                said.append(done)
                assert memory.erase(ERASED).complete

        memory.reindex(HashingEmbedder(DIMENSION_AFTER), batch=100, progress=erase_once)
        assert said == [100]
        memory.flush()
        assert memory.count() == COUNT - 5
        assert memory.get_many(ERASED) == [None] * 5
        hits = memory.search("text 3", mode="dense", limit=COUNT)
        assert {hit.id for hit in hits} == OTHERS
        if on == "server":
            assert shared.ids(memory) == OTHERS
        assert memory.verify().ok
        assert all(receipt.complete for receipt in memory.receipts())


@pytest.mark.parametrize("on", ["server", pytest.param("files", marks=pytest.mark.files)])
def test_erasing_beside_a_stopped_owner_of_the_index(
    path: Path, shared: Server, on: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commonplace.maintenance.erasing.WAIT", 0.5)
    index = shared.url if on == "server" else "chroma"
    with memory_on(path, index) as owner, memory_on(path, index) as other:
        fill(owner)
        owner.flush()
        process = worker_of(owner)
        kill(process, signal.SIGSTOP)
        try:
            receipt = other.erase(ERASED)
            assert "index" in receipt.pending
            # It may have been stopped while it read, and then the log cannot be emptied either.
            assert set(receipt.pending) <= {"index", "log"}
            assert other.get_many(["r5"])[0] is not None
            assert {hit.id for hit in other.search(vector=VECTORS[0], limit=COUNT)} == OTHERS
        finally:
            kill(process, signal.SIGCONT)
        until(lambda: not other.compact().pending and not other.receipts()[0].pending)
        owner.flush()
        if on == "server":
            assert shared.ids(owner) == OTHERS
            until(lambda: is_indexed(owner))
        assert owner.verify().ok


def test_erasing_with_a_stopped_index_process_of_ones_own(path: Path, shared: Server) -> None:
    with memory_on(path, shared.url) as memory:
        fill(memory)
        memory.flush()
        kill(worker_of(memory), signal.SIGSTOP)
        memory.erase(ERASED)
        until(lambda: memory.receipts()[0].complete)
        memory.flush()
        assert shared.ids(memory) == OTHERS
        assert memory.verify().ok
