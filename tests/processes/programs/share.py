"""One of several processes that write and read one memory at once.

Arguments: where the memory is, the choice of index, a name, how many batches. Waits for a line
before it opens; prints what it wrote; then takes a line of what all wrote together and prints what
it misses.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from collections.abc import Iterable


def main() -> None:
    path, index, name, batches = sys.argv[1:]
    tell("ready")
    sys.stdin.readline()
    with Memory(path, embedder=HashingEmbedder(32), index=index) as memory:
        written: list[str] = []
        for number in range(int(batches)):
            written += wrote(memory, f"{name}x{number}", number)
        tell(json.dumps(written))
        everything: list[str] = json.loads(sys.stdin.readline())
        tell(json.dumps(missed(memory, everything)))
        sys.stdin.readline()


def wrote(memory: Memory, name: str, number: int) -> list[str]:
    """Write one record or several; found again at once by everything this process reads with."""
    ids = [f"{name}x{n}" for n in range(1 + number % 4)]
    scope = f"w/{name}"
    if len(ids) == 1:
        stored = [memory.add(f"word{ids[0]}", id=ids[0], scope=scope)]
    else:
        stored = memory.add_many({"id": n, "content": f"word{n}", "scope": scope} for n in ids)
    assert [record.id for record in stored] == ids
    assert memory.get_many(ids) == stored
    assert {record.id for record in memory.list(scope=f"w/{name}")} == set(ids)
    assert memory.search(f"word{ids[0]}", limit=1)[0].id == ids[0]
    assert memory.search(f"word{ids[-1]}", mode="dense", limit=1)[0].id == ids[-1]
    return ids


def missed(memory: Memory, everything: list[str]) -> dict[str, list[str]]:
    """What each way of reading does not show, or shows too much."""
    listed = {record.id for record in memory.list(limit=100_000)}
    got = {record.id for record in memory.get_many(everything) if record is not None}
    by_words = {
        hit.id for one in everything for hit in memory.search(f"word{one}", mode="lexical", limit=1)
    }
    by_vector = {
        hit.id for one in everything for hit in memory.search(f"word{one}", mode="dense", limit=1)
    }
    found = {"list": listed, "get": got, "lexical": by_words, "dense": by_vector}
    wrong = {way: listing(seen ^ set(everything)) for way, seen in found.items()}
    counted = memory.count()
    wrong["count"] = [] if counted == len(everything) else [str(counted)]
    return wrong


def listing(ids: Iterable[str]) -> list[str]:
    return sorted(ids)[:5]


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
