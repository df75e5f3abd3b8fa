"""Runs a program in a child process, kills it at a chosen moment, and tells what it had said.

What a program says with `say` after a write returned is what must be there after the kill. The
moments that matter have names: `reached` lists those that a run came by. Your own code can have
some too, by `commonplace.failpoints.reach("agent.after_tool")`.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
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
_LOOK_EVERY = 0.05
_READ_AT_ONCE = 65_536
_TOO_LONG = "the program neither ended nor was killed in time"


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
    }
    moment = kill_at if isinstance(kill_at, Moment) else None
    with tempfile.TemporaryFile() as errors:
        child, pipe = _started(task, errors.fileno())
        try:
            lines = _heard(child, pipe, moment, time.monotonic() + timeout)
        finally:
            os.close(pipe)
            child.kill()
            child.wait()
        errors.seek(0)
        told = errors.read().decode(errors="replace")
    return Outcome(
        said=[value for kind, value in lines if kind == "said"],
        reached=[value for kind, value in lines if kind == "reached"],
        killed=child.returncode == -signal.SIGKILL,
        code=child.returncode,
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


def _started(task: dict[str, Any], errors: int) -> tuple[subprocess.Popen[bytes], int]:
    """The child process, and the pipe out of which comes what it sends."""
    reading, writing = os.pipe()
    try:
        child = subprocess.Popen(  # noqa: S603 - our own module, and what the caller named
            [sys.executable, "-m", "commonplace.testing.child", json.dumps(task), str(writing)],
            pass_fds=(writing,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    return child, reading


def _heard(
    child: subprocess.Popen[bytes], pipe: int, moment: Moment | None, deadline: float
) -> list[tuple[str, Any]]:
    """What the child sends until it ends; at the moment, if one is given, it is killed."""
    chance = None if moment is None else random.Random(moment.seed)  # noqa: S311 - not for secrets
    last = chance.randint(1, moment.said) if chance and moment else None
    heard = b""
    while True:
        ended = child.poll() is not None  # before the last look, so that nothing is missed
        while select.select([pipe], [], [], 0 if ended else _LOOK_EVERY)[0]:
            if not (part := os.read(pipe, _READ_AT_ONCE)):
                _await_end(child, deadline)
                return _lines(heard)
            heard += part
            if chance and moment and last is not None and heard.count(b'["said"') >= last:
                _until(time.perf_counter() + chance.random() * moment.within)
                child.kill()
                last = None
        if ended:  # and a process that it forked holds the pipe
            return _lines(heard)
        if time.monotonic() > deadline:
            raise TimeoutError(_TOO_LONG)


def _await_end(child: subprocess.Popen[bytes], deadline: float) -> None:
    try:
        child.wait(max(deadline - time.monotonic(), 0))
    except subprocess.TimeoutExpired:
        raise TimeoutError(_TOO_LONG) from None


def _lines(heard: bytes) -> list[tuple[str, Any]]:
    """What was sent whole."""
    return [tuple(json.loads(line)) for line in heard.split(b"\n")[:-1]]


def _until(moment: float) -> None:
    while time.perf_counter() < moment:  # finer than a timer, which matters here
        pass
