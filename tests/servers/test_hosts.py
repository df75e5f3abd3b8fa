"""Two hosts write one memory, whatever befalls index process and server: both are always right."""

from __future__ import annotations

import random
import signal
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.servers.conftest import (
    COUNT,
    DIMENSION,
    QUERY,
    VECTORS,
    as_hosts,
    fill,
    found,
    is_indexed,
    kill,
    memory_on,
    until,
    worker_of,
)

from commonplace import ChromaServer

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from tests.servers.conftest import Server

    from commonplace import Memory

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

STEPS = 60


class Model:
    """What the memory holds, in plain Python."""

    def __init__(self, seed: int) -> None:
        self.vectors = {f"r{n}": VECTORS[n] for n in range(COUNT)}
        self._choose = random.Random(seed)
        self._draw = np.random.default_rng(seed)
        self._added = 0

    def change(self, memories: list[Memory]) -> None:
        """One change by one of the hosts."""
        memory = self._choose.choice(memories)
        name = self._choose.choice([*self.nearest(), *self.vectors])
        match self._choose.choice(["add", "move", "delete", "erase"]):
            case "add":
                self._added += 1
                self.vectors[f"n{self._added}"] = self._near()
                memory.add("new", id=f"n{self._added}", vector=self.vectors[f"n{self._added}"])
            case "move":
                self.vectors[name] = self._near()
                memory.update(name, content="moved", vector=self.vectors[name])
            case "delete":
                del self.vectors[name]
                memory.delete(name)
            case _:
                del self.vectors[name]
                memory.erase(name)

    def nearest(self) -> list[str]:
        """The ids of the ten records that are nearest to the query."""
        cosine = {name: float(v @ QUERY / np.linalg.norm(v)) for name, v in self.vectors.items()}
        return sorted(cosine, key=lambda name: -cosine[name])[:10]

    def _near(self) -> NDArray[np.float32]:
        return (QUERY + self._draw.standard_normal(DIMENSION)).astype(np.float32)


def owner_among(memories: list[Memory]) -> Memory:
    """The one that writes the index."""
    owners: list[Memory] = []

    def is_known() -> bool:
        owners[:] = [memory for memory in memories if memory.stats().index == "ready"]
        return len(owners) == 1

    until(is_known)
    return owners[0]


def test_both_hosts_are_right_at_every_moment(
    place: Path | str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commonplace.maintenance.erasing.WAIT", 0.1)
    index = ChromaServer(server.url, timeout=5)
    model = Model(seed=5)
    with as_hosts(1), memory_on(place, index) as one, memory_on(place, index) as two:
        hosts = [one, two]
        fill(one)
        until(lambda: is_indexed(one) and is_indexed(two))
        for step in range(STEPS):
            if step == STEPS // 4:
                kill(worker_of(owner_among(hosts)), signal.SIGKILL)
            if step == STEPS // 2:
                server.end(signal.SIGKILL)
            if step == STEPS * 3 // 4:
                server.start()
            model.change(hosts)
            for memory in hosts:
                assert found(memory) == model.nearest(), step
        until(lambda: is_indexed(one) and is_indexed(two))
        until(lambda: server.ids(one) == set(model.vectors))
        until(lambda: all(receipt.complete for receipt in one.receipts()))
        until(lambda: server.held(one) == [len(model.vectors)])
        assert found(one) == found(two) == model.nearest()
        until(lambda: owner_among(hosts).verify().ok)
