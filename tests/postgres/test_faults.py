"""A server that fails under its memories: nothing acknowledged is lost, nothing is there twice."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from tests.pgserver import start, started

from commonplace import HashingEmbedder, Memory, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from tests.pgserver import Postgres

FORK = Path(__file__).parents[1] / "events" / "programs" / "fork.py"
WRITERS = 3
EACH = 30


@pytest.fixture
def server() -> Iterator[Any]:
    """A server of the test's own, which it may kill."""
    with started() as own:
        yield own


def opened(url: str) -> Memory:
    return Memory(url, embedder=HashingEmbedder(16))


def crash(server: Any) -> None:
    """Let every process of the server end at once, in the middle of what it does."""
    pid: int = server.get_pid()
    process = psutil.Process(pid)
    os.kill(pid, signal.SIGQUIT)
    process.wait(120)


def test_a_restart_under_writers_loses_nothing(server: Any) -> None:
    acknowledged: set[str] = set()
    enough = threading.Event()

    def write(memory: Memory, which: int) -> None:
        for number in itertools.takewhile(lambda _: not enough.is_set(), itertools.count()):
            key = f"{which}-{number}"
            while key not in acknowledged:  # the key makes it safe to do again
                with contextlib.suppress(StoreUnavailableError):
                    memory.add(f"text {key}", key=key, scope=f"s{which}")
                    acknowledged.add(key)

    def wait_for_more(writing: list[Future[None]]) -> None:
        wanted = len(acknowledged) + EACH
        while len(acknowledged) < wanted and not any(one.done() for one in writing):
            time.sleep(0.01)

    with opened(server.get_uri()) as memory, ThreadPoolExecutor(WRITERS) as pool:
        writing = [pool.submit(write, memory, which) for which in range(WRITERS)]
        wait_for_more(writing)
        crash(server)
        time.sleep(0.3)
        start(server)
        wait_for_more(writing)
        enough.set()
        for one in writing:
            one.result(120)
        kept = [record.key for record in memory.list(limit=100_000)]
        assert sorted(filter(None, kept)) == sorted(acknowledged)
        assert len(acknowledged) >= 2 * EACH
        assert memory.verify().problems == ()
        events = [event.seq for event in memory.events(limit=100_000)]
        assert events == list(range(1, len(events) + 1))


def test_a_call_waits_for_a_server_that_starts(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commonplace.ledger.postgres_database._CONNECT_AGAIN_SECONDS", 120)
    with opened(server.get_uri()) as memory:
        made = memory.add("there")
        crash(server)
        starting = threading.Timer(0.5, start, [server])
        starting.start()
        with contextlib.suppress(StoreUnavailableError):  # the connection that it had
            memory.count()
        assert memory.get(made.id) == made
        starting.join()


def test_handlers_hear_of_what_was_written_while_the_server_was_gone(server: Any) -> None:
    heard: list[str] = []
    enough = threading.Event()

    def note(event: Any) -> None:
        heard.append(event.record_id)
        if len(heard) == 2:
            enough.set()

    with opened(server.get_uri()) as memory, memory.on("add", note):
        first = memory.add("before")
        crash(server)
        start(server)
        with opened(server.get_uri()) as other:
            second = other.add("after")
        assert enough.wait(120)
        assert heard == [first.id, second.id]


def test_a_statement_that_takes_too_long_is_given_up(postgres: Postgres) -> None:
    url = postgres.fresh()
    with opened(url) as memory:
        memory.add("kept")
    with opened(f"{url}&timeout=6") as memory:
        blocked = f'BEGIN; LOCK TABLE "{url.rpartition("=")[2]}".records'
        postgres.run(blocked)
        try:
            with pytest.raises(StoreUnavailableError, match="too long"):
                memory.count(filter={"n": 1})
        finally:
            postgres.run("ROLLBACK")
        assert memory.count() == 1


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match=tmp_path.name):
        opened(f"postgresql:///db?host={tmp_path}")


def test_a_server_that_hangs_is_given_up(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its machine acknowledges what it is sent, so no keepalive notices."""
    monkeypatch.setattr("commonplace.ledger.postgres_wire.SPARE_SECONDS", 1.0)
    url = f"{postgres.fresh()}&timeout=1&application_name=hung&pool_size=1"
    with Memory(url, embedder=HashingEmbedder(16), index="exact") as memory:
        memory.add("kept")
        ((pid,),) = postgres.run("SELECT pid FROM pg_stat_activity WHERE application_name = 'hung'")
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(StoreUnavailableError, match="gone"):
                memory.count()
        finally:
            os.kill(pid, signal.SIGCONT)
        assert memory.count() == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_child_that_a_handler_forked_uses_none_of_its_parents_connections(
    postgres: Postgres,
) -> None:
    """Regression: it kept its parent's position, and took the answer that the parent waited for."""
    done = subprocess.run(
        [sys.executable, str(FORK), postgres.fresh()],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stdout.splitlines() if line.startswith("parent")]
    assert told == [f"parent handled {n}" for n in (1, 2, 3, 4)]
