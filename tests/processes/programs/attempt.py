"""Tries one thing with a memory as a user without rights; prints what it got.

Arguments: the memory's directory, what to try: `open`, `open only` or `use`.
"""

from __future__ import annotations

import json
import os
import sys
import time

from commonplace import CommonplaceError, HashingEmbedder, Memory

NOBODY = 65_534


def main() -> None:
    path, attempt = sys.argv[1:]
    embedder = HashingEmbedder(16)
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    started = time.monotonic()
    told: dict[str, object] = {"error": None, "text": ""}
    try:
        with Memory(path, embedder=embedder, create=attempt != "open only") as memory:
            if attempt == "use":
                memory.add("text", id="mine")
                told["found"] = [hit.id for hit in memory.search("text")]
    except CommonplaceError as error:
        told = {"error": type(error).__name__, "text": str(error)}
    told["seconds"] = time.monotonic() - started
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
