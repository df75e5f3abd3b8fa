"""Four processes contend for one index while its owner is killed, stopped, or forgets to close."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.pgserver import index_at, place_of

from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.figures import Figures

PROGRAM = Path(__file__).parent / "programs" / "contend.py"
FAULTS = ("killed", "stopped", "index process stopped", "index process killed", "forgets", "closes")
AT_WORST = 240.0

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="waits for processes by pidfd")


class Process:
    """One process of `contend.py`."""

    def __init__(self, path: Path, name: str) -> None:
        self.child = subprocess.Popen(
            [sys.executable, str(PROGRAM), place_of(path), index_at(path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, command: str, given: object = None) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(json.dumps([command, given]) + "\n")
        self.child.stdin.flush()

    def answer(self) -> Any:
        assert self.child.stdout is not None
        assert select.select([self.child.stdout], [], [], AT_WORST)[0], "it hangs"
        return json.loads(self.child.stdout.readline())

    def end(self) -> None:
        self.child.kill()
        self.child.communicate()


class Group:
    """Four processes on one directory, and what they wrote."""

    def __init__(self, path: Path) -> None:
        Memory(path, embedder=HashingEmbedder(16)).close()
        self._path = path
        self._number = 0
        self.processes = [self._started() for _ in range(4)]
        self.ids: list[str] = []
        self.slowest = 0.0

    def _started(self) -> Process:
        self._number += 1
        return Process(self._path, f"p{self._number}")

    def all(self, command: str, given: object = None, *, but: Process | None = None) -> list[Any]:
        """What each answers, all at work at once."""
        asked = [one for one in self.processes if one is not but]
        begun = time.monotonic()
        for one in asked:
            one.ask(command, given)
        answers = [one.answer() for one in asked]
        self.slowest = max(self.slowest, time.monotonic() - begun)
        return answers

    def write(self, number: int, *, but: Process | None = None) -> None:
        for ids in self.all("write", number, but=but):
            self.ids += ids

    def check(self, *, but: Process | None = None) -> None:
        assert set(self.all("check", self.ids, but=but)) == {0}

    def owner(self) -> tuple[Process, int]:
        """Who owns the index, and its index process; there is exactly one in the end."""
        until = time.monotonic() + AT_WORST
        while True:
            states = self.all("index")
            owners = [
                (one, worker)
                for one, (state, worker) in zip(self.processes, states, strict=True)
                if state == "ready"
            ]
            assert len(owners) <= 1, states
            if owners:
                return owners[0]
            assert time.monotonic() < until, states

    def replace(self, process: Process) -> None:
        process.end()
        self.processes[self.processes.index(process)] = self._started()


def ended(process: int) -> Iterator[None]:
    """Waits, once it is gone on with, until a process has ended."""
    handle = os.pidfd_open(process)
    try:
        yield
        assert select.select([handle], [], [], AT_WORST)[0], "it lives on"
    finally:
        os.close(handle)


def fault(group: Group, kind: str, number: int) -> None:
    """Do something to the owner of the index; the others go on meanwhile."""
    owner, worker = group.owner()
    if kind == "killed":
        gone = ended(worker)
        next(gone)
        group.replace(owner)
        next(gone, None)
    elif kind == "stopped":
        owner.child.send_signal(signal.SIGSTOP)
        group.write(number, but=owner)
        group.check(but=owner)
        owner.child.send_signal(signal.SIGCONT)
    elif kind == "index process stopped":
        os.kill(worker, signal.SIGSTOP)
        group.write(number)
        group.check()
        os.kill(worker, signal.SIGCONT)
    elif kind == "index process killed":
        os.kill(worker, signal.SIGKILL)
    elif kind == "forgets":
        owner.ask("forget")
        owner.answer()
    else:
        owner.ask("close")
        owner.answer()
        group.replace(owner)


def contended(path: Path, kinds: list[str]) -> Group:
    """Go through faults; what all wrote is found by all after each."""
    group = Group(path)
    try:
        group.write(0)
        for number, kind in enumerate(kinds, 1):
            fault(group, kind, 2 * number)
            group.write(2 * number + 1)
            group.check()
        group.owner()
        assert group.all("close") == [None] * 4
    finally:
        for one in group.processes:
            one.child.send_signal(signal.SIGCONT)
            one.end()
    return group


def test_an_owner_that_is_killed_or_stopped_costs_nothing(path: Path, figures: Figures) -> None:
    group = contended(path, ["killed"])
    figures(19, processes=4, faults=1, writes=len(group.ids), owners_at_once=1, lost=0)


@pytest.mark.nightly
@pytest.mark.timeout(3_000)
def test_owners_come_and_go(path: Path, figures: Figures) -> None:
    group = contended(path, list(FAULTS))
    figures(
        19,
        processes=4,
        faults=len(FAULTS),
        writes=len(group.ids),
        owners_at_once=1,
        lost=0,
        slowest_round_seconds=round(group.slowest, 1),
    )
