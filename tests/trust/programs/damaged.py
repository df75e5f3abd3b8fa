"""Opens damaged memories, asks everything, and says what came of each, one line a memory.

Arguments: a file with the truth, the choice of index, then directories. A verdict is `healthy`,
`repaired`, `error NAME`, `told` (an answer was wrong, and `verify` says that something is), or
`silent` (an answer was wrong, and nothing says so).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from commonplace import CommonplaceError, Memory, PrecomputedEmbedder

DIMENSION = 16
SAMPLE = 25


def vector(number: int) -> Any:
    return np.random.default_rng(number).standard_normal(DIMENSION).astype(np.float32)


def wrong(memory: Memory, truth: dict[str, dict[str, Any]]) -> list[str]:
    """Which questions are answered wrongly."""
    found: list[str] = []
    listed = {record.id: record.to_dict() for record in memory.list(limit=100_000)}
    found += ["list"] * (listed != truth)
    found += ["count"] * (memory.count() != len(truth))
    for name, expected in truth.items():
        got = memory.get(name)
        found += ["get"] * (got is None or got.to_dict() != expected)
        by_key = memory.get(key=f"key {name}", scope=expected["scope"])
        found += ["key"] * (by_key is None or by_key.id != name)
    for number in range(0, len(truth), max(len(truth) // SAMPLE, 1)):
        dense = memory.search(vector=vector(number), limit=1)
        found += ["dense"] * ([hit.id for hit in dense] != [f"r{number}"])
        lexical = memory.search(f"word{number}x", mode="lexical", limit=1)
        found += ["lexical"] * ([hit.id for hit in lexical] != [f"r{number}"])
    return found


def verdict(path: str, truth: dict[str, dict[str, Any]], index: str) -> str:
    memory = None
    try:
        memory = Memory(path, embedder=PrecomputedEmbedder("damage", DIMENSION), index=index)
        first = wrong(memory, truth)
        memory.flush()
        report = memory.verify()
        if not first and report.ok:
            return "healthy"
        if report.ok:
            return f"silent {sorted(set(first))}"
        if memory.repair().ok and not wrong(memory, truth):
            return f"told {sorted(set(first))}" if first else "repaired"
        return f"told {sorted(set(first))} {report.problems}"
    except CommonplaceError as error:
        return f"error {type(error).__name__}"
    finally:
        if memory is not None:
            memory.close()


def main() -> None:
    file, index, *paths = sys.argv[1:]
    truth = json.loads(Path(file).read_text())
    for path in paths:
        sys.stdout.write(verdict(path, truth, index) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
