"""A thousand tasks, half of them cancelled: each write is wholly in or wholly out."""

from __future__ import annotations

import asyncio
import random
import threading
from typing import TYPE_CHECKING

import pytest

from commonplace import AsyncMemory, HashingEmbedder, Memory

if TYPE_CHECKING:
    from pathlib import Path

    from tests.figures import Figures

BATCH = 4
TICK = 0.002


class Ticker:
    """Measures for how long the event loop was not free."""

    def __init__(self) -> None:
        self.stalls: list[float] = []

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(TICK)
            self.stalls.append(max(loop.time() - before - TICK, 0.0))

    def worst(self) -> dict[str, float]:
        """In milliseconds: what 99 of 100 looks found, and the longest."""
        ordered = sorted(self.stalls) or [0.0]
        share = ordered[int(len(ordered) * 0.99)] if len(ordered) > 1 else ordered[0]
        return {"stall_p99_ms": round(share * 1e3, 1), "stall_max_ms": round(ordered[-1] * 1e3, 1)}


async def write(memory: AsyncMemory, number: int) -> int:
    records = [{"content": f"text {n}", "scope": f"w/{number}"} for n in range(BATCH)]
    return len(await memory.add_many(records))


async def read(memory: AsyncMemory, number: int) -> int:
    found = await memory.search("text", scope=f"w/{number}", limit=2 * BATCH)
    assert len(found) in {0, BATCH}
    return -1


async def cancelled_at_random(path: Path, tasks: int, cancellations: int) -> dict[str, float]:
    """Run the tasks, cancel some; what came of them."""
    chance = random.Random(tasks)
    ticker = Ticker()
    async with await AsyncMemory.open(path, embedder=HashingEmbedder(16), index="exact") as memory:
        ticking = asyncio.create_task(ticker.run())
        verbs = [write if number % 3 else read for number in range(tasks)]
        running = [asyncio.create_task(verb(memory, n)) for n, verb in enumerate(verbs)]
        for number, task in enumerate(chance.sample(running, cancellations)):
            # None is done before the first is cancelled; after that, any may be.
            for _ in range(chance.randint(0, 3) if number else 0):
                await asyncio.sleep(chance.choice([0, 0, TICK]))
            task.cancel()
        results = await asyncio.gather(*running, return_exceptions=True)
        ticking.cancel()
    errors = [one for one in results if isinstance(one, Exception)]
    assert errors == []  # a cancellation is none of them
    stopped = sum(isinstance(one, asyncio.CancelledError) for one in results)
    done = {number for number, one in enumerate(results) if one == BATCH}
    with Memory(path, embedder=HashingEmbedder(16), index="exact") as memory:
        counts = {int(info.scope.segments[-1]): info.records for info in memory.scopes()}
        assert set(counts.values()) == {BATCH}
        assert done <= set(counts)
        assert memory.verify().ok
    return {
        "tasks": tasks,
        "cancelled": stopped,
        "written": len(counts),
        "written_though_cancelled": len(set(counts) - done),
        **ticker.worst(),
    }


def run(path: Path, tasks: int, cancellations: int) -> dict[str, float]:
    before = set(threading.enumerate())
    counted = asyncio.run(cancelled_at_random(path, tasks, cancellations))
    for thread in set(threading.enumerate()) - before:  # idle ones, which end with the loop
        thread.join(60)
        assert not thread.is_alive(), "something is left running"
    return counted


def test_a_cancelled_write_among_many_is_in_or_out(path: Path, figures: Figures) -> None:
    counted = run(path, 150, 75)
    assert counted["cancelled"] > 0
    figures(18, **counted, partial=0)


@pytest.mark.nightly
@pytest.mark.timeout(1_800)
def test_a_thousand_tasks_and_five_hundred_cancellations(path: Path, figures: Figures) -> None:
    counted = run(path, 1_000, 500)
    assert counted["cancelled"] > 0
    figures(18, **counted, partial=0)
