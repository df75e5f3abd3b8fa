"""Forks with an open memory, lets the child misuse it, and reports what became of both.

Arguments: where the memory is, the choice of index, and how the child ends: `close`, `exit` or
`collect`.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from commonplace import ForkedStoreError, HashingEmbedder, Memory

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    path, index, way = sys.argv[1:]
    memory = Memory(path, embedder=HashingEmbedder(16), index=index)
    memory.add("before", id="before")
    memory.flush()
    serving = index_process(memory)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        told = misused(memory)
        if way == "close":
            memory.close()
        with os.fdopen(writing, "w") as answer:
            json.dump(told, answer)
        if way == "collect":
            del memory
            gc.collect()
        if way == "exit":
            sys.exit(0)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        told: dict[str, Any] = json.load(answer)
    _, status = os.waitpid(child, 0)
    memory.add("after", id="after")
    told |= {
        "status": status,
        "found": sorted(hit.id for hit in memory.search("before after")),
        "ok": memory.verify().ok,
        "same index process": index_process(memory) == serving,
    }
    memory.close()
    sys.stdout.write(json.dumps(told))


def index_process(memory: Memory) -> int:
    # The process is nobody's public business; the test must know whether it is the same.
    process = memory._store._index._process  # pyright: ignore[reportPrivateUsage]
    return process.pid if process else 0


def misused(memory: Memory) -> dict[str, Any]:
    """What each verb said in the child, and how long each took."""
    verbs: dict[str, Callable[[], object]] = {
        "add": lambda: memory.add("child"),
        "add_many": lambda: memory.add_many(["child"]),
        "update": lambda: memory.update("before", content="child"),
        "delete": lambda: memory.delete("before"),
        "get": lambda: memory.get("before"),
        "list": memory.list,
        "count": memory.count,
        "scopes": memory.scopes,
        "events": memory.events,
        "on": lambda: memory.on("*", print),
        "search": lambda: memory.search("before"),
        "flush": memory.flush,
        "verify": memory.verify,
        "repair": memory.repair,
        "stats": memory.stats,
        "sweep": memory.sweep,
        "view": lambda: memory.scope("a").count(),
    }
    answers: dict[str, str] = {}
    seconds: list[float] = []
    for name, verb in verbs.items():
        started = time.monotonic()
        answers[name] = said(verb)
        seconds.append(time.monotonic() - started)
    return {"answers": answers, "seconds": seconds}


def said(verb: Callable[[], object]) -> str:
    try:
        verb()
    except ForkedStoreError as error:
        return type(error).__name__
    return "no error"


if __name__ == "__main__":
    main()
