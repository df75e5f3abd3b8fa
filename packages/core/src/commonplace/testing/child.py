"""The processes of `commonplace.testing.crash`.

The first one imports what is slow to import and waits. For each task it forks into a keeper, which
forks into the program that is to be killed, waits for its end and tells how it ended.

Argument: the number of the socket out of which the tasks come.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commonplace import Memory, failpoints
from commonplace.testing import crash

if TYPE_CHECKING:
    from collections.abc import Callable

_SLOW_TO_IMPORT = ("commonplace.ledger.migrate", Memory.__module__)
_AT_ONCE = 65_536
_MOST_FILES = 2


def main() -> None:
    """Fork for every task, until the socket is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with the process that began it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for keepers
    for name in _SLOW_TO_IMPORT:
        importlib.import_module(name)
    with socket.socket(fileno=int(sys.argv[1])) as tasks:
        tasks.set_inheritable(False)
        while (received := _received(tasks)) is not None:
            task, files = received
            keeper = os.fork()
            if keeper == 0:
                tasks.close()
                _keep(task, *files)
            for file in files:
                os.close(file)


def _received(tasks: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """The next task, its pipe and the file for its errors; None if there is none to come."""
    message = b""
    files: list[int] = []
    while not message.endswith(b"\n"):
        part, more, _, _ = socket.recv_fds(tasks, _AT_ONCE, _MOST_FILES)
        if not part:
            return None
        message += part
        files += more
    return json.loads(message), files


def _keep(task: dict[str, Any], pipe: int, errors: int) -> None:
    """Run a task in a process of its own, tell how it ended, and end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    crash.send_to(pipe)
    os.dup2(errors, 2)
    program = os.fork()
    if program == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        crash.send("pid", os.getpid())  # before all that it says, or it could not be killed for it
        _run(task)
        sys.exit()  # as an interpreter of its own: with all that is done on the way out
    _, status = os.waitpid(program, 0)
    crash.send("ended", os.waitstatus_to_exitcode(status))
    os._exit(0)


def _run(task: dict[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(task["environment"])
    os.chdir(task["directory"])
    sys.path[:] = task["path"]
    failpoints.arm(killing_at(task["point"], task["nth"]))
    program: str = task["program"]
    if program.endswith(".py"):
        sys.argv = [program, *map(str, task["args"])]
        sys.path.insert(0, str(Path(program).parent))
        runpy.run_path(program, run_name="__main__")
    else:
        module, _, name = program.rpartition(":")
        getattr(importlib.import_module(module), name)(*task["args"])


def killing_at(point: str | None, nth: int) -> Callable[[str], None]:
    """Notes every point that is reached, and kills this process at the n-th time at one."""
    times = 0

    def reached(name: str) -> None:
        nonlocal times
        crash.send("reached", name)
        if point in {name, crash.ANY}:
            times += 1
            if times == nth:
                os.kill(os.getpid(), signal.SIGKILL)

    return reached


if __name__ == "__main__":
    main()
