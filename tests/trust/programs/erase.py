"""Erase a scope of a memory, and be killed at a named point.

Arguments: the memory's directory, the scope, the point.
"""

from __future__ import annotations

import os
import signal
import sys

from commonplace import Memory, PrecomputedEmbedder, failpoints


def main(path: str, scope: str, point: str) -> None:
    def die(reached: str) -> None:
        if reached == point:
            os.kill(os.getpid(), signal.SIGKILL)

    with Memory(path, embedder=PrecomputedEmbedder("t", 16), index="exact") as memory:
        failpoints.arm(die)
        memory.erase(scope=scope)


if __name__ == "__main__":
    main(*sys.argv[1:])
