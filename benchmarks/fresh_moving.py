"""An export or an import in a process of its own; `moving.py` starts it and reads its one line.

python -m benchmarks.fresh_moving export commonplace /path/of/the/store /path/of/the/file
python -m benchmarks.fresh_moving import chroma /path/of/the/store /path/of/the/file
"""

from __future__ import annotations

import json
import sys
import threading
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH = 1_000
_EVERY = 0.005


def main() -> None:
    """Does what the command line says; prints the seconds, and the bytes its memory grew by."""
    action, name, store, file = sys.argv[1:]
    opened = _commonplace(Path(store)) if name == "commonplace" else _chroma(Path(store))
    work, close = opened[action], opened["close"]
    with _Peak() as peak:
        started = time.perf_counter()
        work(Path(file))
        seconds = time.perf_counter() - started
    close()
    print(json.dumps({"seconds": seconds, "grown": peak.grown}))


def _commonplace(path: Path) -> dict[str, Callable[..., object]]:
    from benchmarks.peer_commonplace import CommonplacePeer  # noqa: PLC0415 - without the other peer

    memory = CommonplacePeer(path).memory
    return {"export": memory.export, "import": memory.import_, "close": memory.close}


def _chroma(path: Path) -> dict[str, Callable[..., object]]:
    """A collection written to a file and read from one, a thousand records at a time."""
    from benchmarks.peer_chroma import ChromaPeer  # noqa: PLC0415 - without the other peer

    peer = ChromaPeer(path)
    collection: Any = peer.collection

    def export(file: Path) -> None:
        with file.open("w", encoding="utf-8") as lines:
            for start in range(0, collection.count(), BATCH):
                found = collection.get(
                    limit=BATCH, offset=start, include=["documents", "metadatas", "embeddings"]
                )
                rows = zip(
                    found["ids"],
                    found["documents"],
                    found["metadatas"],
                    found["embeddings"].tolist(),
                    strict=True,
                )
                lines.writelines(json.dumps(row) + "\n" for row in rows)

    def read(file: Path) -> None:
        with file.open(encoding="utf-8") as lines:
            rows = map(json.loads, lines)
            while some := list(islice(rows, BATCH)):
                ids, documents, metadatas, vectors = (
                    list(part) for part in zip(*some, strict=True)
                )
                collection.add(
                    ids=ids, documents=documents, metadatas=metadatas, embeddings=vectors
                )

    return {"export": export, "import": read, "close": peer.close}


class _Peak:
    """How far the resident memory of this process rises above where it is now."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._before = self._highest = self._resident()

    @property
    def grown(self) -> int:
        return self._highest - self._before

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_EVERY):
            self._highest = max(self._highest, self._resident())

    def _resident(self) -> int:
        return self._process.memory_info().rss


if __name__ == "__main__":
    main()
