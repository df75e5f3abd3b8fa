"""Real Chroma servers, and a gate before one that looks at what it is sent and spoils answers."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.pgserver import place_of

from commonplace import ChromaServer, Memory, PrecomputedEmbedder
from commonplace.index import open_index
from commonplace.index.faults import ServerFaultError
from commonplace.index.ownership import LeaseOwnership
from commonplace.index.servers import target_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Generator, Iterator

    from numpy.typing import NDArray
    from tests.pgserver import Postgres

    from commonplace import ChromaCloud
    from commonplace.index.served import ServedIndex

COUNT = 400
LIMIT = 300
DIMENSION = 16
PATIENCE = 120.0
LEASE = 120
"""A lease that no pause of its owner outlasts; `run_out` ends it."""
VECTORS = np.random.default_rng(8).standard_normal((COUNT, DIMENSION)).astype(np.float32)
QUERY = np.random.default_rng(9).standard_normal(DIMENSION).astype(np.float32)
_HOST = Path(__file__).parent / "programs" / "host.py"
_PROGRAM = "import sys, chromadb_rust_bindings as chroma; chroma.cli(['chroma', *sys.argv[1:]])"


def free_port() -> int:
    """A port that is free and stays so until a server has it.

    Systems give those above 32,768 to whoever connects somewhere. Of those below, each process of
    tests begins elsewhere.
    """
    while True:
        port = 10_000 + next(_PORTS) % 20_000
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


_PORTS = itertools.count(os.getpid() * 101)


class Server:
    """A `chroma run` on a port of its own, which can be stopped, killed and started again."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self.directory = directory

    def start(self) -> None:
        """Start it and wait until it answers, and not another that has its port."""
        arguments = ["run", "--path", str(self.directory), "--port", str(self.port)]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, *arguments, "--host", "127.0.0.1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(lambda: self.answers() or not self.is_running())
        assert self.is_running(), "it ended by itself"

    def is_running(self) -> bool:
        """Whether its process has not ended."""
        return self._process is not None and self._process.poll() is None

    def answers(self) -> bool:
        """Whether it does."""
        with contextlib.suppress(OSError):
            self.asked("GET", "/api/v2/heartbeat")
            return True
        return False

    def end(self, how: int = signal.SIGTERM) -> None:
        """End it and wait until it is gone."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(120)
            self._process = None

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def asked(self, method: str, path: str, body: Any = None) -> Any:
        """What its own API says."""
        request = urllib.request.Request(  # noqa: S310 - the server of this test
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
            return json.load(answer)

    def collections(
        self, tenant: str = "default_tenant", database: str = "default_database"
    ) -> dict[str, str]:
        """The ids of the collections, by name."""
        whole = f"/api/v2/tenants/{tenant}/databases/{database}/collections"
        return {found["name"]: f"{whole}/{found['id']}" for found in self.asked("GET", whole)}

    def held(self, memory: Memory, **where: str) -> list[int]:
        """How many entries each collection of a memory has."""
        mine = f"commonplace-{memory._store.name_of_ledger}-"  # pyright: ignore[reportPrivateUsage]
        found = self.collections(**where).items()
        return [self.asked("GET", f"{at}/count") for name, at in found if name.startswith(mine)]

    def collection(self, memory: Memory) -> str:
        """Where the one collection of a memory is."""
        mine = f"commonplace-{memory._store.name_of_ledger}-"  # pyright: ignore[reportPrivateUsage]
        (at,) = [at for name, at in self.collections().items() if name.startswith(mine)]
        return at

    def ids(self, memory: Memory) -> set[str]:
        """The ids of all entries that it holds of a memory."""
        mine = f"commonplace-{memory._store.name_of_ledger}-"  # pyright: ignore[reportPrivateUsage]
        found = [at for name, at in self.collections().items() if name.startswith(mine)]
        return {one for at in found for one in self.asked("POST", f"{at}/get", {})["ids"]}


class Gate:
    """A reverse proxy before a server.

    Attributes:
        seen: every request: its method, path, headers and body.
        wants: headers that a request must have.
        spoils: changes the status and the body of an answer.
        waits: called before a request is passed on.
    """

    def __init__(self, server: Server, tls: ssl.SSLContext | None = None) -> None:
        self.seen: list[tuple[str, str, dict[str, str], Any]] = []
        self.wants: dict[str, str] = {}
        self.spoils: Callable[[str, int, bytes], tuple[int, bytes]] | None = None
        self.waits: Callable[[str], None] = lambda _: None
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
                pass

            def do_GET(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(size)
                status, content = gate.passed(self.command, self.path, dict(self.headers), body)
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)

            do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names that are looked for

        self._server = server
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        if tls is not None:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))
        self._thread.start()

    def passed(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, bytes]:
        """What is answered to a request."""
        self.seen.append((method, path, headers, json.loads(body) if body else None))
        lowered = {name.lower(): value for name, value in headers.items()}
        if any(lowered.get(name.lower()) != value for name, value in self.wants.items()):
            return 401, b'{"error": "Unauthorized", "message": "who are you"}'
        self.waits(path)
        connection = HTTPConnection("127.0.0.1", self._server.port, timeout=60)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            status, content = answer.status, answer.read()
        except OSError:
            return 503, b"{}"
        finally:
            connection.close()
        return (status, content) if self.spoils is None else self.spoils(path, status, content)

    def close(self) -> None:
        """Take no more requests."""
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@pytest.fixture(autouse=True)
def lower_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The index is asked from 300 records on, and waited for also on a busy machine."""
    monkeypatch.setattr("commonplace.index.index._ANSWER_SECONDS", PATIENCE)
    monkeypatch.setattr("commonplace.maintenance.erasing.WAIT", PATIENCE)
    monkeypatch.setattr("commonplace.search.candidates.EXACT_LIMIT", LIMIT)
    monkeypatch.setattr("commonplace.search.candidates.EXACT_LIMIT_FILTERED", LIMIT)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that no test ends or stops; starting one takes a while."""
    server = Server(tmp_path_factory.mktemp("shared") / "chroma")
    server.start()
    yield server
    server.end()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own."""
    running = Server(tmp_path / "chroma")
    running.start()
    yield running
    with contextlib.suppress(AssertionError):
        running.signal(signal.SIGCONT)
    running.end(signal.SIGKILL)


@pytest.fixture(params=[pytest.param("a directory", marks=pytest.mark.files), "PostgreSQL"])
def place(request: pytest.FixtureRequest, path: Path) -> Iterator[Path | str]:
    """Where the ledger is: all that two hosts share, beside the index's server."""
    if request.param == "a directory":
        yield path
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    with postgres.emptied("beside_chroma") as url:
        yield url


@pytest.fixture
def gate(shared: Server) -> Iterator[Gate]:
    """A gate before the shared server."""
    opened = Gate(shared)
    yield opened
    opened.close()


def memory_on(path: Path | str, index: str | ChromaServer | ChromaCloud) -> Memory:
    """A memory with its index there."""
    return Memory(path, embedder=PrecomputedEmbedder("t", DIMENSION), index=index)


@contextlib.contextmanager
def served(memory: Memory, index: str | ChromaServer | ChromaCloud) -> Generator[ServedIndex]:
    """The index of a memory as its index process serves it, here in the test's own process."""
    from commonplace.index.served import ServedIndex  # noqa: PLC0415 - Chroma takes 1.5 s to import

    ledger = memory._store.ledger  # pyright: ignore[reportPrivateUsage]
    target = target_of(index)
    assert target is not None
    opened = ServedIndex(ledger, target, LeaseOwnership(ledger, "the test", 60))
    try:
        yield opened
    finally:
        opened.close()


def follow(index: ServedIndex, most: int = COUNT) -> None:
    """Follow the journal to its end, past what is wrong with the server."""

    def is_done() -> bool:
        index.hurry()
        with contextlib.suppress(ServerFaultError):
            return not index.step(most)
        return False

    until(is_done)


def asked_of(index: ServedIndex, memory: Memory, count: int = 10) -> list[str] | str:
    """The ids of the records that are nearest to the query, or why the index gives none."""
    with memory._store.ledger.read() as snapshot:  # pyright: ignore[reportPrivateUsage]
        (space,) = snapshot.searchable_spaces().values()
    index.hurry()
    answer = index.nearest(space.id, QUERY, count, None)
    return answer.get("why") or answer["ids"]


@contextlib.contextmanager
def as_hosts(seconds: float) -> Generator[None]:
    """Memories opened here own their index by a lease, as on hosts that share the ledger alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("commonplace.index.serving.LEASE_SECONDS", seconds)
        patch.setattr(
            "commonplace.store.open_index",
            lambda ledger, _, choice: open_index(ledger, None, choice),  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
        )
        yield


def run_out(memory: Memory) -> None:
    """Let the time of the lease be over, as it is when its owner was gone for long."""
    with memory._store.ledger.write() as transaction:  # pyright: ignore[reportPrivateUsage]
        lease = json.loads(transaction.setting("index_lease") or "")
        transaction.set_setting("index_lease", json.dumps({**lease, "seconds": 0.1}))


@contextlib.contextmanager
def other_host(
    place: Path | str, index: str, lease: int
) -> Generator[tuple[subprocess.Popen[bytes], int]]:
    """A process that filled the memory, and the process that writes the index for it.

    It holds a lease of so many seconds, or a lock for 0.
    """
    host = subprocess.Popen(
        [sys.executable, "-c", _HOST.read_text(), place_of(place), index, str(lease)],
        cwd=_HOST.parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert host.stdout
    try:
        yield host, int(host.stdout.readline())
    finally:
        host.kill()
        host.communicate()


def fill(memory: Memory, first: int = 0, count: int = COUNT) -> None:
    memory.add_many(
        {"id": f"r{n}", "content": f"text {n}", "vector": VECTORS[n]}
        for n in range(first, first + count)
    )


def truly_nearest(
    *without: str, more: dict[str, NDArray[np.float32]] | None = None, count: int = 10
) -> list[str]:
    """The ids of the records that are nearest to the query, by brute force."""
    vectors = {f"r{n}": VECTORS[n] for n in range(COUNT)} | (more or {})
    cosine = {name: float(v @ QUERY / np.linalg.norm(v)) for name, v in vectors.items()}
    return sorted(set(cosine) - set(without), key=lambda name: -cosine[name])[:count]


def found(memory: Memory) -> list[str]:
    return [hit.id for hit in memory.search(vector=QUERY)]


def plan_of(memory: Memory) -> tuple[str, str]:
    """How a search was answered, and why so."""
    plan = memory.search(vector=QUERY, explain=True).plan
    assert plan is not None
    return plan.route, plan.reason


def is_indexed(memory: Memory) -> bool:
    return plan_of(memory)[0] == "index"


def until(look: Callable[[], object], seconds: float = 240) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not look():
        if time.monotonic() > deadline:
            pytest.fail("it did not come true")
        select.select([], [], [], 0.05)


def worker_of(memory: Memory) -> int:
    # The process is nobody's public business; the test must hit it.
    process = memory._store._index._process  # pyright: ignore[reportPrivateUsage]
    assert process is not None
    return process.pid


def kill(process: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)
