"""A memory large enough to be worth an index, built once and copied."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from commonplace import Memory, PrecomputedEmbedder

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from numpy.typing import NDArray

LIMIT = 2_500
COUNT = 3_000
DIMENSION = 32
PATIENCE = 120.0


class Built:
    """Where the built memory lies, and the vectors in it: the n-th belongs to record `r<n>`."""

    def __init__(self, path: Path, vectors: NDArray[np.float32]) -> None:
        self.path = path
        self.vectors = vectors

    def open(self, **options: object) -> Memory:
        """The memory, opened."""
        return Memory(self.path, embedder=embedder(), **options)  # pyright: ignore[reportArgumentType]

    def nearest(
        self, query: NDArray[np.float32], count: int, *, among: Callable[[int], bool] = bool
    ) -> list[str]:
        """The ids of the truly nearest records, by brute force."""
        chosen = np.array([n for n in range(len(self.vectors)) if among(n) or among is bool])
        units = self.vectors[chosen]
        units = units / np.linalg.norm(units, axis=1, keepdims=True)
        order = np.argsort(-(units @ query), kind="stable")[:count]
        return [f"r{chosen[n]}" for n in order]


def embedder() -> PrecomputedEmbedder:
    return PrecomputedEmbedder("test/index@1", DIMENSION)


def clustered(count: int, seed: int) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    centres = random.standard_normal((100, DIMENSION))
    noise = 0.6 * random.standard_normal((count, DIMENSION))
    return (centres[random.integers(0, 100, count)] + noise).astype(np.float32)


@contextlib.contextmanager
def limits() -> Generator[None]:
    """The index pays from 2,500 records on here, filtered or not, so that building it is quick."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("commonplace.index.serving.START_AT", LIMIT)
        patch.setattr("commonplace.search.candidates.EXACT_LIMIT", LIMIT)
        patch.setattr("commonplace.search.candidates.EXACT_LIMIT_FILTERED", LIMIT)
        yield


@pytest.fixture(autouse=True)
def lower_limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As above, and a busy machine is given time to answer."""
    monkeypatch.setattr("commonplace.index.index._ANSWER_SECONDS", PATIENCE)
    with limits():
        yield


@contextlib.contextmanager
def stopped_process(process: int) -> Generator[None]:
    """A stopped index process, which searches do not wait for long."""
    os.kill(process, signal.SIGSTOP)
    await_stop(process)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("commonplace.index.index._ANSWER_SECONDS", 0.25)
            yield
    finally:
        with contextlib.suppress(ProcessLookupError):  # it may be given up
            os.kill(process, signal.SIGCONT)


def await_stop(process: int) -> None:
    """Wait until a process that was sent the signal does nothing any more."""
    while Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        time.sleep(0.001)


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Built:
    vectors = clustered(COUNT, seed=1)
    path = tmp_path_factory.mktemp("index") / "memory"
    with limits(), Memory(path, embedder=embedder()) as memory:
        memory.add_many(
            {
                "id": f"r{n}",
                "content": f"text number{n}",
                "scope": f"users/u{n % 10}",
                "vector": vectors[n],
                "metadata": {"tenth": n % 10, "hundredth": n % 100},
            }
            for n in range(COUNT)
        )
        memory.flush()
    return Built(path, vectors)


@pytest.fixture
def built(original: Built, tmp_path: Path) -> Built:
    path = tmp_path / "memory"
    shutil.copytree(original.path, path)
    return Built(path, original.vectors)
