"""Handlers over kills, forks, other processes' writes, and the end of the interpreter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.events.conftest import SOON
from tests.pgserver import place_of

from commonplace import Event, HashingEmbedder, Memory

PROGRAMS = Path(__file__).parent / "programs"


def opened(path: Path) -> Memory:
    return Memory(path, embedder=HashingEmbedder(16), index="exact")


def handled_until_killed(path: Path, start: str, kill_after: int) -> list[int]:
    """What the program said it handled before it was killed, in whole lines.

    It handles at most fifty more, and waits there for the kill.
    """
    command = [sys.executable, str(PROGRAMS / "handle.py"), place_of(path), start]
    child = subprocess.Popen(
        [*command, str(kill_after + 50)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    lines = b"".join(child.stdout.readline() for _ in range(kill_after))
    child.kill()
    lines += child.stdout.read()  # and not `communicate`, which passes over what is buffered
    child.communicate()
    return [int(line) for line in lines.split(b"\n")[:-1]]


def test_over_kills_every_event_is_handled_at_least_once_and_in_order(path: Path) -> None:
    total, last = 1500, 0
    with opened(path) as memory:
        memory.add_many(f"text {n}" for n in range(total))
    for start, kill_after in (("0", 450), ("-", 1), ("-", 450)):
        handled = handled_until_killed(path, start, kill_after)
        assert handled == list(range(handled[0], handled[-1] + 1))
        # Nothing was passed over, and no more came again than one stretch between two keepings.
        assert last - 200 <= handled[0] <= last + 1
        last = handled[-1]
    done = subprocess.run(
        [sys.executable, str(PROGRAMS / "handle.py"), place_of(path), "-"],
        capture_output=True,
        text=True,
        check=True,
        timeout=SOON,
    )
    *rest, end = done.stdout.splitlines()
    assert end == "all"
    assert last - 200 <= int(rest[0]) <= last + 1
    assert list(map(int, rest)) == list(range(int(rest[0]), total + 1))


WRITER = """
import sys
from commonplace import HashingEmbedder, Memory
with Memory(sys.argv[1], embedder=HashingEmbedder(16), index="exact") as memory:
    for n in range(100):
        memory.add(f"text {n}", scope=sys.argv[2])
"""


def test_what_other_processes_write_is_told_in_the_order_of_commits(path: Path) -> None:
    told: list[Event] = []
    with opened(path) as memory:
        subscription = memory.on("*", told.append)
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITER, place_of(path), f"w/{n}"])
            for n in range(2)
        ]
        assert [writer.wait(SOON) for writer in writers] == [0, 0]
        memory.add("and one of ours")
        assert subscription.wait(timeout=SOON)
        assert told == memory.events()
        assert len(told) == 201
        assert [event.seq for event in told] == sorted(event.seq for event in told)


def test_what_another_process_writes_is_told_without_being_asked(path: Path) -> None:
    with opened(path) as memory:
        subscription = memory.on("*", print)
        subprocess.run(
            [sys.executable, "-c", WRITER, place_of(path), "w"], check=True, timeout=SOON
        )
        assert subscription.wait(seq=100, timeout=SOON)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_forked_child_delivers_nothing(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAMS / "fork.py"), place_of(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=SOON,
    )
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    assert [line for line in told if line.startswith("parent")] == [
        f"parent handled {n}" for n in (1, 2, 3, 4)
    ]
    assert [line for line in told if line.startswith("child")] == ["child fails"]
    assert "failed" not in done.stderr


EXIT = """
import asyncio, atexit, sys, threading
from commonplace import HashingEmbedder, Memory
import commonplace.events.dispatcher as dispatcher

# One that ends by itself is waited for on a busy machine too, one that cannot is not.
dispatcher.CLOSE_SECONDS = 60 if sys.argv[2] == "idle" else 0.2
begun, exiting = threading.Event(), threading.Event()

def idle(event):
    begun.set()

def stuck(event):
    begun.set()
    threading.Event().wait()

async def needy(event):
    begun.set()
    exiting.wait()
    await asyncio.to_thread(print)

memory = Memory(sys.argv[1], embedder=HashingEmbedder(16), index="exact")
atexit.register(exiting.set)
memory.on("*", globals()[sys.argv[2]], name="left")
memory.add("x")
begun.wait()
"""


@pytest.mark.parametrize(("handler", "again"), [("idle", []), ("stuck", [1]), ("needy", [1])])
def test_an_interpreter_that_ends_ends_quietly_and_passes_over_nothing(
    path: Path, handler: str, again: list[int]
) -> None:
    """`needy` asks for a thread, which an interpreter that ends refuses: no fault of the event."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", EXIT, place_of(path), handler],
        capture_output=True,
        text=True,
        check=False,
        timeout=SOON,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    told: list[Event] = []
    with opened(path) as memory:
        assert memory.on("*", told.append, name="left").wait(timeout=SOON)
    assert [event.seq for event in told] == again
