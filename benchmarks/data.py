"""The data: clustered vectors, short texts of a Zipf vocabulary, users in teams, some metadata.

Everything is seeded: the same numbers of records give the same data on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.peers import LIMIT, Narrow, Query, Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

DIMENSION = 384
CLUSTERS = 50
NOISE = 0.9
VOCABULARY = 5_000

# A hundred users, each a scope. Those of the team "half" hold half of all records together, those
# of "tenth" a tenth, the one of "hundredth" a hundredth. Among the rest are twenty small ones,
# which hold a hundred records each however large the memory is.
TEAMS = ["half"] * 50 + ["tenth"] * 10 + ["hundredth"] + ["rest"] * 39
USERS = [(team, f"user{number:02d}") for number, team in enumerate(TEAMS)]
SMALL = USERS[61:81]
SMALL_SIZE = 100

# The same shares as a metadata field, dealt out at random.
TIERS = {"gold": 0.01, "silver": 0.10, "bronze": 0.50, "basic": 0.39}


@dataclass(frozen=True)
class Dataset:
    """So many records, in columns."""

    ids: Sequence[str]
    texts: Sequence[str]
    vectors: Matrix
    scopes: Sequence[tuple[str, ...]]
    tiers: Sequence[str]

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, start: int = 0, stop: int | None = None) -> list[Row]:
        """Some of the records as rows to write."""
        return [self._row(number) for number in range(len(self))[start:stop]]

    def in_one_scope(self) -> Dataset:
        """The same records, all in one scope."""
        return replace(self, scopes=[("everyone",)] * len(self))

    def exact(self, queries: Sequence[Query], narrow: Sequence[Narrow]) -> list[set[str]]:
        """The ids of the true nearest records of each query, by brute force."""
        pools = {place: np.flatnonzero(self._within(place)) for place in set(narrow)}
        return [
            self._nearest(query, pools[place]) for query, place in zip(queries, narrow, strict=True)
        ]

    def _nearest(self, query: Query, pool: NDArray[np.intp]) -> set[str]:
        best = np.argsort(-(self.vectors @ query.vector)[pool])[:LIMIT]
        return {self.ids[int(number)] for number in pool[best]}

    def _within(self, narrow: Narrow) -> NDArray[np.bool_]:
        depth = len(narrow.scope)
        return np.array(
            [
                scope[:depth] == narrow.scope and narrow.tier in {"", tier}
                for scope, tier in zip(self.scopes, self.tiers, strict=True)
            ]
        )

    def _row(self, number: int) -> Row:
        metadata: dict[str, str | int] = {
            "tier": self.tiers[number],
            "topic": f"topic{number % CLUSTERS}",
            "day": number % 365,
            "language": "en",
        }
        return Row(
            self.ids[number],
            self.texts[number],
            self.vectors[number],
            self.scopes[number],
            metadata,
        )


def make(records: int) -> Dataset:
    """A memory of so many records."""
    random = np.random.default_rng(records)
    owners = random.permutation(np.repeat(np.arange(len(USERS)), _sizes(records)))
    names = list(TIERS)
    tiers = random.choice(len(names), records, p=list(TIERS.values()))
    return Dataset(
        ids=[f"record-{number}" for number in range(records)],
        texts=_texts(random, records, shortest=8, longest=24),
        vectors=_vectors(random, records),
        scopes=[USERS[int(owner)] for owner in owners],
        tiers=[names[int(tier)] for tier in tiers],
    )


def newcomers(count: int, name: str) -> list[Row]:
    """Rows that are written one by one, in a scope of their own."""
    some = make(count)
    ids = [f"{name}-{number}" for number in range(count)]
    return replace(some, ids=ids, scopes=[("late", "writer")] * count).rows()


def queries(count: int) -> list[Query]:
    """What is searched for; near the same clusters, and none of the records."""
    random = np.random.default_rng(2)
    texts = _texts(random, count, shortest=3, longest=6)
    return [Query(*pair) for pair in zip(texts, _vectors(random, count), strict=True)]


def _sizes(records: int) -> NDArray[np.int64]:
    """How many records each user has."""
    small = min(SMALL_SIZE, records // 100)
    rest = records - records // 2 - records // 10 - records // 100 - small * len(SMALL)
    return np.concatenate(
        [
            _spread(records // 2, 50),
            _spread(records // 10, 10),
            _spread(records // 100, 1),
            _spread(small * len(SMALL), len(SMALL)),
            _spread(rest, 19),
        ]
    )


def _spread(total: int, parts: int) -> NDArray[np.int64]:
    return np.full(parts, total // parts) + (np.arange(parts) < total % parts)


def _vectors(random: np.random.Generator, count: int) -> Matrix:
    centres = np.random.default_rng(1).standard_normal((CLUSTERS, DIMENSION), dtype=np.float32)
    found = NOISE * random.standard_normal((count, DIMENSION), dtype=np.float32)
    found += centres[random.integers(CLUSTERS, size=count)]
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def _texts(random: np.random.Generator, count: int, *, shortest: int, longest: int) -> list[str]:
    words = _words()
    weights = 1 / np.arange(1, len(words) + 1)
    lengths = random.integers(shortest, longest + 1, size=count)
    ends = np.cumsum(lengths)
    chosen = random.choice(len(words), int(ends[-1]), p=weights / weights.sum())
    return [
        " ".join(words[int(number)] for number in some).capitalize() + "."
        for some in np.split(chosen, ends[:-1])
    ]


def _words() -> list[str]:
    """Pronounceable words, the short ones most frequent."""
    syllables = [first + vowel for first, vowel in product("bdfghklmnprstvw", "aeiou")]
    pairs = ["".join(pair) for pair in product(syllables, repeat=2)]
    order = np.random.default_rng(3).permutation(len(pairs))
    return (syllables + [pairs[number] for number in order])[:VOCABULARY]
