"""Does one change to a prepared memory; it is killed in the middle.

Arguments: a directory with `export.jsonl`, where the memory is, where `source` is, another memory,
the name of the change, a seed.
"""

from __future__ import annotations

import importlib
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commonplace import HashingEmbedder, Memory, Policy
from commonplace.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from commonplace import Message

OLD, NEW = HashingEmbedder(16), HashingEmbedder(24)
RECORDS = 15
SHORT_LIVED = 6
LATER = 100_000.0

PLACES: dict[str, str] = {}
"""Where a memory is that lies in no directory below the home."""

# So that a small memory takes several lots.
LOTS = {
    "comparing.mirroring._AT_ONCE": 5,
    "comparing.sides._AT_ONCE": 5,
    "maintenance.maintain._AT_ONCE": 4,
    "maintenance.reindex._DROPPED_AT_ONCE": 10,
    "moving.checked._ROWS_AT_ONCE": 7,
    "writing._SWEPT_AT_ONCE": 2,
    "verbs.extracting._EXTRACTED_AT_ONCE": 3,
}


def main() -> None:
    home, path, source, change, seed = sys.argv[1:]
    small_lots()
    PLACES["source"] = source
    with opened(path, change) as memory:
        CHANGES[change](memory, Path(home), int(seed))


def small_lots() -> None:
    for name, size in LOTS.items():
        module, _, constant = name.rpartition(".")
        setattr(importlib.import_module(f"commonplace.{module}"), constant, size)


def opened(path: Path | str, change: str) -> Memory:
    """The memory, long after it was prepared, with the embedder whose vectors it has."""
    clock = FakeClock()
    clock.wait(LATER)
    moved = change == "reindex" and is_moved(path)
    return Memory(path, embedder=NEW if moved else OLD, clock=clock, index="exact")


def source_of(home: Path) -> Memory:
    return Memory(PLACES.get("source", home / "source"), embedder=OLD, index="exact")


def is_moved(path: Path | str) -> bool:
    with Memory(path, index="exact") as memory:
        spaces = {space.name: space.identity for space in memory.stats().spaces}
    return spaces["default"] == NEW.identity


def names(seed: int, number: int) -> list[str]:
    """Some of the records that do not expire."""
    return random.Random(seed).sample([f"r{n}" for n in range(RECORDS)], number)


def written(seed: int) -> list[dict[str, Any]]:
    """Records, some of them in place of others."""
    fresh = [{"id": f"new{n}", "content": f"something new {n}", "scope": "s/new"} for n in range(5)]
    return [
        *(
            {"id": name, "content": f"again {name}", "scope": place(name)}
            for name in names(seed, 5)
        ),
        *fresh,
    ]


def place(name: str) -> str:
    return f"s/{int(name.removeprefix('r')) % 3}"


def put(memory: Memory, _home: Path, seed: int) -> None:
    memory.add_many(written(seed))


def update(memory: Memory, _home: Path, seed: int) -> None:
    memory.update(names(seed, 1)[0], content="changed", metadata={"changed": True}, scope="s/else")


def delete(memory: Memory, _home: Path, seed: int) -> None:
    memory.delete(names(seed, 7))


def delete_scope(memory: Memory, _home: Path, seed: int) -> None:
    memory.delete(scope=f"s/{seed % 3}")


def supersede(memory: Memory, _home: Path, seed: int) -> None:
    new = {"id": "later", "content": "what holds now", "scope": "s/0"}
    if memory.get("later") is None:
        memory.supersede(names(seed, 1)[0], new, reason="it changed")


def archive(memory: Memory, _home: Path, seed: int) -> None:
    memory.archive(names(seed, 4))


def sweep(memory: Memory, _home: Path, _seed: int) -> None:
    memory.sweep()


def purge(memory: Memory, _home: Path, seed: int) -> None:
    memory.purge(names(seed, 9))


def maintain(memory: Memory, _home: Path, seed: int) -> None:
    policy = Policy(at_most=1 + seed % 2, duplicates="text", expired=True, action="delete")
    memory.maintain(policy)


def repair(memory: Memory, _home: Path, _seed: int) -> None:
    memory.repair()


def reindex(memory: Memory, _home: Path, _seed: int) -> None:
    memory.reindex(NEW, batch=7)


def import_(memory: Memory, home: Path, _seed: int) -> None:
    memory.import_(home / "export.jsonl", on_conflict="replace")


def merge(memory: Memory, home: Path, _seed: int) -> None:
    with source_of(home) as source:
        memory.merge(source, strategy="source")


def sync(memory: Memory, home: Path, _seed: int) -> None:
    with source_of(home) as source:
        memory.sync(source)


def append(memory: Memory, _home: Path, seed: int) -> None:
    messages = [
        {"role": "user", "content": f"said {n}", "id": f"n{n}"} for n in range(1 + seed % 4)
    ]
    memory.thread("talk", scope="t").add(messages)


def clear(memory: Memory, _home: Path, _seed: int) -> None:
    memory.thread("talk", scope="t").clear()


def delete_thread(memory: Memory, _home: Path, _seed: int) -> None:
    memory.threads.delete("talk", scope="t")


def summarize(memory: Memory, _home: Path, _seed: int) -> None:
    def sum_up(messages: Sequence[Message], _previous: str | None) -> str:
        return f"{len(messages)} messages"

    memory.thread("talk", scope="t", summarizer=sum_up).summarize()


def extract(memory: Memory, _home: Path, _seed: int) -> None:
    def facts(messages: Sequence[Message], _known: object) -> list[str]:
        return [f"a fact of {message.text}" for message in messages]

    memory.thread("talk", scope="t", extractor=facts).extract()


CHANGES: dict[str, Callable[[Memory, Path, int], None]] = {
    change.__name__: change
    for change in (
        *(put, update, delete, delete_scope, supersede, archive, sweep, purge, maintain),
        *(repair, reindex, import_, merge, sync),
        *(append, clear, delete_thread, summarize, extract),
    )
}


def prepare(home: Path) -> None:
    """Make what the changes are done to."""
    fill(home / "memory", "content", RECORDS)
    fill(home / "source", "other", RECORDS // 2)
    with Memory(home / "source", embedder=OLD, index="exact") as source:
        source.export(home / "export.jsonl")
    with Memory(home / "memory", embedder=OLD, index="exact", clock=FakeClock()) as memory:
        for n in range(SHORT_LIVED):
            memory.add(f"short lived {n}", id=f"x{n}", scope="s/x", ttl=10)
        thread = memory.thread("talk", scope="t")
        thread.create(max_messages=9)
        thread.add([{"role": "user", "content": f"message {n}", "id": f"m{n}"} for n in range(8)])
        for n in range(0, RECORDS, 2):
            memory.update(f"r{n}", metadata={"round": 2})
        memory.delete(["r1", "r3"])
        memory.add_many(
            [{"id": n, "content": f"back {n}", "scope": place(n)} for n in ("r1", "r3")]
        )


def fill(path: Path, content: str, number: int) -> None:
    with Memory(path, embedder=OLD, index="exact", clock=FakeClock()) as memory:
        memory.add_many(
            {"id": f"r{n}", "content": f"{content} {n // 2}", "scope": f"s/{n % 3}"}
            for n in range(number)
        )
        for n in range(0, number - 1, 3):
            memory.link(f"r{n}", f"r{n + 1}", "next")


if __name__ == "__main__":
    main()
