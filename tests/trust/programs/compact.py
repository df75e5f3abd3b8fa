"""Compact a memory and die at a named point, together with the process of its index.

Arguments: the memory's directory, the length of its vectors, the point.
"""

from __future__ import annotations

import os
import signal
import sys

from commonplace import Memory, PrecomputedEmbedder, failpoints


def main(path: str, dimension: str, point: str) -> None:
    embedder = PrecomputedEmbedder("test/index@1", int(dimension))
    memory = Memory(path, embedder=embedder, index="chroma")
    memory.flush()

    def die(reached: str) -> None:
        if reached == point:
            process = memory._store._index._process  # pyright: ignore[reportPrivateUsage] - it has no public name
            if process is not None:
                process.kill()
                process.wait()
            os.kill(os.getpid(), signal.SIGKILL)

    failpoints.arm(die)
    memory.compact()


if __name__ == "__main__":
    main(*sys.argv[1:])
