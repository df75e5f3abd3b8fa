"""Several processes on one directory, and processes that die."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.pgserver import index_at, place_of
from tests.processes.conftest import held

from commonplace import (
    ClosedStoreError,
    DataDamagedError,
    ForkedStoreError,
    FormatError,
    FormatTooNewError,
    HashingEmbedder,
    Memory,
    PermissionDeniedError,
)
from commonplace.ledger.schema import FORMAT

if TYPE_CHECKING:
    from tests.processes.conftest import AwaitEnd, LeftSince

# Writes batches of random size and acknowledges each on standard output once `add_many` returned.
WRITER = """
import random, sys
from commonplace import HashingEmbedder, Memory
path, name, seed = sys.argv[1:4]
chance = random.Random(int(seed))
with Memory(path, embedder=HashingEmbedder(16)) as memory:
    print("ready", flush=True)
    batch = 0
    while batch < int(sys.argv[4]):
        size = chance.randint(1, 50)
        ids = [f"{name}-{batch}-{n}" for n in range(size)]
        memory.add_many({"id": i, "content": f"text {i}", "scope": f"w/{name}"} for i in ids)
        print(batch, size, flush=True)
        batch += 1
"""


def _writer(path: Path, name: str, seed: int, batches: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, place_of(path), name, str(seed), str(batches)],
        stdout=subprocess.PIPE,
        text=True,
    )


def _acknowledged(lines: list[str], name: str) -> set[str]:
    batches = [tuple(map(int, line.split())) for line in lines if line[0].isdigit()]
    return {f"{name}-{batch}-{n}" for batch, size in batches for n in range(size)}


def _opened(path: Path) -> Memory:
    return Memory(path, embedder=HashingEmbedder(16))


@pytest.mark.parametrize("writers", [2, 4])
def test_every_process_finds_what_every_process_wrote(path: Path, writers: int) -> None:
    with _opened(path) as memory:
        children = [_writer(path, f"p{n}", n, 15) for n in range(writers)]
        expected: set[str] = set()
        for number, child in enumerate(children):
            output, _ = child.communicate(timeout=240)
            assert child.returncode == 0
            expected |= _acknowledged(output.splitlines(), f"p{number}")
        assert {record.id for record in memory.list(limit=100_000)} == expected
        assert memory.count() == len(expected)
        some = random.Random(0).sample(sorted(expected), 20)
        for record_id in some:
            assert record_id in {hit.id for hit in memory.search(f"text {record_id}")}
        assert memory.verify().ok


def _kill_once(path: Path, seed: int) -> int:
    child = _writer(path, f"k{seed}", seed, 10_000)
    assert child.stdout is not None
    lines: list[str] = []
    last = random.Random(seed).randint(1, 25)
    for line in child.stdout:
        lines.append(line)
        if len(lines) > last:
            break
    child.send_signal(signal.SIGKILL)
    lines += child.communicate()[0].splitlines(keepends=True)
    acknowledged = _acknowledged([line for line in lines if line.endswith("\n")], f"k{seed}")
    with _opened(path) as memory:
        held = {record.id: record for record in memory.list(scope=f"w/k{seed}", limit=100_000)}
        assert acknowledged <= set(held)
        _check_whole_batches(set(held) - acknowledged, seed)
        assert all(record.content == f"text {name}" for name, record in held.items())
        assert memory.verify().ok
    return len(acknowledged)


def _check_whole_batches(unacknowledged: set[str], seed: int) -> None:
    """At most one batch was under way, and it is there from its first record to its last."""
    numbers = {int(name.split("-")[1]) for name in unacknowledged}
    assert len(numbers) <= 1
    for batch in numbers:
        chance = random.Random(seed)
        size = [chance.randint(1, 50) for _ in range(batch + 1)][-1]
        assert unacknowledged == {f"k{seed}-{batch}-{n}" for n in range(size)}


def test_nothing_acknowledged_is_lost_to_a_kill(path: Path) -> None:
    assert sum(_kill_once(path, seed) for seed in range(10)) > 100


@pytest.mark.nightly
def test_nothing_acknowledged_is_lost_to_two_hundred_kills(path: Path) -> None:
    for seed in range(200):
        _kill_once(path, seed)


def test_threads_lose_nothing(path: Path) -> None:
    errors: list[BaseException] = []
    with _opened(path) as memory:

        def work(number: int) -> None:
            try:
                for n in range(25):
                    record = memory.add(f"thread{number} item{n}", scope=f"t/{number}", key=str(n))
                    assert memory.get(record.id) == record
                    memory.update(record.id, metadata={"n": n})
                    assert memory.search(f"item{n}", scope=f"t/{number}", limit=1)
                    if n % 5 == 0:
                        assert memory.delete(record.id) == 1
            except Exception as error:  # noqa: BLE001 - reported below
                errors.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert memory.count() == 16 * 20
        assert all(record.version == 2 for record in memory.list(limit=1000))
        assert memory.verify().ok


def test_a_forked_child_is_refused_and_does_no_harm(memory: Memory) -> None:
    memory.add("before")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - in the child
        try:
            try:
                memory.count()
            except ForkedStoreError:
                memory.close()
                os.write(write, b"refused")
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answers:
        assert answers.read() == b"refused"
    os.waitpid(child, 0)
    assert memory.add("after").content == "after"
    assert memory.count() == 2


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_opening_and_closing_leaves_nothing_behind(path: Path, left_since: LeftSince) -> None:
    with _opened(path) as memory:
        memory.add("x")
    before = held()
    for _ in range(30):
        with _opened(path) as memory:
            assert memory.search("x")
    assert left_since(before) == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_killed_memory_takes_its_index_process_with_it(path: Path, await_end: AwaitEnd) -> None:
    script = """
import sys
from commonplace import HashingEmbedder, Memory
memory = Memory(sys.argv[1], embedder=HashingEmbedder(16), index=sys.argv[2])
memory.add("x")
memory.flush()
print(memory._store._index._process.pid, flush=True)
sys.stdin.read()
"""
    child = subprocess.Popen(
        [sys.executable, "-c", script, place_of(path), index_at(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    index_process = int(child.stdout.readline())
    child.kill()
    child.communicate()
    await_end([index_process])


def test_use_after_close_is_refused(memory: Memory) -> None:
    memory.close()
    memory.close()
    with pytest.raises(ClosedStoreError):
        memory.count()


@pytest.mark.files
def test_a_newer_or_foreign_ledger_is_refused(path: Path) -> None:
    with _opened(path) as memory:
        memory.add("x")
    _sql(path, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(FormatTooNewError, match=rf"9999.*{FORMAT}"):
        _opened(path)
    foreign = path.parent / "foreign"
    foreign.mkdir()
    _sql(foreign, "CREATE TABLE theirs (x)")
    with pytest.raises(FormatError):
        _opened(foreign)
    garbage = path.parent / "garbage"
    garbage.mkdir()
    (garbage / "ledger.sqlite").write_bytes(b"not a database" * 1000)
    with pytest.raises(DataDamagedError):
        _opened(garbage)


def _sql(path: Path, statement: str) -> None:
    script = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()"
    )
    subprocess.run([sys.executable, "-c", script, path / "ledger.sqlite", statement], check=True)


def modes_below(path: Path) -> dict[Path, int]:
    """The rights of a directory and of all that is in it, but for what goes in the meantime."""
    modes = {path: path.stat().st_mode}
    for place, folders, files in os.walk(path):
        for file in (Path(place, name) for name in [*folders, *files]):
            with contextlib.suppress(FileNotFoundError):  # a journal of a database
                modes[file] = file.stat().st_mode
    return modes


@pytest.mark.files
def test_files_are_private_whatever_the_umask(path: Path) -> None:
    former = os.umask(0)
    try:
        with Memory(path, embedder=HashingEmbedder(16), index="chroma") as memory:
            memory.add("x")
            memory.flush()
            modes = modes_below(path)
    finally:
        os.umask(former)
    assert len(modes) > 5
    for file, mode in modes.items():
        assert mode & 0o777 == (0o700 if stat.S_ISDIR(mode) else 0o600), file


@pytest.mark.files
def test_places_that_cannot_hold_a_memory_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    for place in (file, file / "below"):
        with pytest.raises(PermissionDeniedError, match=str(file)):
            _opened(place)
    link = tmp_path / "linked"
    link.mkdir()
    (link / "ledger.sqlite").symlink_to(file)
    with pytest.raises(PermissionDeniedError):
        _opened(link)
    assert file.read_text() == "x"


AS_NOBODY = """
import os, sys
from commonplace import CommonplaceError, HashingEmbedder, Memory
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    with Memory(sys.argv[1], embedder=HashingEmbedder(16)) as memory:
        memory.add("x")
except CommonplaceError as error:
    print(type(error).__name__)
"""


@pytest.mark.files
def test_missing_rights_are_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    readable = tmp_path / "readable"
    with _opened(readable) as memory:
        memory.add("x")
    for directory, mode in ((closed, 0o500), (readable, 0o500)):
        directory.chmod(mode)
    tmp_path.chmod(0o755)
    for place in (closed, closed / "below", readable):
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, str(place)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.strip() == "PermissionDeniedError", done
    assert list(closed.iterdir()) == []


FULL = """
import json, resource, signal, sys
from commonplace import HashingEmbedder, Memory, StorageFullError, StoreUnavailableError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
memory = Memory(sys.argv[1], embedder=HashingEmbedder(16), index="exact")
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
written, error = [], None
try:
    for n in range(10_000):
        written.append(memory.add("x" * 2000, id=str(n)).id)
except StoreUnavailableError as failure:
    error = type(failure).__name__
found = memory.count()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
memory.add("after", id="after")
told = {"written": len(written), "error": error, "found": found, "ok": memory.verify().ok}
print(json.dumps(told))
memory.close()
"""


@pytest.mark.files
@pytest.mark.parametrize("limit", [300_000, 1_000_000, 3_000_000])
def test_a_full_disk_is_said_and_survived(path: Path, limit: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path), str(limit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["error"] in {"StorageFullError", "StoreUnavailableError"}
    assert told["found"] == told["written"]
    assert told["ok"]
    with _opened(path) as memory:
        assert memory.count() == told["written"] + 1
