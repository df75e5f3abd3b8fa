"""Fills a memory for the damage tests; its process ends without closing it, or closes it.

Arguments: the memory's directory, how many records, the choice of index, `kill` or `close`.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from damaged import DIMENSION, vector

from commonplace import Memory, PrecomputedEmbedder


def main() -> None:
    path, count, index, end = sys.argv[1:]
    memory = Memory(path, embedder=PrecomputedEmbedder("damage", DIMENSION), index=index)
    records = [
        {
            "id": f"r{n}",
            "key": f"key r{n}",
            "content": f"word{n}x and text that goes on for a while, number {n}. " * 3,
            "scope": f"users/u{n % 5}",
            "metadata": {"n": n, "topic": "damage"},
            "vector": vector(n),
        }
        for n in range(int(count))
    ]
    half = len(records) // 2
    memory.add_many(records[:half])
    for record in records[half:]:
        memory.add(**record)
    if end == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    memory.flush()
    memory.close()


if __name__ == "__main__":
    main()
