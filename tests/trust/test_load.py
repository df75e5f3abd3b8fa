"""Many readers and a writer on a large memory: nothing fails and nothing is missed."""

from __future__ import annotations

import random
import resource
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.figures import Figures

READERS = 4
WORDS = ["tea", "coffee", "invoice", "paid", "late", "friday", "berlin", "dog", "red", "cello"]


class Load:
    """What the threads do, and how long each kind of call took."""

    def __init__(self, memory: Memory, scopes: int) -> None:
        self.memory = memory
        self.scopes = scopes
        self.times: dict[str, list[float]] = {}
        self.errors: list[BaseException] = []
        self.missed = 0

    def text(self, rng: random.Random) -> str:
        return f"{' '.join(rng.choices(WORDS, k=8))} {rng.randrange(10**9)}"

    def scope(self, rng: random.Random) -> str:
        return f"users/{rng.randrange(self.scopes)}"

    def timed(self, kind: str, call: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = call()
        self.times.setdefault(kind, []).append(time.perf_counter() - started)
        return result

    def read(self, rng: random.Random) -> None:
        scope, query = self.scope(rng), " ".join(rng.choices(WORDS, k=3))
        kind = rng.choice(["scope", "filter", "all"])
        wanted: dict[str, dict[str, Any]] = {
            "scope": {"scope": scope},
            "filter": {"scope": scope, "filter": {"n": {"$lt": 50}}},
            "all": {},
        }
        hits = self.timed(f"search_{kind}", lambda: self.memory.search(query, **wanted[kind]))
        self.missed += not hits and kind == "all"

    def write(self, rng: random.Random) -> None:
        text, scope = self.text(rng), self.scope(rng)
        record = self.timed("add", lambda: self.memory.add(text, scope=scope, metadata={"n": 1}))
        found = self.memory.search(text, scope=scope, limit=1)
        self.missed += [hit.id for hit in found] != [record.id]

    def work(self, deed: Callable[[random.Random], None], times: int, seed: int) -> None:
        rng = random.Random(seed)
        try:
            for _ in range(times):
                deed(rng)
        except BaseException as error:  # noqa: BLE001 - told by the test
            self.errors.append(error)


def hold(path: Path, memories: int, scopes: int, reads: int, writes: int, figures: Figures) -> None:
    rng = random.Random(22)
    with Memory(path, embedder=HashingEmbedder(128)) as memory:
        load = Load(memory, scopes)
        started = time.perf_counter()
        for _ in range(0, memories, 1000):
            memory.add_many(
                {"content": load.text(rng), "scope": load.scope(rng), "metadata": {"n": n % 100}}
                for n in range(1000)
            )
        ingest = memories / (time.perf_counter() - started)
        deeds = [(load.read, reads)] * READERS + [(load.write, writes)]
        threads = [
            threading.Thread(target=load.work, args=(*deed, number))
            for number, deed in enumerate(deeds)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert load.errors == []
        assert load.missed == 0
        assert memory.count() == memories + writes
        memory.flush()
        assert memory.verify().ok
    figures(
        22,
        memories=memories,
        scopes=scopes,
        readers=READERS,
        calls=sum(map(len, load.times.values())),
        errors=0,
        missed=0,
        ingested_per_second=round(ingest),
        peak_megabytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        **{
            f"{kind}_p95_ms": round(float(np.percentile(taken, 95)) * 1000, 1)
            for kind, taken in sorted(load.times.items())
        },
    )


def test_readers_and_a_writer(path: Path, figures: Figures) -> None:
    hold(path, memories=2_000, scopes=50, reads=40, writes=60, figures=figures)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_readers_and_a_writer_for_long(path: Path, figures: Figures) -> None:
    hold(path, memories=50_000, scopes=1_000, reads=3_000, writes=3_000, figures=figures)
