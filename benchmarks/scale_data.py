"""The data of `benchmarks.scale`: made batch by batch, so that a million records take no memory.

Everything is seeded by the number of the first record of a batch: the same memory every time.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]
    Numbers = NDArray[np.int64]

DIMENSION = 128
CLUSTERS = 500
NOISE = 0.9
VOCABULARY = 50_000
EACH_USER = 100
EACH_TEAM = 20
"""So many users are a team: a team's scope holds the same 2,000 records in every memory."""

EACH_THREAD = 10
"""One user in so many has a thread."""

PROJECTS, CASES = 100, 1_000
"""A project is one in a hundred records, a case one in a thousand."""

QUERIES = 100
NEAREST = 10


def scope_of(user: int) -> str:
    """Where a user's records are."""
    return f"{team_of(user)}/user{user:06}"


def team_of(user: int) -> str:
    """The scope of the user's team."""
    return f"team{user // EACH_TEAM:05}"


def id_of(number: int) -> str:
    """The id of a record."""
    return f"record-{number:08}"


def owners(first: int, last: int) -> Numbers:
    """The users of some records, in the order of writing: nobody's records stand together."""
    users = np.arange(first, last) // EACH_USER
    return np.random.default_rng((5, first)).permutation(users)


class Made:
    """A batch of records, and their vectors."""

    def __init__(self, first: int, users: Numbers) -> None:
        random = np.random.default_rng((6, first))
        self.first = first
        self.vectors = _vectors(random, len(users))
        self._users = users
        self._texts = _texts(random, len(users), 8, 24)
        self._projects = random.integers(PROJECTS, size=len(users)).tolist()
        self._cases = random.integers(CASES, size=len(users)).tolist()

    def records(self) -> Iterator[dict[str, Any]]:
        """As `add_many` takes them."""
        for n, user in enumerate(self._users.tolist()):
            yield {
                "id": id_of(self.first + n),
                "content": self._texts[n],
                "scope": scope_of(user),
                "vector": self.vectors[n],
                "metadata": {
                    "project": f"project{self._projects[n]}",
                    "case": self._cases[n],
                    "day": (self.first + n) % 365,
                    "language": "en",
                },
            }


class Truth:
    """The true nearest of some queries, found by brute force while the records are made."""

    def __init__(self) -> None:
        random = np.random.default_rng(2)
        self.texts = _texts(random, QUERIES, 3, 6)
        self.vectors = _vectors(random, QUERIES)
        self._best = np.full((QUERIES, NEAREST), -np.inf, dtype=np.float32)
        self._numbers = np.full((QUERIES, NEAREST), -1, dtype=np.int64)

    def see(self, made: Made) -> None:
        """Look at some more records."""
        numbers = np.arange(made.first, made.first + len(made.vectors))
        both = np.hstack([self._best, self.vectors @ made.vectors.T])
        named = np.hstack([self._numbers, np.broadcast_to(numbers, (QUERIES, len(numbers)))])
        best = np.argsort(-both, axis=1)[:, :NEAREST]
        self._best = np.take_along_axis(both, best, axis=1)
        self._numbers = np.take_along_axis(named, best, axis=1)

    def recall(self, answers: Sequence[Sequence[str]]) -> float:
        """The share of the true nearest among the answers to the first queries."""
        wanted = [{id_of(int(n)) for n in row} for row in self._numbers[: len(answers)]]
        found = sum(len(one & set(ids)) for one, ids in zip(wanted, answers, strict=True))
        return found / sum(map(len, wanted))


def said(number: int) -> list[tuple[str, str]]:
    """The messages of a thread."""
    texts = _texts(np.random.default_rng((7, number)), 40, 8, 24)
    return [(("user", "assistant")[n % 2], text) for n, text in enumerate(texts)]


def _vectors(random: np.random.Generator, count: int) -> Matrix:
    centres = np.random.default_rng(1).standard_normal((CLUSTERS, DIMENSION), dtype=np.float32)
    found = NOISE * random.standard_normal((count, DIMENSION), dtype=np.float32)
    found += centres[random.integers(CLUSTERS, size=count)]
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def _texts(random: np.random.Generator, count: int, shortest: int, longest: int) -> list[str]:
    lengths = random.integers(shortest, longest + 1, size=count)
    ends = np.cumsum(lengths)
    chosen: list[int] = np.searchsorted(_CHANCES, random.random(int(ends[-1]))).tolist()
    return [
        " ".join(_WORDS[n] for n in chosen[end - length : end]).capitalize() + "."
        for end, length in zip(ends.tolist(), lengths.tolist(), strict=True)
    ]


def _vocabulary() -> list[str]:
    """Pronounceable words, the short ones most frequent."""
    syllables = [first + vowel for first, vowel in product("bdfghklmnprstvw", "aeiou")]
    pairs = ["".join(pair) for pair in product(syllables, repeat=2)]
    longer = ["".join(three) for three in product(syllables, repeat=3)]
    random = np.random.default_rng(3)
    chosen = [*random.permutation(pairs), *random.choice(longer, VOCABULARY, replace=False)]
    return [*syllables, *map(str, chosen)][:VOCABULARY]


_WORDS = _vocabulary()
_ZIPF = np.cumsum(1 / np.arange(1, VOCABULARY + 1))
_CHANCES = _ZIPF / _ZIPF[-1]
"""The chance that a word is one of the first so many: Zipf's law."""
