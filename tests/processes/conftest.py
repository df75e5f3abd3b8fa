"""Looks at the processes of this machine, and waits for their ends without sleeping."""

from __future__ import annotations

import gc
import os
import select
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.pgserver import place_of

from commonplace import Memory

if TYPE_CHECKING:
    from collections.abc import Callable

    IndexProcesses = Callable[[Path], list[int]]
    AwaitEnd = Callable[[list[int]], None]
    LeftSince = Callable[[Counter[str]], list[str]]

PATIENCE = 120


def _command(process: Path) -> list[str]:
    try:
        return process.joinpath("cmdline").read_text().split("\0")
    except OSError:  # it ended meanwhile
        return []


def _named(path: Path) -> str:
    """What the command lines of a memory's index processes tell of it."""
    if place_of(path) == str(path):
        return str(path)
    with Memory(path, index="exact") as memory:
        return memory._store._ledger.id  # pyright: ignore[reportPrivateUsage] - nothing else tells


@pytest.fixture
def index_processes() -> IndexProcesses:
    """The index processes that serve a memory now."""

    def found(path: Path) -> list[int]:
        name = _named(path)
        running = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return [
            int(entry.name)
            for entry in running
            if {"commonplace.index.worker", name} <= set(_command(entry))
        ]

    return found


@pytest.fixture
def await_end() -> AwaitEnd:
    """Wait until processes have ended: a pidfd becomes readable then."""

    def wait(processes: list[int]) -> None:
        for process in processes:
            try:
                handle = os.pidfd_open(process)
            except ProcessLookupError:
                continue
            try:
                assert select.select([handle], [], [], PATIENCE)[0], f"process {process} lives on"
            finally:
                os.close(handle)

    return wait


def held() -> Counter[str]:
    """What this process has: file descriptors by what they lead to, children and threads."""
    gc.collect()
    found = Counter(f"file {target}" for target in _files())
    for task in Path("/proc/self/task").iterdir():
        found.update(f"child {child}" for child in (task / "children").read_text().split())
    found.update(f"thread {thread.name} {thread.ident}" for thread in threading.enumerate())
    return found


def _files() -> list[str]:
    """What the file descriptors lead to; the numbers of pipes and the like left out."""
    targets: list[str] = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            targets.append(str(entry.readlink()).split(":[")[0])
        except FileNotFoundError:  # the descriptor of this very listing
            continue
    return targets


@pytest.fixture
def left_since() -> LeftSince:
    """What this process has more than it had, once that has had time to go.

    Less is no matter: what other tests of this process left may end at any moment.
    """

    def more(before: Counter[str]) -> list[str]:
        deadline = time.monotonic() + PATIENCE
        while (left := held() - before) and time.monotonic() < deadline:
            time.sleep(0.01)
        return sorted(left)

    return more
