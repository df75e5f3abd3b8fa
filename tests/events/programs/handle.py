"""Handles events under a name and says each one's number, until it is killed or has handled all.

Arguments: the memory's directory; where to start: a number, or `-` to go on; and, if it is to be
killed, how many it handles before it waits for that.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from commonplace import Event


LEFT: list[int] = []
"""How many it still handles, where there is an end to that."""


def main() -> None:
    path, start, *most = sys.argv[1:]
    LEFT.extend(map(int, most))
    with Memory(path, embedder=HashingEmbedder(16), index="exact") as memory:
        after = None if start == "-" else int(start)
        with memory.on("*", say, name="worker", after=after) as subscription:
            subscription.wait()
    sys.stdout.write("all\n")


def say(event: Event) -> None:
    if LEFT:
        LEFT[0] -= 1
        if LEFT[0] < 0:
            sys.stdin.read()
    sys.stdout.write(f"{event.seq}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
