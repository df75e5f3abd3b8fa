"""A mixed load on one memory, and a fault in the middle of it.

Arguments: the memory's directory, a seed, the fault: `killed` (by whoever runs it), `full` (the
files may not grow any more, and later may again) or `stopped` (by SIGSTOP, and gone on with). It
says `["begin", ID, CONTENT]` before each write, `["done"]` once it returned, `["full"]` where it
was refused as the disk is full.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import sys
from pathlib import Path

from commonplace import HashingEmbedder, Memory, StoreUnavailableError
from commonplace.testing import crash

STEPS = 150
ROOM = 60_000
UNLIMITED = resource.RLIM_INFINITY


def main() -> None:
    path, seed, fault = sys.argv[1:]
    chance = random.Random(seed)
    with Memory(path, embedder=HashingEmbedder(16), index="exact") as memory:
        names = [record.id for record in memory.list(limit=100_000)]
        for step in range(STEPS):
            if step == STEPS // 3:
                begin(fault, Path(path))
            if step == 2 * STEPS // 3:
                resource.setrlimit(resource.RLIMIT_FSIZE, (UNLIMITED, UNLIMITED))
            one(memory, names, chance, f"{seed}x{step}")
        while fault == "killed":  # which comes at the latest now
            signal.pause()


def one(memory: Memory, names: list[str], chance: random.Random, fresh: str) -> None:
    """Do one thing."""
    verb = chance.choices(["add", "update", "delete", "search", "list"], [5, 3, 1, 2, 1])[0]
    if verb == "search":
        memory.search("words", limit=5)
        return
    if verb == "list" or (verb != "add" and not names):
        memory.list(limit=20)
        return
    name = fresh if verb == "add" else chance.choice(names)
    content = None if verb == "delete" else f"words {fresh} " * chance.choice([1, 40])
    crash.say(["begin", name, content])
    try:
        if verb == "add":
            memory.add(str(content), id=name, scope=f"s/{chance.randint(0, 20)}")
            names.append(name)
        elif verb == "update":
            memory.update(name, content=str(content))
        else:
            memory.delete(name)
            names.remove(name)
    except StoreUnavailableError:
        crash.say(["full"])
    else:
        crash.say(["done"])


def begin(fault: str, path: Path) -> None:
    if fault == "full":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        largest = max(file.stat().st_size for file in path.iterdir() if file.is_file())
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest + ROOM, UNLIMITED))
    elif fault == "stopped":
        goer = os.fork()
        if goer == 0:  # goes on with its parent, once that is stopped
            while "State:\tT" not in Path(f"/proc/{os.getppid()}/status").read_text():
                os.sched_yield()
            os.kill(os.getppid(), signal.SIGCONT)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGSTOP)
        os.waitpid(goer, 0)


if __name__ == "__main__":
    main()
