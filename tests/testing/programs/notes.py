"""Writes notes one after the other and says which were written.

Arguments: the memory's directory, how many.
"""

from __future__ import annotations

import sys

from commonplace import HashingEmbedder, Memory
from commonplace.failpoints import reach
from commonplace.testing import crash


def main() -> None:
    path, number = sys.argv[1:]
    with Memory(path, embedder=HashingEmbedder(16), index="exact") as memory:
        for note in range(int(number)):
            memory.add(f"note {note}", id=str(note))
            crash.say(note)
            reach("notes.said")


if __name__ == "__main__":
    main()
