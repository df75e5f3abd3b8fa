"""Measures AutoGen's memories side by side: Commonplace, and the Chroma one of autogen-ext.

    uv run python -m benchmarks.autogen
    uv run python -m benchmarks.autogen --write

Both are components as an agent uses them, with the same embedding function, at 10,000 memories.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from autogen_core.memory import Memory, MemoryContent, MemoryMimeType
from autogen_core.model_context import UnboundedChatCompletionContext
from autogen_core.models import UserMessage
from autogen_ext.memory.chromadb import (
    ChromaDBVectorMemory,
    CustomEmbeddingFunctionConfig,
    PersistentChromaDBVectorMemoryConfig,
)
from chromadb import EmbeddingFunction

import commonplace
from autogen_commonplace import CommonplaceMemory
from benchmarks.data import SMALL, Dataset, make, queries
from benchmarks.report import Finding, Mark, Measured, document, put_between_markers
from benchmarks.timing import measured
from commonplace import HashingEmbedder, Scope

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    Step = Callable[[int], Awaitable[object]]

ROOT = Path(__file__).resolve().parents[1]
RECORDS, ROUNDS, EACH, K, BATCH = 10_000, 5, 20, 10, 1000
PEER = "AutoGen's Chroma memory"
STALL = "event loop stalled by"
SECTION = "AutoGen's memories"
EMBEDDER = HashingEmbedder(384)
TICK = 0.001


class Hashing(EmbeddingFunction[list[str]]):
    """The embedder of both, as a Chroma embedding function."""

    def __init__(self) -> None:
        """Nothing to set up; Chroma warns of functions without this."""

    def __call__(self, input: list[str]) -> Any:  # noqa: A002 - Chroma's name
        """The vectors of texts."""
        return list(EMBEDDER.embed_documents(input))

    @staticmethod
    def name() -> str:
        """What Chroma notes it as."""
        return "hashing"

    def get_config(self) -> dict[str, Any]:
        """Nothing to configure."""
        return {}

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> Hashing:
        """As Chroma makes it again."""
        del config
        return Hashing()


class Heartbeat:
    """How long the event loop was kept from what else it has to do."""

    def __init__(self) -> None:
        self.gaps: list[float] = []

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._beat())
        await asyncio.sleep(10 * TICK)
        self.gaps.clear()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.sleep(2 * TICK)
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    @property
    def longest(self) -> Measured:
        """The longest stall, in milliseconds."""
        return Measured(p50=max(self.gaps, default=0.0))

    async def _beat(self) -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(TICK)
            now = time.perf_counter()
            self.gaps.append((now - last - TICK) * 1000)
            last = now


async def measure(place: Path) -> list[Finding]:
    """All of it, over stores made there."""
    path, dataset = place / "commonplace", make(RECORDS)
    user = SMALL[0]
    everything = CommonplaceMemory(path, k=K, embedder=EMBEDDER)
    dense = CommonplaceMemory(path, k=K, mode="dense", embedder=EMBEDDER)
    mine = CommonplaceMemory(path, k=K, scope=Scope(*user), embedder=EMBEDDER)
    theirs = ChromaDBVectorMemory(
        PersistentChromaDBVectorMemoryConfig(
            persistence_path=str(place / "chroma"),
            k=K,
            embedding_function_config=CustomEmbeddingFunctionConfig(function=Hashing, params={}),
        )
    )
    fill_ours(path, dataset)
    fill_theirs(theirs, dataset)
    asked = [query.text for query in queries((ROUNDS + 1) * EACH)]
    where = {"user": user[1]}
    found: list[Finding] = [await nothing_at_all()]
    steps: list[tuple[str, Step, Step, Mark | None]] = [
        (
            "query, of one user with 100 of them",
            lambda turn: mine.query(asked[turn]),
            lambda turn: theirs.query(asked[turn], where=where),
            Mark(ratio=5),
        ),
        (
            "query, of everything, by the cosine alone",
            lambda turn: dense.query(asked[turn]),
            lambda turn: theirs.query(asked[turn]),
            Mark(ratio=5),
        ),
        (
            "query, of everything, by words too",
            lambda turn: everything.query(asked[turn]),
            lambda turn: theirs.query(asked[turn]),
            None,
        ),
        (
            "update_context, of one user; Chroma's is of everything",
            lambda turn: recalled(mine, asked[turn]),
            lambda turn: recalled(theirs, asked[turn]),
            None,
        ),
        (
            "add",
            lambda turn: mine.add(content(f"{asked[turn]} {turn}")),
            lambda turn: theirs.add(content(f"{asked[turn]} {turn}")),
            Mark(ratio=5),
        ),
    ]
    for what, ours, other, mark in steps:
        took, stalls = await alternated({"ours": ours, "theirs": other})
        found.append(finding(what, took, mark))
        found.append(finding(f"{STALL} {what}", stalls, Mark(limit=50)))
    for memory in (everything, dense, mine, theirs):
        await memory.close()
    return found


async def nothing_at_all() -> Finding:
    """How long this machine stalls an event loop by itself."""
    async with Heartbeat() as heart:
        await asyncio.sleep(1)
    return Finding(
        section=SECTION, what=f"{STALL} nothing", records=0, unit="ms", ours=heart.longest
    )


async def alternated(
    calls: Mapping[str, Step],
) -> tuple[dict[str, Measured], dict[str, Measured]]:
    """What calls of each take, in turns, and the longest stall that they made, in milliseconds."""
    took: dict[str, list[float]] = {name: [] for name in calls}
    stalls: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(ROUNDS + 1):  # the first one warms up
        for name, call in calls.items():
            async with Heartbeat() as heart:
                for number in range(turn * EACH, turn * EACH + EACH):
                    started = time.perf_counter()
                    await call(number)
                    if turn:
                        took[name].append((time.perf_counter() - started) * 1000)
            if turn:
                stalls[name].append(heart.longest.p50)
    return (
        {name: measured(samples) for name, samples in took.items()},
        {name: Measured(p50=float(np.max(samples))) for name, samples in stalls.items()},
    )


async def recalled(memory: Memory, question: str) -> None:
    """One turn of an agent in a conversation of twenty messages."""
    said = [UserMessage(content=f"message {number}", source="user") for number in range(19)]
    asked = UserMessage(content=question, source="user")
    await memory.update_context(UnboundedChatCompletionContext([*said, asked]))


def fill_ours(path: Path, dataset: Dataset) -> None:
    """Everything, in batches, each record in the scope of its user."""
    with commonplace.Memory(path, embedder=EMBEDDER) as memory:
        for start in range(0, RECORDS, BATCH):
            rows = dataset.rows(start, start + BATCH)
            memory.add_many({"content": row.text, "scope": Scope(*row.scope)} for row in rows)


def fill_theirs(memory: ChromaDBVectorMemory, dataset: Dataset) -> None:
    """Everything, in batches past the component: one by one, as it adds, takes minutes."""
    memory._ensure_initialized()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - see above
    collection: Any = memory._collection  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - see above
    for start in range(0, RECORDS, BATCH):
        rows = dataset.rows(start, start + BATCH)
        collection.add(
            ids=[row.id for row in rows],
            documents=[row.text for row in rows],
            metadatas=[{"mime_type": "text/plain", "user": row.scope[1]} for row in rows],
        )


def content(text: str) -> MemoryContent:
    """A text to remember."""
    return MemoryContent(content=text, mime_type=MemoryMimeType.TEXT, metadata={"topic": "any"})


def finding(what: str, figures: dict[str, Measured], mark: Mark | None) -> Finding:
    """One line of the report."""
    return Finding(
        section=SECTION,
        what=what,
        records=RECORDS,
        unit="ms",
        ours=figures["ours"],
        peer=PEER,
        theirs=figures["theirs"],
        mark=mark,
    )


def main() -> None:
    """Prints the table, and writes it into the docs where wanted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write docs/autogen.md")
    given = parser.parse_args()
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        findings = asyncio.run(measure(Path(folder)))
    report = f"* autogen-ext: {version('autogen-ext')}\n{document(findings)}"
    print(report)
    if given.write:
        put_between_markers(ROOT / "docs/autogen.md", report)


if __name__ == "__main__":
    main()
