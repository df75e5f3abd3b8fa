"""The child process of `commonplace.testing.crash`: runs a program that is to be killed.

Arguments: the task as JSON, and the number of the pipe to say things into.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commonplace import failpoints
from commonplace.testing import crash

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Run the program, with every point watched."""
    task: dict[str, Any] = json.loads(sys.argv[1])
    pipe = int(sys.argv[2])
    os.set_inheritable(pipe, False)
    crash.send_to(pipe)
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
