"""Writes batches, says what it begins and what was acknowledged, until it is killed.

Arguments: the memory's directory, a seed, the choice of index. A batch is a scope of its own, so
that it can be rewritten and deleted whole. Lines: `begin VERB BATCH ROUND SIZE`, then `done`.
"""

from __future__ import annotations

import random
import sys

from commonplace import HashingEmbedder, Memory


def main() -> None:
    path, seed, index = sys.argv[1:]
    chance = random.Random(seed)
    held: dict[str, int] = {}
    with Memory(path, embedder=HashingEmbedder(16), index=index) as memory:
        tell("ready")
        for number in range(1_000_000):
            verb = chance.choices(["add", "rewrite", "delete"], [6, 3, 1])[0] if held else "add"
            batch = f"{seed}-{number}" if verb == "add" else chance.choice(list(held))
            size = held.get(batch) or chance.randint(1, 50)
            tell(f"begin {verb} {batch} {number} {size}")
            if verb == "delete":
                memory.delete(scope=batch)
                del held[batch]
            else:
                memory.add_many(
                    {
                        "id": f"{batch}.{n}",
                        "scope": batch,
                        "content": f"{batch} item {n} of round {number}",
                        "metadata": {"round": number, "of": size},
                    }
                    for n in range(size)
                )
                held[batch] = size
            tell("done")


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
