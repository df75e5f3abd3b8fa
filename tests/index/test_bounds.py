"""Nothing that happens to the index process makes a caller wait long, fail or miss a record."""

from __future__ import annotations

import os
import select
import signal
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.index.conftest import PATIENCE, await_stop, stopped_process

from commonplace import (
    HashingEmbedder,
    IndexUnavailableError,
    Memory,
    PrecomputedEmbedder,
    failpoints,
)
from commonplace.index import index as index_module
from commonplace.index import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.index.conftest import Built

pytestmark = pytest.mark.files

QUERY = np.random.default_rng(11).standard_normal(32).astype(np.float32)


def process_of(memory: Memory) -> int:
    # The process is nobody's public business; the test must hit it.
    process = memory._store._index._process  # pyright: ignore[reportPrivateUsage]
    assert process is not None
    return process.pid


def route(memory: Memory) -> str:
    plan = memory.search(vector=QUERY, explain=True).plan
    assert plan is not None
    return plan.route


def await_end(process: int) -> None:
    """Wait until a process has ended: its pidfd becomes readable."""
    try:
        handle = os.pidfd_open(process)
    except ProcessLookupError:
        return
    try:
        assert select.select([handle], [], [], PATIENCE)[0], "the process lives on"
    finally:
        os.close(handle)


@pytest.fixture
def stopped(built: Built) -> Iterator[Memory]:
    """A memory whose index process was stopped while it served."""
    memory = built.open()
    memory.flush()
    assert route(memory) == "index"
    with stopped_process(process_of(memory)):
        yield memory
    memory.close()


def test_hundreds_of_searches_go_on_beside_a_stopped_index_process(
    stopped: Memory, built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression: the questions filled the pipe, and a search waited for ever to write its own."""
    expected = built.nearest(QUERY, 10)
    monkeypatch.setattr(index_module, "_ANSWER_SECONDS", 2.0)
    took: list[float] = []
    for _ in range(400):
        started = time.monotonic()
        assert [hit.id for hit in stopped.search(vector=QUERY)] == expected
        took.append(time.monotonic() - started)
    assert statistics.median(took) < 1  # it is not asked and waited for again and again
    os.kill(process_of(stopped), signal.SIGCONT)
    monkeypatch.setattr(index_module, "_ANSWER_SECONDS", PATIENCE)
    stopped.flush()
    assert route(stopped) == "index"


def test_flush_ends_an_index_process_that_does_not_answer_and_starts_another(
    stopped: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression: one that hung was asked for good, and every flush raised after two minutes."""
    monkeypatch.setattr(index_module, "_STEP_SECONDS", 10.0)
    stuck = process_of(stopped)
    stopped.flush()
    assert process_of(stopped) != stuck
    await_end(stuck)
    monkeypatch.setattr(index_module, "_ANSWER_SECONDS", PATIENCE)
    assert route(stopped) == "index"
    assert stopped.verify().ok


def test_flush_and_verify_give_up_where_no_index_process_answers(
    stopped: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "_STEP_SECONDS", 0.0)

    def stop(name: str) -> None:
        if name == "index.following":
            os.kill(process_of(stopped), signal.SIGSTOP)
            await_stop(process_of(stopped))

    monkeypatch.setattr(failpoints, "_armed", stop)
    with pytest.raises(IndexUnavailableError, match="nothing is lost"):
        stopped.flush()
    report = stopped.verify()
    assert [problem.split(":")[0] for problem in report.problems] == ["index"]
    assert stopped.count() == len(stopped.list(limit=100_000))


def test_searches_end_an_index_process_that_does_not_answer_for_long(
    stopped: Memory, built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression: as above; only `flush` would have noticed."""
    stuck = process_of(stopped)
    assert route(stopped) == "exact"
    monkeypatch.setattr(serving, "_STUCK_SECONDS", 0.0)
    expected = built.nearest(QUERY, 10)
    assert [hit.id for hit in stopped.search(vector=QUERY)] == expected
    await_end(stuck)
    monkeypatch.setattr(serving, "_STUCK_SECONDS", 120.0)
    monkeypatch.setattr(index_module, "_ANSWER_SECONDS", PATIENCE)
    stopped.flush()
    assert route(stopped) == "index"


def test_an_answer_that_came_late_does_not_leave_the_index_unused(built: Built) -> None:
    """Regression: the first answer of a slow process was taken for one to another question.

    It was dropped then, and the index "starting" for good.
    """
    with built.open() as memory:
        index = memory._store._index  # pyright: ignore[reportPrivateUsage]
        assert route(memory) == "exact"  # which starts the process
        answer = index._ask({"do": "say"}, timeout=120)  # pyright: ignore[reportPrivateUsage]
        assert answer is not None
        memory.flush()
        assert route(memory) == "index"
        assert memory.stats().index == "ready"


def test_closing_ends_a_stopped_index_process_in_bounded_time(
    stopped: Memory, monkeypatch: pytest.MonkeyPatch, built: Built
) -> None:
    monkeypatch.setattr(serving, "_CLOSE_SECONDS", 0.5)
    process = process_of(stopped)
    started = time.monotonic()
    stopped.close()
    assert time.monotonic() - started < 60
    await_end(process)
    monkeypatch.setattr(index_module, "_ANSWER_SECONDS", PATIENCE)
    with built.open() as memory:
        memory.flush()
        assert route(memory) == "index"
        assert memory.verify().ok


def test_an_index_process_that_cannot_be_started_is_done_without(path: Path) -> None:
    """Regression: `add` raised `IsADirectoryError` after it had written."""
    path.mkdir()
    (path / "index.lock").mkdir()
    with Memory(path, embedder=HashingEmbedder(16), index="chroma") as memory:
        record = memory.add("text")
        assert memory.search("text")[0].id == record.id
        with pytest.raises(IndexUnavailableError):
            memory.flush()
        assert [problem.split(":")[0] for problem in memory.verify().problems] == ["index"]


def test_what_is_no_directory_is_cleared_from_the_index_path(built: Built, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (built.path / "index").rename(elsewhere)
    kept = sorted(file.name for file in elsewhere.rglob("*"))
    (built.path / "index").symlink_to(elsewhere / "manifest.json")
    with built.open() as memory:
        memory.flush()
        assert route(memory) == "index"
        assert memory.verify().ok
    assert sorted(file.name for file in elsewhere.rglob("*")) == kept


@pytest.mark.parametrize(
    "line",
    [
        "chroma_server_http_port=none",
        pytest.param("chroma_api_impl=evil.Api", marks=pytest.mark.nightly),
        pytest.param("ANONYMIZED_TELEMETRY=True", marks=pytest.mark.nightly),
    ],
)
def test_the_working_directorys_env_file_is_not_read(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    """Regression: Chroma reads `.env` where it stands, on import; one bad line, and no index."""
    for place in (tmp_path, path):
        place.mkdir(exist_ok=True)
        (place / ".env").write_text(f"OPENAI_API_KEY=x\n{line}\n")
    monkeypatch.chdir(tmp_path)
    with Memory(path, embedder=HashingEmbedder(16), index="chroma") as memory:
        memory.add("text")
        memory.flush()
        assert memory.stats().index == "ready"
        assert memory.verify().ok


# Puts an empty index of Chroma's in place of the memory's, in a process of its own.
EMPTY = """
import json, pathlib, shutil, sys, chromadb
index = pathlib.Path(sys.argv[1])
manifest = json.loads((index / "manifest.json").read_text())
shutil.rmtree(index)
chromadb.PersistentClient(str(index))
(index / "manifest.json").write_text(json.dumps({**manifest, "digests": None}))
"""


def test_an_index_that_lost_what_it_had_followed_is_found_out_though_more_was_written(
    built: Built,
) -> None:
    """Regression: an index with a tail to follow was never compared with the ledger.

    So one whose beginning was killed at the wrong moment answered for good with the newest few.
    """
    script = [sys.executable, "-c", EMPTY, str(built.path / "index")]
    subprocess.run(script, check=True, timeout=120, capture_output=True)
    with built.open(index="exact") as memory:
        memory.add("newer", id="newer", vector=-QUERY)
        expected = [hit.id for hit in memory.search(vector=QUERY, limit=50)]
    with built.open() as memory:
        memory.flush()
        hits = memory.search(vector=QUERY, limit=50, explain=True)
        assert hits.plan is not None
        assert hits.plan.route == "index"
        assert len({hit.id for hit in hits} & set(expected)) >= 49
        assert memory.verify().ok


def test_a_small_tail_does_not_hide_what_an_index_lacks_before_it_is_compared(path: Path) -> None:
    embedder = PrecomputedEmbedder("t", 4)
    with Memory(path, embedder=embedder, index="chroma") as memory:
        memory.add("one", id="one", vector=[1, 0, 0, 0])
        memory.flush()
    script = [sys.executable, "-c", EMPTY, str(path / "index")]
    subprocess.run(script, check=True, timeout=120, capture_output=True)
    with Memory(path, embedder=embedder, index="chroma") as memory:
        memory.add("two", id="two", vector=[1, 1, 0, 0])
        assert [hit.id for hit in memory.search(vector=[1, 0, 0, 0])] == ["one", "two"]
        memory.flush()
        assert [hit.id for hit in memory.search(vector=[1, 0, 0, 0])] == ["one", "two"]
        assert memory.verify().ok
