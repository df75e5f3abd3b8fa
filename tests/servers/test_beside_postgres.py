"""The ledger on PostgreSQL and the index on Chroma: hosts that share nothing but the servers."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from tests.pgserver import start, started
from tests.servers.conftest import (
    COUNT,
    LEASE,
    QUERY,
    VECTORS,
    as_hosts,
    fill,
    found,
    is_indexed,
    kill,
    memory_on,
    other_host,
    plan_of,
    run_out,
    truly_nearest,
    until,
    worker_of,
)

from commonplace import ChromaServer, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.pgserver import Postgres
    from tests.servers.conftest import Server

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

PASSWORD = "hush-hush"  # noqa: S105 - the server of these tests takes any


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    with postgres.emptied("beside_chroma") as given:
        yield given


def with_password(url: str) -> str:
    """The URL with a password, which a server that trusts its machine does not look at."""
    return url.replace(":@", f":{PASSWORD}@")


def test_a_process_that_shares_only_the_servers_takes_over(url: str, shared: Server) -> None:
    index = ChromaServer(shared.url)
    with (
        other_host(url, shared.url, LEASE) as (host, owner),
        as_hosts(LEASE),
        memory_on(url, index) as memory,
    ):
        until(lambda: is_indexed(memory))  # read by one that does not write it
        assert memory.stats().index == "elsewhere"
        assert found(memory) == truly_nearest()
        memory.add("from here", id="new", vector=QUERY)
        assert found(memory) == truly_nearest(more={"new": QUERY})
        until(lambda: shared.held(memory) == [COUNT + 1])
        kill(owner, signal.SIGKILL)
        host.kill()
        run_out(memory)
        memory.delete("r0")
        assert found(memory) == truly_nearest("r0", more={"new": QUERY})
        until(lambda: memory.stats().index == "ready" and shared.held(memory) == [COUNT])
        assert found(memory) == truly_nearest("r0", more={"new": QUERY})
        until(lambda: memory.verify().ok)


def test_a_password_is_in_no_list_of_processes_no_log_and_no_answer(
    url: str, shared: Server, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    given = with_password(url)
    assert PASSWORD in given
    with memory_on(given, shared.url) as memory:
        fill(memory)
        memory.flush()
        worker = worker_of(memory)
        command = Path(f"/proc/{worker}/cmdline").read_bytes()
        assert b"commonplace.index.worker" in command
        assert PASSWORD.encode() not in command
        assert PASSWORD.encode() not in Path(f"/proc/{worker}/environ").read_bytes()
        said = [repr(memory), repr(memory.stats()), repr(memory.verify()), plan_of(memory)[1]]
        said.append(repr(memory.search(vector=QUERY, explain=True)))
        kill(worker, signal.SIGKILL)
        memory.add("more", id="more", vector=-QUERY)
        until(lambda: is_indexed(memory))
        said.append(repr(memory.erase("more").to_dict()))
    with pytest.raises(StoreUnavailableError) as refused:
        memory_on(given.replace("host=", "port=1&host="), shared.url)
    said += [repr(refused.value), str(refused.value), caplog.text, *capfd.readouterr()]
    assert [text for text in said if PASSWORD in text] == []


def test_postgresql_that_is_started_again_is_followed_on(
    shared: Server,
) -> None:
    with started() as server, memory_on(server.get_uri(), shared.url) as memory:
        fill(memory, count=COUNT // 2)
        memory.flush()
        fill(memory, first=COUNT // 2, count=COUNT // 2)
        crash(server)  # while the index is about what was just written
        with pytest.raises(StoreUnavailableError):
            memory.count()
        start(server)
        written: list[str] = []

        def is_written() -> bool:
            with contextlib.suppress(StoreUnavailableError):
                written.append(memory.add("after", id="new", vector=QUERY).id)
            return bool(written)

        until(is_written)
        assert found(memory) == truly_nearest(more={"new": QUERY})
        until(lambda: is_indexed(memory) and shared.held(memory) == [COUNT + 1])
        assert found(memory) == truly_nearest(more={"new": QUERY})
        assert found_at(memory, "r7") == "r7"
        until(lambda: memory.verify().ok)


def found_at(memory: Any, name: str) -> str:
    """The record that is nearest to the vector of one."""
    return memory.search(vector=VECTORS[int(name[1:])])[0].id


def crash(server: Any) -> None:
    """Let every process of the server end at once, in the middle of what it does."""
    process = psutil.Process(server.get_pid())
    os.kill(process.pid, signal.SIGQUIT)
    process.wait(120)
