"""One of several processes that write and read one memory and contend for its index.

Arguments: where the memory is, the choice of index, a name. Takes commands as lines of JSON and
answers each with one: `write` (a number), `check` (all ids there are), `index`, `forget` (to close,
and open anew), `close`.
"""

from __future__ import annotations

import gc
import json
import sys
from typing import Any

from commonplace import HashingEmbedder, Memory


class Contender:
    def __init__(self, path: str, index: str, name: str) -> None:
        self._path = path
        self._index = index
        self._name = name
        self._memory = self._opened()

    def _opened(self) -> Memory:
        return Memory(self._path, embedder=HashingEmbedder(16), index=self._index)

    def write(self, number: int) -> list[str]:
        """Write, and find each at once by its vector."""
        ids = [f"{self._name}x{number}x{n}" for n in range(3)]
        for one in ids:
            self._memory.add(f"word{one}", id=one, scope=f"w/{self._name}/{one}")
            hits = self._memory.search(f"word{one}", mode="dense", scope=f"w/{self._name}/{one}")
            assert [hit.id for hit in hits] == [one]
        return ids

    def check(self, ids: list[str]) -> int:
        """How many of them are not there, or not found."""
        lost = sum(record is None for record in self._memory.get_many(ids))
        found = {hit.id for hit in self._memory.search("word", mode="dense", limit=len(ids) + 1)}
        return lost + len(found ^ set(ids)) + abs(self._memory.count() - len(ids))

    def index(self, _given: object) -> tuple[str, int]:
        """The state of the index as this process sees it, and the index process if it has one."""
        self._memory.flush()
        # The process is nobody's public business; the test must know which to stop.
        process: Any = self._memory._store._index._process  # pyright: ignore[reportPrivateUsage]
        return self._memory.stats().index, process.pid if process else 0

    def forget(self, _given: object) -> None:
        """Lose the memory without closing it, and open it anew."""
        del self._memory
        gc.collect()
        self._memory = self._opened()

    def close(self, _given: object) -> None:
        self._memory.close()


def main() -> None:
    contender = Contender(*sys.argv[1:])
    for line in sys.stdin:
        command, given = json.loads(line)
        sys.stdout.write(json.dumps(getattr(contender, command)(given)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
