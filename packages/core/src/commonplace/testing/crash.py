"""Runs a program in a child process, kills it at a chosen moment, and tells what it had said.

What a program says with `say` after a write returned is what must be there after the kill. The
moments that matter have names: `reached` lists those that a run came by. Your own code can have
some too, by `commonplace.failpoints.reach("agent.after_tool")`.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commonplace.arguments import checked_size
from commonplace.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable

ANY = "*"
"""Any point, for `kill_at`."""

_PIPE: list[int] = []
_SENDING = threading.Lock()
_READ_AT_ONCE = 65_536


@dataclass(frozen=True, slots=True)
class Moment:
    """A random moment, the same for the same seed as far as the machine allows.

    Attributes:
        seed: chooses the moment.
        said: it lies after the program said something from 1 to so many times,
        within: and then at most so many seconds later.
    """

    seed: int
    said: int = 20
    within: float = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a program.

    Attributes:
        said: what it said, in order; values of JSON.
        reached: the names of the points it came by, in order, the last one included.
        killed: whether it was killed by this run.
        code: its exit code; negative for the signal that ended it.
        errors: what it wrote to its standard error.
    """

    said: list[Any]
    reached: list[str]
    killed: bool
    code: int
    errors: str


def run(
    program: Path | Callable[..., object],
    *args: object,
    kill_at: str | Moment | None = None,
    nth: int = 1,
    timeout: float = 120.0,
) -> Outcome:
    """Run a program in a child process and kill it, as `kill -9` does, at a chosen moment.

    Args:
        program: the path of a script, or a function at the top of a module that can be imported.
        *args: texts, paths and numbers: `sys.argv[1:]` of a script, the arguments of a function.
            All but numbers arrive as text.
        kill_at: the name of a point, `"*"` for any; a random `Moment`; None lets it run to its end.
        nth: at which time it comes by the point.
        timeout: how many seconds it may take. It is killed then.

    Returns:
        What it said, and whether it was killed. It was not if it ended before that.

    Raises:
        InvalidInputError: the function cannot be imported by a child.
        TimeoutError: it neither ended nor was killed in time.
    """
    task = {
        "program": _named(program),
        "args": [arg if isinstance(arg, int | float) else str(arg) for arg in args],
        "point": kill_at if isinstance(kill_at, str) else None,
        "nth": checked_size(nth, "nth"),
        "path": [entry or str(Path.cwd()) for entry in sys.path],
        "directory": str(Path.cwd()),
        "environment": dict(os.environ),
    }
    moment = kill_at if isinstance(kill_at, Moment) else None
    with tempfile.TemporaryFile() as errors:
        pipe = _started(task, errors.fileno())
        try:
            heard = _heard(pipe, moment, time.monotonic() + timeout)
        finally:
            os.close(pipe)
        errors.seek(0)
        told = errors.read().decode(errors="replace")
    (code,) = heard["ended"]
    return Outcome(
        said=heard["said"],
        reached=heard["reached"],
        killed=code == -signal.SIGKILL,
        code=code,
        errors=told,
    )


def say(value: object) -> None:
    """Tell the process that runs this program something, such as that a write has returned.

    Outside of `run` it does nothing.

    Args:
        value: any value of JSON.
    """
    send("said", value)


def send(kind: str, value: object) -> None:
    """Tell the process that runs this program; what was sent is there even after a kill."""
    with _SENDING:
        for pipe in _PIPE:
            left = json.dumps([kind, value]).encode() + b"\n"
            while left:
                left = left[os.write(pipe, left) :]


def send_to(pipe: int) -> None:
    """Send into this pipe from now on; for the child process."""
    _PIPE[:] = [pipe]


def _named(program: Path | Callable[..., object]) -> str:
    """What the child is told to run: `module:function`, or the path of a script."""
    if isinstance(program, Path):
        return str(program.resolve())
    module, name = getattr(program, "__module__", "__main__"), getattr(program, "__qualname__", "")
    if module == "__main__" or getattr(sys.modules.get(module), name, None) is not program:
        raise InvalidInputError(
            "the child process imports the function: define it at the top of a module that can be "
            "imported, or write the program into a file and give its path"
        )
    return f"{module}:{name}"


class _Nursery:
    """A process that has imported what is slow to import, and forks into the children to be."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "commonplace.testing.child", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )

    def start(self, task: dict[str, Any], pipe: int, errors: int) -> None:
        """Begin a child that runs a task, says things into a pipe, and has its errors in a file."""
        message = json.dumps(task).encode() + b"\n"
        with self._turn:
            sent = socket.send_fds(self._socket, [message], [pipe, errors])
            self._socket.sendall(message[sent:])

    def close(self) -> None:
        """End the process; children under way are left alone."""
        self._socket.close()
        self._process.kill()
        self._process.wait()


@functools.cache
def _nursery(_process: int) -> _Nursery:
    """The one of this process; a forked child has its own."""
    nursery = _Nursery()
    atexit.register(nursery.close)
    return nursery


def _started(task: dict[str, Any], errors: int) -> int:
    """Begin a child process; the pipe out of which comes what it sends."""
    reading, writing = os.pipe()
    try:
        _nursery(os.getpid()).start(task, writing, errors)
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    return reading


def _heard(pipe: int, moment: Moment | None, deadline: float) -> dict[str, list[Any]]:
    """What the child sends until it ends; at the moment, if one is given, it is killed."""
    chance = None if moment is None else random.Random(moment.seed)  # noqa: S311 - not for secrets
    last = chance.randint(1, moment.said) if chance and moment else None
    heard: dict[str, list[Any]] = {"pid": [], "said": [], "reached": [], "ended": []}
    begun = b""
    while not heard["ended"]:
        begun += _next(pipe, heard["pid"], deadline)
        *lines, begun = begun.split(b"\n")
        for line in lines:
            kind, value = json.loads(line)
            heard[kind].append(value)
        if chance and moment and last is not None and len(heard["said"]) >= last:
            last = None
            if not heard["ended"]:
                _until(time.perf_counter() + chance.random() * moment.within)
                _kill(heard["pid"])
    return heard


def _next(pipe: int, pid: list[int], deadline: float) -> bytes:
    """The next part of what the child sends; past the deadline it is killed."""
    part = b""
    if select.select([pipe], [], [], max(deadline - time.monotonic(), 0))[0]:
        part = os.read(pipe, _READ_AT_ONCE)
    if not part:
        _kill(pid)
        raise TimeoutError("the program neither ended nor was killed in time")
    return part


def _kill(pid: list[int]) -> None:
    for one in pid:
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.kill(one, signal.SIGKILL)


def _until(moment: float) -> None:
    while time.perf_counter() < moment:  # finer than a timer, which matters here
        pass
