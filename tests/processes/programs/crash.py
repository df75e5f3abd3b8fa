"""Writes batches, says what it begins and what was acknowledged, until it is killed.

Arguments: where the memory is, a seed, the choice of index, how large a batch is at most. A
batch is a scope of its own, so that it can be rewritten and deleted whole. It says
`["begin", VERB, BATCH, ROUND, SIZE]`, then `["done"]`, and `["followed", ENTRIES]` when the index
has followed so many changes.
"""

from __future__ import annotations

import random
import sys

from commonplace import HashingEmbedder, Memory
from commonplace.testing import crash

FLUSHED_EVERY = 4


def main() -> None:
    path, seed, index, largest = sys.argv[1:]
    chance = random.Random(seed)
    held: dict[str, int] = {}
    changes = 0
    with Memory(path, embedder=HashingEmbedder(16), index=index) as memory:
        for number in range(1_000_000):
            verb = chance.choices(["add", "rewrite", "delete"], [6, 3, 1])[0] if held else "add"
            batch = f"{seed}-{number}" if verb == "add" else chance.choice(list(held))
            size = held.get(batch) or chance.randint(1, int(largest))
            crash.say(["begin", verb, batch, number, size])
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
            crash.say(["done"])
            changes += size
            if index != "exact" and number % FLUSHED_EVERY == FLUSHED_EVERY - 1:
                memory.flush()
                crash.say(["followed", changes])


if __name__ == "__main__":
    main()
