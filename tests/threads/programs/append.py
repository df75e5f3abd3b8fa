"""One of several processes that write to one thread at once.

Arguments: the memory's directory, a name, how many messages. Waits for a line before it begins.
"""

from __future__ import annotations

import sys

from commonplace import HashingEmbedder, Memory


def main() -> None:
    path, name, number = sys.argv[1:]
    with Memory(path, embedder=HashingEmbedder(16)) as memory:
        tell("ready")
        sys.stdin.readline()
        thread = memory.thread("shared")
        for n in range(int(number)):
            thread.add([f"{name} {n}", ("assistant", f"{name} {n} answered")])
        thread.add({"role": "user", "content": name, "id": "the last to come"})
    tell("done")


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
