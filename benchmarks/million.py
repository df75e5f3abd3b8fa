"""A million messages in ten thousand threads on one machine: what it takes, and how it answers.

    ./run python -m benchmarks.million
    ./run python -m benchmarks.million --messages 100000 --threads 1000
    ./run python -m benchmarks.million --embed      # with vectors, some ten minutes more

Prints a Markdown table; docs/benchmarks.md holds one of its runs. It takes minutes and some
gigabytes of disk, so it is not part of `./run bench`.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psutil
from rich.progress import track

from benchmarks.threads import said
from benchmarks.timing import alternated
from commonplace import Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.report import Measured
    from commonplace import Thread

EACH = 20
ROUNDS = 5
LATEST = 20
BUDGET_TOKENS = 2_000


def main() -> None:
    """Fills a memory, asks it, prints what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=10_000)
    parser.add_argument("--embed", action="store_true", help="embed the messages too")
    parser.add_argument("--dir", type=Path, help="where the memory is made; a temporary folder")
    given = parser.parse_args()
    with TemporaryDirectory(dir=given.dir) as folder, Memory(Path(folder) / "memory") as memory:
        started = time.perf_counter()
        _fill(memory, given.messages, given.threads, embed=given.embed)
        filling = time.perf_counter() - started
        lines = [
            ("filled in", f"{filling:,.0f} s, {given.messages / filling:,.0f} messages/s"),
            ("on disk", f"{_size(Path(folder)) / 2**20:,.0f} MB"),
            ("memory of the process", f"{_resident():,.0f} MB"),
            *_asked(memory, given.threads, searched=given.embed),
            ("memory of the process, afterwards", f"{_resident():,.0f} MB"),
        ]
    print(f"| {given.messages:,} messages in {given.threads:,} threads | |\n|---|--:|")
    for name, figure in lines:
        print(f"| {name} | {figure} |")


def _fill(memory: Memory, messages: int, threads: int, *, embed: bool) -> None:
    each = messages // threads
    for number in track(range(threads), description="filling"):
        thread = memory.thread("chat", scope=_scope(number), embed=embed)
        thread.add([(_ROLES[n % 2], said(number * each + n)) for n in range(each)])


def _asked(memory: Memory, threads: int, *, searched: bool) -> list[tuple[str, str]]:
    chance = random.Random(7)
    chosen = [chance.randrange(threads) for _ in range(3 + ROUNDS * EACH)]
    calls: dict[str, Callable[[int], object]] = {
        "append a message": _calling(
            memory, chosen, lambda thread: thread.add(("user", "One more thing, please."))
        ),
        f"latest {LATEST} of a thread": _calling(
            memory, chosen, lambda thread: thread.messages(limit=LATEST)
        ),
        f"context of {BUDGET_TOKENS:,} tokens": _calling(
            memory, chosen, lambda thread: thread.context(max_tokens=BUDGET_TOKENS)
        ),
        "newest 20 threads": lambda _: memory.threads.list(limit=20),
        "words in a user's messages": lambda n: memory.search(
            "garden tomatoes", scope=_scope(chosen[n]), mode="lexical"
        ),
    }
    if searched:
        calls["meaning in a user's messages"] = lambda n: memory.search(
            "what grows behind the house?", scope=_scope(chosen[n])
        )
    found = alternated(calls, rounds=ROUNDS, each=EACH)
    return [(name, _figure(measured)) for name, measured in found.items()]


def _calling(
    memory: Memory, chosen: Sequence[int], ask: Callable[[Thread], object]
) -> Callable[[int], object]:
    return lambda n: ask(memory.thread("chat", scope=_scope(chosen[n])))


def _figure(measured: Measured) -> str:
    return f"{measured.p50:.2f} ms, p95 {measured.p95 or 0:.2f} ms"


def _scope(number: int) -> str:
    return f"users/{number:05}"


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _resident() -> float:
    return psutil.Process().memory_info().rss / 2**20


_ROLES = ("user", "assistant")

if __name__ == "__main__":
    main()
