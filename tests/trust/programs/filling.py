"""Writes to a memory until the disk is full, reads it meanwhile, and goes on when there is space.

Arguments: a directory to make memories in, `limit` or `disk`, then fill points in bytes. With
`limit` files of this process can be no larger; with `disk` so much is left free on the directory's
file system. A line of JSON for each.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commonplace import CommonplaceError, HashingEmbedder, Memory, StoreUnavailableError
from commonplace.testing import faults

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

ENOUGH = 5_000


def opened(path: Path) -> Memory:
    return Memory(path, embedder=HashingEmbedder(16), index="exact", cache_bytes=0)


def write(memory: Memory, acknowledged: dict[str, str]) -> str | None:
    """Write one by one and in batches until it fails; the error's name."""
    try:
        while len(acknowledged) < ENOUGH:
            first = len(acknowledged)
            size = 1 if first % 3 else 7
            batch = {str(first + n): f"text {first + n} " + "x" * 1500 for n in range(size)}
            memory.add_many({"id": name, "content": text} for name, text in batch.items())
            acknowledged |= batch
    except StoreUnavailableError as error:
        return type(error).__name__
    return None


def read(memory: Memory, acknowledged: dict[str, str]) -> str:
    """Whether what is read is right."""
    try:
        found = {record.id: record.content for record in memory.list(limit=100_000)}
        right = found == acknowledged and memory.count() == len(acknowledged)
        hits = memory.search("text 3", mode="lexical", limit=1)
        right = right and all(hit.content == acknowledged[hit.id] for hit in hits)
    except CommonplaceError as error:
        return type(error).__name__
    return "right" if right else "wrong"


def at(home: Path, how: str, point: int) -> dict[str, Any]:
    path = home / f"memory{point}"
    acknowledged: dict[str, str] = {}
    memory = opened(path)
    with contextlib.ExitStack() as stack:
        full: AbstractContextManager[object] = (
            faults.file_size_limit(point) if how == "limit" else faults.fill_disk(home, leave=point)
        )
        stack.enter_context(full)
        error = write(memory, acknowledged)
        again = write(memory, acknowledged)
        while_full = read(memory, acknowledged)
    after = read(memory, acknowledged)
    works = memory.add("after", id="after").id == "after"
    acknowledged["after"] = "after"
    sound = memory.verify().ok
    memory.close()
    with opened(path) as memory:
        reopened = read(memory, acknowledged)
    shutil.rmtree(path)
    return {
        "acknowledged": len(acknowledged) - 1,
        "error": error,
        "again": again,
        "while_full": while_full,
        "after": after,
        "works": works,
        "sound": sound,
        "reopened": reopened,
    }


def main() -> None:
    home, how, *points = sys.argv[1:]
    for point in points:
        sys.stdout.write(json.dumps(at(Path(home), how, int(point))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
