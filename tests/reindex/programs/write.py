"""Writes with the old embedder until it is refused; says what was acknowledged.

Arguments: the memory's directory. A line for every write: a JSON list of id and content, which is
null for a deleted record. The last line names what was refused.
"""

from __future__ import annotations

import json
import random
import sys

from tests.reindex.lives import OLD, WORDS

from commonplace import Memory, ModelMismatchError


def main() -> None:
    chance = random.Random(7)
    alive: list[str] = []
    with Memory(sys.argv[1], embedder=OLD, index="exact") as memory:
        memory.search("tea")
        try:
            for number in range(1_000_000):
                tell(wrote(memory, chance, alive, f"p{number}"))
        except ModelMismatchError as error:
            refused = ["write", str(error)]
        else:
            refused = ["nothing"]
        try:
            memory.search("tea")
        except ModelMismatchError:
            refused.append("search")
        if memory.search("tea", mode="lexical") and memory.count():
            refused.append("but nothing else")
    tell(refused)


def wrote(memory: Memory, chance: random.Random, alive: list[str], fresh: str) -> object:
    content = " ".join(chance.choices(WORDS, k=chance.choice([2, 50])))
    verb = chance.choice(["add", "add", "update", "delete"]) if alive else "add"
    if verb == "delete":
        name = alive.pop(chance.randrange(len(alive)))
        memory.delete(name)
        return [name, None]
    if verb == "update":
        name = chance.choice(alive)
        memory.update(name, content=content)
    else:
        name = fresh
        alive.append(name)
        memory.add(content, id=name)
    return [name, content]


def tell(line: object) -> None:
    sys.stdout.write(f"{json.dumps(line)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
