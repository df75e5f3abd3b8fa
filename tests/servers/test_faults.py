"""Whatever befalls the server: searches are exact, writes go on, and the index comes back alone."""

from __future__ import annotations

import shutil
import signal
from typing import TYPE_CHECKING

import pytest
from tests.servers.conftest import (
    COUNT,
    PATIENCE,
    QUERY,
    fill,
    found,
    is_indexed,
    memory_on,
    plan_of,
    truly_nearest,
    until,
)

from commonplace import ChromaServer, IndexUnavailableError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.conftest import Server

    from commonplace import Memory

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def indexed(memory: Memory) -> None:
    fill(memory)
    memory.flush()
    assert is_indexed(memory)
    assert found(memory) == truly_nearest()


def test_a_server_that_ends_and_comes_back_is_caught_up_with_unasked(
    place: Path | str, server: Server
) -> None:
    with memory_on(place, server.url) as memory:
        indexed(memory)
        server.end(signal.SIGKILL)
        memory.delete("r0")
        memory.add("written while it was down", id="new", vector=QUERY)
        assert found(memory) == truly_nearest("r0", more={"new": QUERY})
        route, reason = plan_of(memory)
        assert route == "exact"
        assert f"the Chroma server {server.url} cannot be reached" in reason
        with pytest.raises(IndexUnavailableError, match=f"{server.url} cannot be reached"):
            memory.flush()
        assert memory.stats().index == "unreachable"
        (problem,) = memory.verify().problems
        assert problem.startswith(f"index: the Chroma server {server.url} cannot be reached")
        server.start()
        until(lambda: is_indexed(memory))
        assert found(memory) == truly_nearest("r0", more={"new": QUERY})
        until(lambda: server.held(memory) == [COUNT])
        assert memory.verify().ok

        server.end(signal.SIGKILL)  # and once more, with its data gone
        shutil.rmtree(server.directory)
        memory.add("more", id="more", vector=-QUERY)
        assert plan_of(memory)[0] == "exact"
        server.start()
        until(lambda: server.held(memory) == [COUNT + 1] and is_indexed(memory))
        assert found(memory) == truly_nearest("r0", more={"new": QUERY, "more": -QUERY})
        assert memory.verify().ok


def test_a_server_that_is_stopped_holds_nobody_up(
    path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with memory_on(path, ChromaServer(server.url, timeout=6)) as memory:
        indexed(memory)
        monkeypatch.setattr("commonplace.index.index._ANSWER_SECONDS", 0.25)
        server.signal(signal.SIGSTOP)
        memory.add("written while it was stopped", id="new", vector=QUERY)
        for _ in range(20):
            assert found(memory) == truly_nearest(more={"new": QUERY})
        monkeypatch.setattr("commonplace.index.index._ANSWER_SECONDS", PATIENCE)
        until(lambda: "did not answer within 6 s" in plan_of(memory)[1])
        server.signal(signal.SIGCONT)
        until(lambda: is_indexed(memory))
        until(lambda: server.held(memory) == [COUNT + 1])
        assert found(memory) == truly_nearest(more={"new": QUERY})
        assert memory.verify().ok
