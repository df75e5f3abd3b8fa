"""Tries one thing with a memory as a user without rights; prints what it got, and how soon.

What was refused late is tried again: a busy machine may have held it up, once.

Arguments: the memory's directory, what to try: `open`, `open only` or `use`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from commonplace import CommonplaceError, HashingEmbedder, Memory

NOBODY = 65_534
SOON = 1.0


def main() -> None:
    path, attempt = sys.argv[1:]
    embedder = HashingEmbedder(16)
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    told: dict[str, Any] = {}
    for _ in range(5):
        started = time.monotonic()
        told = tried(path, attempt, embedder)
        told["seconds"] = time.monotonic() - started
        if told["error"] is None or told["seconds"] < SOON:
            break
    sys.stdout.write(json.dumps(told))


def tried(path: str, attempt: str, embedder: HashingEmbedder) -> dict[str, Any]:
    told: dict[str, Any] = {"error": None, "text": ""}
    try:
        with Memory(path, embedder=embedder, create=attempt != "open only") as memory:
            if attempt == "use":
                memory.add("text", id="mine")
                told["found"] = [hit.id for hit in memory.search("text")]
    except CommonplaceError as error:
        told = {"error": type(error).__name__, "text": str(error)}
    return told


if __name__ == "__main__":
    main()
