"""Memories made twice: one is moved to another embedder, one had it from the start."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from commonplace.testing import FakeClock

OLD = HashingEmbedder(64, passage_length=200)
NEW = HashingEmbedder(48, passage_length=120)
START = 1_700_000_000_000_000
WORDS = "tea coffee milk train river cello garden winter harbour letter bridge kettle".split()  # noqa: SIM905 - words
QUERIES = ["tea by the river", "winter garden", "letter", "kettle cello", "harbour bridge train"]


class Watched(HashingEmbedder):
    """An embedder that calls back before it embeds stored texts."""

    def __init__(
        self,
        dimension: int = 48,
        *,
        before: Callable[[int], None],
        passage_length: int | None = 120,
    ) -> None:
        super().__init__(dimension, passage_length=passage_length)
        self.before = before
        self.calls = 0
        self.texts = 0

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.calls += 1
        self.texts += len(texts)
        self.before(self.calls)
        return super().embed_documents(texts)

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return super().embed_documents(texts)


def rest(_call: int) -> None:
    """Do nothing before a text is embedded."""


@dataclass
class Life:
    """The same random life for every memory of one seed; remembers when what was done."""

    seed: int
    moments: list[int] = field(default_factory=list[int])

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._number = 0
        self._alive: list[str] = []

    def live(self, memory: Memory, clock: FakeClock, steps: int) -> None:
        for _ in range(steps):
            self._step(memory)
            self.moments.append(clock.now())

    def _step(self, memory: Memory) -> None:
        verb = self._chance.choices(
            ["add", "update", "touch", "replace", "delete"], [8, 4, 1, 2, 1]
        )[0]
        if verb == "add" or not self._alive:
            self._number += 1
            name = f"r{self._number}"
            scope = f"s/{self._chance.randint(0, 3)}"
            memory.add(self._text(), id=name, scope=scope, embed=self._chance.random() < 0.9)
            self._alive.append(name)
            return
        name = self._chance.choice(self._alive)
        if verb == "update":
            memory.update(name, content=self._text(), embed=self._chance.random() < 0.9)
        elif verb == "touch":
            memory.update(name, metadata={"touched": True})
        elif verb == "replace":
            found = memory.get(name)
            assert found is not None
            memory.add(self._text(), id=name, scope=found.scope)
        else:
            memory.delete(name)
            self._alive.remove(name)

    def _text(self) -> str:
        length = self._chance.choice([1, 3, 8, 60])
        words = " ".join(self._chance.choices(WORDS, k=length))
        return self._chance.choice([words, words, words, f"  {words}\n", " \u2003\n", ""])


def found(
    memory: Memory, *, as_of: datetime | None = None
) -> list[list[tuple[str, float, float | None]]]:
    """What searches of every kind find, with all scores."""
    return [
        [
            (hit.id, hit.score, hit.similarity)
            for hit in memory.search(query, mode=mode, scope=scope, limit=1_000, as_of=as_of)
        ]
        for query in QUERIES
        for mode in ("dense", "hybrid", "lexical")
        for scope in ("", "s/1")
    ]


def moment(micros: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)


def assert_alike(moved: Memory, fresh: Memory, lives: tuple[Life, Life]) -> None:
    """Every search of the one finds what that of the other finds, now and at every moment."""
    assert states(moved) == states(fresh)
    assert found(moved) == found(fresh)
    assert held(moved, "default") == held(fresh, "default")
    ours, theirs = lives
    for one, other in list(zip(ours.moments, theirs.moments, strict=True))[::29]:
        assert found(moved, as_of=moment(one)) == found(fresh, as_of=moment(other))


def states(memory: Memory) -> list[tuple[str, int, str]]:
    """Every record: id, version, content. Times differ by how often the clock was looked at."""
    records = memory.list(limit=10_000, order_by="id")
    return [(record.id, record.version, record.content) for record in records]


def held(memory: Memory, space: str) -> dict[tuple[str, int], bytes]:
    """The vectors of every present and former state in a space, by record and version."""
    # Stored vectors are not public; whose they are must be seen all the same.
    statement = """
        SELECT id, version, ordinal, vector FROM (
          SELECT r.id, r.version, v.ordinal, v.vector, v.space_id
          FROM vectors v JOIN records r ON r.pk = v.record_pk
          UNION ALL
          SELECT r.id, r.version, v.ordinal, v.vector, v.space_id
          FROM version_vectors v JOIN versions r ON r.pk = v.version_pk
        ) WHERE space_id = (SELECT id FROM spaces WHERE name = :space) ORDER BY id, version, ordinal
    """
    vectors: dict[tuple[str, int], bytes] = {}
    for row in rows(memory, statement, space=space):
        vectors[row[0], row[1]] = vectors.get((row[0], row[1]), b"") + row[3]
    return vectors


def rows(memory: Memory, statement: str, **values: Any) -> list[Any]:
    """What a statement of ours finds in the ledger of a memory."""
    with memory._store._ledger.read() as snapshot:  # pyright: ignore[reportPrivateUsage]
        return snapshot._connection.execute(text(statement), values).all()  # pyright: ignore[reportPrivateUsage]


def assert_nothing_left(memory: Memory, spaces: set[str]) -> None:
    """No space, vector or note of a reindex is left over."""
    assert {space.name for space in memory.stats().spaces} == spaces
    assert not any(space.partial for space in memory.stats().spaces)
    for table in ("vectors", "version_vectors", "index_state"):
        orphans = f"SELECT count(*) FROM {table} WHERE space_id NOT IN (SELECT id FROM spaces)"  # noqa: S608 - our own names
        assert rows(memory, orphans) == [(0,)]
    assert rows(memory, "SELECT count(*) FROM settings WHERE name = 'reindex'") == [(0,)]
    assert memory.verify().problems == ()
