"""Moves a memory to another embedder, and dies at the moment it is told.

Arguments: the memory's directory; the name of a writing method of `SpaceChange`, or `-`; at which
call of it to die; after how many batches to wait for a kill. Prints after every batch how many
texts it has embedded.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from typing import Any

from tests.reindex.lives import Watched, rest

from commonplace import Memory
from commonplace.ledger.reindexing import SpaceChange
from commonplace.maintenance import reindex


def main() -> None:
    path, method, call, batches = sys.argv[1:]
    told = itertools.count(1)
    reindex._DROPPED_AT_ONCE = 20  # pyright: ignore[reportPrivateUsage] - so that it takes several
    if method != "-":
        die_in(method, int(call))
    embedder = Watched(before=rest)

    def progress(_done: int, _total: int) -> None:
        tell(embedder.texts)
        if next(told) == int(batches):
            sys.stdin.read()

    with Memory(path, index="exact") as memory:
        memory.reindex(embedder, batch=4, progress=progress)
    tell("done")


def die_in(method: str, last: int) -> None:
    """Make a method kill the process at one of its calls, in the middle of its transaction."""
    original = getattr(SpaceChange, method)
    calls = 0

    def deadly(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        answer = original(*args, **options)
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(SpaceChange, method, deadly)


def tell(line: object) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
