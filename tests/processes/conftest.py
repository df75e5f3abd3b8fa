"""Looks at the processes of this machine, and waits for their ends without sleeping."""

from __future__ import annotations

import os
import select
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    IndexProcesses = Callable[[Path], list[int]]
    AwaitEnd = Callable[[list[int]], None]


def _command(process: Path) -> list[str]:
    try:
        return process.joinpath("cmdline").read_text().split("\0")
    except OSError:  # it ended meanwhile
        return []


@pytest.fixture
def index_processes() -> IndexProcesses:
    """The index processes that serve a memory's directory now."""

    def found(path: Path) -> list[int]:
        running = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return [
            int(entry.name)
            for entry in running
            if {"commonplace.index.worker", str(path)} <= set(_command(entry))
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
