"""Looks at the processes of this machine, and waits for their ends without sleeping."""

from __future__ import annotations

import os
import select
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.pgserver import place_of

from commonplace import Memory

if TYPE_CHECKING:
    from collections.abc import Callable

    IndexProcesses = Callable[[Path], list[int]]
    AwaitEnd = Callable[[list[int]], None]


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
                assert select.select([handle], [], [], 60)[0], f"process {process} lives on"
            finally:
                os.close(handle)

    return wait
