"""Fills a memory for the damage tests; its process ends without closing it, or closes it.

Arguments: the memory's directory, how many records, the choice of index, and how it ends: `kill`,
`close`, or `exit`, which leaves the memory open.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from damaged import DIMENSION, vector

from commonplace import Memory, PrecomputedEmbedder


def main() -> None:
    path, count, index, end = sys.argv[1:]
    memory = Memory(path, embedder=PrecomputedEmbedder("damage", DIMENSION), index=index)
    records: list[dict[str, Any]] = [
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
    single = max(len(records) // 2, len(records) - 200)
    for start in range(0, single, 500):
        memory.add_many(records[start : min(start + 500, single)])
    for record in records[single:]:
        memory.add(**record)
    if end == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if end == "close":
        memory.flush()
        memory.close()


if __name__ == "__main__":
    main()
