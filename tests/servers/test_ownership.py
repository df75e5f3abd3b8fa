"""One process writes the index, of all hosts; another takes over; who lost it writes no more."""

from __future__ import annotations

import contextlib
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from tests.servers.conftest import (
    COUNT,
    LEASE,
    QUERY,
    as_hosts,
    fill,
    found,
    is_indexed,
    kill,
    memory_on,
    other_host,
    run_out,
    truly_nearest,
    until,
    worker_of,
)

from commonplace import ChromaServer, IndexUnavailableError
from commonplace.index.begun import Begun
from commonplace.index.faults import OwnershipLostError
from commonplace.index.ownership import FileOwnership, LeaseOwnership
from commonplace.ledger import Ledger
from commonplace.testing import FakeClock

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.conftest import Gate, Server

    from commonplace import Memory

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def keep(ownership: LeaseOwnership | FileOwnership, text: str) -> None:
    with ownership.writing() as transaction:
        transaction.set_setting("test", text)


def kept(ledger: Ledger) -> str | None:
    with ledger.read() as snapshot:
        return snapshot.setting("test")


def is_at_rest(memory: Memory) -> bool:
    """Whether the owner of the index has followed the journal and says that it sends nothing."""
    with memory._store.ledger.read() as snapshot:  # pyright: ignore[reportPrivateUsage]
        begun = Begun.of(snapshot)
    return begun is not None and not begun.writing


def test_a_lease_has_one_holder_and_who_lost_it_writes_nothing(place: Path | str) -> None:
    one, two = Ledger.open(place), Ledger.open(place)
    first = LeaseOwnership(one, "first", seconds=0.3)
    second = LeaseOwnership(two, "second", seconds=0.3)
    assert first.take()
    assert not second.take()
    keep(first, "by the first")
    until(second.take)  # the first says nothing more, as if it were stopped
    with pytest.raises(OwnershipLostError):
        keep(first, "too late")
    assert kept(two) == "by the first"
    assert not first.take()
    keep(second, "by the second")
    second.release()
    until(first.take)
    with pytest.raises(OwnershipLostError):
        keep(second, "too late")
    assert kept(one) == "by the second"
    one.close()
    two.close()


def test_a_lease_that_is_renewed_is_not_taken(
    place: Path | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    seconds = SimpleNamespace(monotonic=lambda: clock.now() / 1e6)
    monkeypatch.setattr("commonplace.index.ownership.time", seconds)
    one, two = Ledger.open(place), Ledger.open(place)
    first = LeaseOwnership(one, "first", seconds=3)
    second = LeaseOwnership(two, "second", seconds=3)
    assert first.take()
    for _ in range(100):
        clock.wait(0.5)
        first.renew()
        assert not second.take()
    clock.wait(3)
    assert second.take()
    one.close()
    two.close()


def test_of_many_that_want_a_lease_one_gets_it(place: Path | str) -> None:
    with contextlib.ExitStack() as opened, ThreadPoolExecutor(4) as pool:
        ledgers = [Ledger.open(place) for _ in range(4)]
        for ledger in ledgers:
            opened.callback(ledger.close)
        for turn in range(10):
            hosts = [LeaseOwnership(each, f"{turn} {n}", 60) for n, each in enumerate(ledgers)]
            took = list(pool.map(LeaseOwnership.take, hosts))
            assert took.count(True) == 1
            for host, is_holder in zip(hosts, took, strict=True):
                with contextlib.nullcontext() if is_holder else pytest.raises(OwnershipLostError):
                    keep(host, "mine")
            hosts[took.index(True)].release()


def test_the_next_process_of_the_same_memory_takes_its_lease_at_once(path: Path) -> None:
    ledger = Ledger.open(path)
    assert LeaseOwnership(ledger, "same", seconds=60).take()
    assert LeaseOwnership(ledger, "same", seconds=60).take()
    assert not LeaseOwnership(ledger, "other", seconds=60).take()
    ledger.close()


@pytest.mark.files
def test_a_lock_has_one_holder(path: Path, tmp_path: Path) -> None:
    ledger = Ledger.open(path)
    first = FileOwnership(ledger, tmp_path / "lock")
    second = FileOwnership(ledger, tmp_path / "lock")
    assert first.take()
    assert not second.take()
    first.release()
    until(second.take)
    ledger.close()


@pytest.mark.parametrize(
    "lease",
    [pytest.param(LEASE, id="lease"), pytest.param(0, id="lock", marks=pytest.mark.files)],
)
def test_another_process_takes_over_when_the_owner_dies(
    path: Path, shared: Server, lease: int
) -> None:
    owning = as_hosts(lease) if lease else contextlib.nullcontext()
    index = ChromaServer(shared.url)
    with (
        other_host(path, shared.url, lease) as (host, owner),
        owning,
        memory_on(path, index) as memory,
    ):
        until(lambda: is_indexed(memory))  # read by one that does not write it
        assert memory.stats().index == "elsewhere"
        assert found(memory) == truly_nearest()
        collection = shared.collection(memory)
        memory.add("from the other host", id="new", vector=QUERY)
        assert found(memory) == truly_nearest(more={"new": QUERY})
        until(lambda: shared.held(memory) == [COUNT + 1] and is_at_rest(memory))
        kill(owner, signal.SIGKILL)
        host.kill()
        if lease:
            run_out(memory)
        memory.delete("r0")
        assert found(memory) == truly_nearest("r0", more={"new": QUERY})
        until(lambda: shared.held(memory) == [COUNT])
        assert memory.stats().index == "ready"
        assert shared.collection(memory) == collection  # nothing was under way
        assert found(memory) == truly_nearest("r0", more={"new": QUERY})
        until(lambda: memory.verify().ok)


def test_what_a_stopped_owner_had_sent_is_of_no_effect(
    place: Path | str, gate: Gate, shared: Server
) -> None:
    """Its request arrives after another took over, erased the record and built the index anew."""
    sent, let_go = threading.Event(), threading.Event()

    def hold_the_first(at: str) -> None:
        if at.endswith("/upsert") and "armed" in armed and not sent.is_set():
            sent.set()
            let_go.wait()

    armed: list[str] = []
    gate.waits = hold_the_first
    index = ChromaServer(gate.url, timeout=600)
    with as_hosts(LEASE), memory_on(place, index) as first:
        fill(first)
        first.flush()
        armed.append("armed")
        first.add("secret", id="secret", vector=QUERY)
        until(sent.is_set)
        owner = worker_of(first)
        kill(owner, signal.SIGSTOP)
        try:
            run_out(first)
            with memory_on(place, index) as second:
                assert found(second) == truly_nearest(more={"secret": QUERY})
                second.add("x", id="x", vector=-QUERY)  # something to follow
                second.erase("secret")
                until(lambda: not second.receipts()[0].pending)
                until(lambda: shared.held(second) == [COUNT + 1])
                let_go.set()
                kill(owner, signal.SIGCONT)
                until(lambda: first.stats().index == "elsewhere")
                assert second.stats().index == "ready"
                assert shared.ids(second) == {f"r{n}" for n in range(COUNT)} | {"x"}
                for memory in (first, second):
                    until(lambda memory=memory: is_indexed(memory))
                    assert found(memory) == truly_nearest(more={"x": -QUERY})
                until(lambda: second.verify().ok)
        finally:
            let_go.set()
            kill(owner, signal.SIGCONT)


@pytest.mark.parametrize(
    "lease",
    [pytest.param(LEASE, id="lease"), pytest.param(0, id="lock", marks=pytest.mark.files)],
)
def test_flush_waits_for_whichever_process_has_the_index(
    path: Path, shared: Server, lease: int
) -> None:
    owning = as_hosts(lease) if lease else contextlib.nullcontext()
    with (
        other_host(path, shared.url, lease) as (host, owner),
        owning,
        memory_on(path, shared.url) as memory,
    ):

        def end_the_owner() -> None:
            kill(owner, signal.SIGKILL)
            host.kill()
            if lease:
                run_out(memory)

        for number in range(5):
            memory.add("more", id=f"new{number}", vector=QUERY)
            memory.flush()
            assert shared.held(memory) == [COUNT + 1 + number]
            assert memory.stats().index == "elsewhere"
        kill(owner, signal.SIGSTOP)
        memory.add("more", id="last", vector=QUERY)
        ending = threading.Timer(0.5, end_the_owner)
        ending.start()
        memory.flush()  # which takes over where the other is gone
        assert shared.held(memory) == [COUNT + 6]
        ending.join()


@pytest.mark.files
def test_flush_gives_up_an_owner_that_does_nothing(
    path: Path, shared: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commonplace.index.index._OWNER_SECONDS", 1.0)
    with (
        other_host(path, shared.url, 0) as (_, owner),
        memory_on(path, shared.url) as memory,
    ):
        kill(owner, signal.SIGSTOP)
        memory.add("more", id="new", vector=QUERY)
        with pytest.raises(IndexUnavailableError, match="another process"):
            memory.flush()


def test_a_killed_process_leaves_no_lease_behind(
    path: Path, shared: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression: others waited for a lease to run out whose memory had been closed."""
    monkeypatch.setattr("commonplace.index.serving._CLOSE_SECONDS", 0.1)
    with as_hosts(LEASE):
        with memory_on(path, shared.url) as first:
            fill(first)
            first.flush()
            kill(worker_of(first), signal.SIGSTOP)
        with memory_on(path, shared.url) as second:
            second.add("more", id="new", vector=QUERY)
            second.flush()
            assert second.stats().index == "ready"
            assert shared.held(second) == [COUNT + 1]
