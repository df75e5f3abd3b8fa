"""Scores and their order: pure functions on arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from commonplace.search.lexical import Matches

    Pks = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Parts = Mapping[str, Floats]

TELLING = 1.0
"""The BM25 from which words tell texts apart: one in four texts holds a word of that weight."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Candidates of a search: a record number each, and what each lane says of it.

    Attributes:
        pks: record numbers, distinct.
        similarity: cosine with the query; NaN where the record has no vector.
        lexical: BM25 above 0; NaN where no word matches.
        score: what the record is ranked by.
        parts: what the score is made of, by name; each adds to it.
    """

    pks: Pks
    similarity: Floats
    lexical: Floats
    score: Floats
    parts: Parts = field(default_factory=dict[str, "Floats"])

    def __len__(self) -> int:
        return len(self.pks)

    def take(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> Scored:
        """Some of the candidates, in the order chosen."""
        return Scored(
            self.pks[chosen],
            self.similarity[chosen],
            self.lexical[chosen],
            self.score[chosen],
            {name: part[chosen] for name, part in self.parts.items()},
        )

    def part(self, name: str) -> Floats:
        """One part of the scores, 0 where they have none of that name."""
        return self.parts.get(name, np.zeros(len(self.pks)))

    def with_context(self, rows: NDArray[np.intp], scale: float, added: Parts) -> Scored:
        """The same with parts added to the scores of some rows, and those scaled."""
        scales = np.ones(len(self.pks))
        scales[rows] = scale
        parts = {name: part * scales for name, part in self.parts.items()}
        score = self.score * scales
        for name, values in added.items():
            parts[name] = np.zeros(len(self.pks))
            parts[name][rows] = values * scale
            score[rows] += values * scale
        return Scored(self.pks, self.similarity, self.lexical, score, parts)

    def rows(self) -> Iterator[tuple[int, float, float, float]]:
        """Each candidate as `(record number, score, similarity, lexical)`."""
        columns = (self.pks, self.score, self.similarity, self.lexical)
        return zip(*(column.tolist() for column in columns), strict=True)


EMPTY = Scored(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0), np.zeros(0))
"""No candidates."""


def best_per_record(pks: Pks, similarity: Floats) -> tuple[Pks, Floats]:
    """One row a record: its best vector counts (max pooling)."""
    unique, inverse = np.unique(pks, return_inverse=True)
    if len(unique) == len(pks):
        order = np.argsort(pks, kind="stable")
        return pks[order], similarity[order]
    best = np.full(len(unique), -np.inf)
    np.maximum.at(best, inverse, similarity)
    return unique, best


def dense_scored(pks: Pks, similarity: Floats) -> Scored:
    """Candidates ranked by cosine alone."""
    return Scored(pks, similarity, np.full(len(pks), np.nan), similarity)


def lexical_scored(matches: Matches) -> Scored:
    """Candidates ranked by BM25 alone."""
    return Scored(matches.pks, np.full(len(matches.pks), np.nan), matches.score, matches.score)


def fused(pks: Pks, similarity: Floats, matches: Matches, *, dense_weight: float) -> Scored:
    """Both lanes in one score, 0 to 1.

    Each lane is divided by its best score, so that the two are comparable, and weighted. Scores
    are fused and not ranks: equal-weight reciprocal rank fusion can do worse than BM25 alone.
    A lane of words that tell nothing, because most texts hold them, is not made large by that.

    Args:
        pks: records with a vector, each once.
        similarity: their cosines.
        matches: the BM25 of those of them (and others) that hold a word of the query.
        dense_weight: the weight of the dense lane, 0 to 1; the lexical lane has the rest.
    """
    extra = matches.outside(pks)
    every = np.concatenate([pks, extra])
    cosine = np.concatenate([similarity, np.full(len(extra), np.nan)])
    words = matches.of(every)
    dense = _share_of_best(np.nan_to_num(cosine))
    lexical = _share_of_best(np.nan_to_num(words), least=TELLING)
    parts = {"dense": dense_weight * dense, "lexical": (1 - dense_weight) * lexical}
    return Scored(every, cosine, words, parts["dense"] + parts["lexical"], parts)


def _share_of_best(scores: Floats, *, least: float = 0.0) -> Floats:
    positive = np.maximum(scores, 0.0)
    best = positive.max(initial=least)
    return positive / best if best else positive


def above(scored: Scored, least: float | None) -> Scored:
    """Those with at least this score; all of them for None."""
    return scored if least is None else scored.take(scored.score >= least)


def joined(first: Scored, second: Scored) -> Scored:
    """The one followed by the other."""
    return Scored(
        np.concatenate([first.pks, second.pks]),
        np.concatenate([first.similarity, second.similarity]),
        np.concatenate([first.lexical, second.lexical]),
        np.concatenate([first.score, second.score]),
        {
            name: np.concatenate([first.part(name), second.part(name)])
            for name in {**first.parts, **second.parts}
        },
    )


def leading(scored: Scored, count: int) -> Scored:
    """The `count` best candidates and all that tie with the last of them, best first."""
    if count >= len(scored):
        return scored.take(np.argsort(-scored.score, kind="stable"))
    if count <= 0:
        return scored.take(np.zeros(0, dtype=np.intp))
    bar = -np.partition(-scored.score, count - 1)[count - 1]
    kept = scored.take(scored.score >= bar)
    return kept.take(np.argsort(-kept.score, kind="stable"))
