"""Handles events under a name and says each one's number, until it is killed or has handled all.

Arguments: the memory's directory, and where to start: a number, or `-` to go on.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from commonplace import Event


def main() -> None:
    path, start = sys.argv[1:]
    with Memory(path, embedder=HashingEmbedder(16), index="exact") as memory:
        after = None if start == "-" else int(start)
        with memory.on("*", say, name="worker", after=after) as subscription:
            subscription.wait()
    sys.stdout.write("all\n")


def say(event: Event) -> None:
    sys.stdout.write(f"{event.seq}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
