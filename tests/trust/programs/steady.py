"""Writes without a pause; for each line it is sent it says how many writes were acknowledged.

Argument: the memory's directory. Ends with the line `end`.
"""

from __future__ import annotations

import sys
import threading

from commonplace import HashingEmbedder, Memory


def main() -> None:
    acknowledged = 0
    ended = threading.Event()

    def answer() -> None:
        for line in sys.stdin:
            if line == "end\n":
                break
            sys.stdout.write(f"{acknowledged}\n")
            sys.stdout.flush()
        ended.set()

    threading.Thread(target=answer, daemon=True).start()
    with Memory(sys.argv[1], embedder=HashingEmbedder(16), index="exact") as memory:
        while not ended.is_set():
            memory.add(f"text {acknowledged} " * 10, id=str(acknowledged), scope="steady")
            acknowledged += 1


if __name__ == "__main__":
    main()
