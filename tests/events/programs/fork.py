"""Forks beside a subscription and within its handler, and says what became of both.

Argument: the memory's directory. Lines: `PROCESS handled NUMBER`, and what the child was told.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from commonplace import ForkedStoreError, HashingEmbedder, Memory

if TYPE_CHECKING:
    from commonplace import Event, Subscription

PARENT = os.getpid()
CHILDREN: list[int] = []


def main() -> None:
    memory = Memory(sys.argv[1], embedder=HashingEmbedder(16), index="exact")
    subscription = memory.on("*", handle, name="forking")
    child = os.fork()
    if child == 0:
        misuse(memory, subscription)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    memory.add_many(["a", "b", "c"])
    subscription.wait()
    assert [os.waitpid(one, 0)[1] for one in CHILDREN] == [0]
    memory.add("d")
    subscription.wait()
    memory.close()


def handle(event: Event) -> None:
    say(f"{'parent' if os.getpid() == PARENT else 'child'} handled {event.seq}")
    if event.seq == 2:
        child = os.fork()
        if child:
            CHILDREN.append(child)
        else:
            say("child fails")
            raise ValueError


def misuse(memory: Memory, subscription: Subscription) -> None:
    assert subscription.stopped
    for verb in (subscription.wait, lambda: subscription.lag, lambda: memory.on("*", handle)):
        try:
            verb()
        except ForkedStoreError:
            continue
        say("child was let in")
    subscription.close()
    memory.close()


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    main()
