"""The index on a real Chroma server, started here, on this machine."""

from __future__ import annotations

import json
import select
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from commonplace import IndexUnavailableError, Memory, PrecomputedEmbedder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

COUNT = 600
QUERY = np.random.default_rng(9).standard_normal(16).astype(np.float32)


class Server:
    """A `chroma run` on a port of its own, which can be stopped and started again."""

    def __init__(self, directory: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._directory = directory
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        program = "from chromadb.cli.cli import app; app()"
        arguments = ["run", "--path", str(self._directory), "--port", str(self._port)]
        self._process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments, "--host", "127.0.0.1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.url}/api/v2/heartbeat", timeout=1):  # noqa: S310 - ours
                    return
            except OSError:
                select.select([], [], [], 0.1)
        pytest.fail("the Chroma server did not start")

    def stop(self) -> None:
        """Stop it and wait until it is gone."""
        self._process.terminate()
        self._process.wait(30)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path / "chroma")
    running.start()
    yield running
    running.stop()


def opened(path: Path, server: Server) -> Memory:
    return Memory(path, embedder=PrecomputedEmbedder("t", 16), index=server.url)


def filled(memory: Memory) -> None:
    vectors = np.random.default_rng(8).standard_normal((COUNT, 16))
    memory.add_many(
        {"id": f"r{n}", "content": f"text {n}", "vector": vectors[n]} for n in range(COUNT)
    )


def held(server: Server) -> list[int]:
    """How many entries each collection on the server has, by its own API."""
    whole = f"{server.url}/api/v2/tenants/default_tenant/databases/default_database/collections"
    names = [collection["id"] for collection in asked(whole)]
    return [asked(f"{whole}/{name}/count") for name in names]


def asked(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - the server of this test
        return json.load(answer)


def test_the_index_on_a_server_follows_and_catches_up(path: Path, server: Server) -> None:
    with opened(path, server) as memory:
        filled(memory)
        memory.flush()
        assert held(server) == [COUNT]
        assert memory.verify().ok
        expected = [hit.id for hit in memory.search(vector=QUERY)]
        server.stop()
        assert [hit.id for hit in memory.search(vector=QUERY)] == expected
        memory.delete("r0")
        memory.add("written while it was down", id="new", vector=QUERY)
        assert memory.search(vector=QUERY)[0].id == "new"
    server.start()
    with opened(path, server) as memory:
        memory.flush()
        assert held(server) == [COUNT]
        assert memory.verify().ok
        assert memory.search(vector=QUERY)[0].id == "new"


def test_two_memories_share_a_server_and_nothing_else(path: Path, server: Server) -> None:
    with opened(path, server) as one, opened(path.parent / "other", server) as two:
        filled(one)
        two.add("only", vector=QUERY)
        one.flush()
        two.flush()
        assert sorted(held(server)) == [1, COUNT]
        assert [hit.content for hit in two.search(vector=QUERY)] == ["only"]


def test_searches_by_a_server_that_forgot_everything_miss_nothing(
    path: Path, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commonplace.index.index.START_AT", 300)
    monkeypatch.setattr("commonplace.search.candidates.EXACT_LIMIT", 300)
    with opened(path, server) as memory:
        filled(memory)
        expected = [hit.id for hit in memory.search(vector=QUERY)]
        memory.flush()
        hits = memory.search(vector=QUERY, explain=True)
        assert hits.plan is not None
        assert (hits.plan.route, [hit.id for hit in hits]) == ("index", expected)
    server.stop()
    shutil.rmtree(tmp_path / "chroma")
    server.start()
    with opened(path, server) as memory:
        memory.add("newer", id="newer", vector=-QUERY)
        assert [hit.id for hit in memory.search(vector=QUERY)] == expected
        memory.flush()
        hits = memory.search(vector=QUERY, explain=True)
        assert hits.plan is not None
        assert (hits.plan.route, [hit.id for hit in hits]) == ("index", expected)
        assert held(server) == [COUNT + 1]
        assert memory.verify().ok


def test_a_server_that_is_down_is_a_problem_to_verify_and_to_nobody_else(
    path: Path, tmp_path: Path
) -> None:
    server = Server(tmp_path / "chroma")
    with opened(path, server) as memory:
        memory.add("text", id="a", vector=QUERY)
        assert [hit.id for hit in memory.search(vector=QUERY)] == ["a"]
        with pytest.raises(IndexUnavailableError):
            memory.flush()
        assert [problem.split(":")[0] for problem in memory.verify().problems] == ["index"]
    server.start()
    with opened(path, server) as memory:
        memory.flush()
        assert held(server) == [1]
        assert memory.verify().ok
    server.stop()
