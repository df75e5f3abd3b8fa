"""The lexical lane: BM25 with the statistics of what a search may find, and of nothing else."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commonplace.search.texts import TextBlock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from commonplace.analysis import Analyser, Wanted
    from commonplace.search.request import Bm25, Request
    from commonplace.search.texts import TextCache
    from commonplace.search.view import View

    Pks = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

MOST_IN_MEMORY = 20_000
"""The terms of all texts of a view of at most so many records are kept in memory."""

LEAST_SCORE = 1e-9
"""What a match scores at least."""

_POOL = 100
_COMMON = 10_000
_ALL = 2**62


@dataclass(frozen=True, slots=True)
class Matches:
    """Texts that hold words of a query, each once, with their BM25 above 0."""

    pks: Pks
    score: Floats

    def of(self, pks: Pks) -> Floats:
        """The BM25 of some records; NaN where no word matches."""
        held, places = _placed(pks, self.pks)
        found = np.full(len(pks), np.nan)
        found[held] = self.score[places[held]]
        return found

    def outside(self, pks: Pks) -> Pks:
        """Those that match and are not among some records."""
        return self.pks[~_placed(self.pks, pks)[0]]

    def and_(self, others: Matches) -> Matches:
        """These and others."""
        return Matches(
            np.concatenate([self.pks, others.pks]), np.concatenate([self.score, others.score])
        )


NO_MATCHES = Matches(np.zeros(0, dtype=np.int64), np.zeros(0))
"""None."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What BM25 knows of the view as a whole.

    Attributes:
        texts: how many texts there are.
        held: how many of them hold each term, then each phrase.
        length: how many terms a text with a word of the query has on average.
    """

    texts: int
    held: Floats
    length: float


class LexicalLane:
    """The words of one search, within one view.

    Args:
        view: what may be found.
        request: the search.
        wanted: what its query looks for.
        analyser: makes the terms of texts.
        cache: the terms of hot scopes, or None to read every text that matches.

    Attributes:
        attainable: what a text of average length with every word once would score, once scored.
    """

    def __init__(
        self,
        view: View,
        request: Request,
        wanted: Wanted,
        analyser: Analyser,
        cache: TextCache | None,
    ) -> None:
        self._view = view
        self._bm25 = request.bm25
        self._wanted = wanted
        self._analyser = analyser
        self._cache = cache
        phrases = (" ".join(phrase.words) for phrase in wanted.phrases)
        self._asked = [*wanted.words, *phrases]

        self._counted: Statistics | None = None
        self.attainable = 0.0

    @property
    def small(self) -> bool:
        """Whether all texts of the view are scored at once."""
        return self._view.total <= MOST_IN_MEMORY

    def every(self) -> Matches:
        """All that match."""
        if not self._asked:
            return NO_MATCHES
        view = self._view
        if self.small and self._cache and view.places is not None and self._cache.fits(view.places):
            block = self._cache.block(view.snapshot, view.places)
            if view.keep is not None:
                block = block.take(view.keep(block.pks))
            return self._scored(block, len(block.pks))
        if self.small and self._sealed:
            block = self._read(view.chosen.tolist())
            return self._scored(block, len(block.pks))
        found = self._found(self._asked, _ALL)
        if self.small:
            texts = len(view.chosen) if view.chosen_one_by_one else view.total
            return self._scored(self._read(found.pks), texts)
        return _continued(self.leading(), found)

    @property
    def unread(self) -> bool:
        """Whether there are texts that words do not find: sealed ones, in a view too large."""
        return self._sealed and not self.small

    @functools.cached_property
    def _sealed(self) -> bool:
        return self._view.snapshot.sealed(self._view.selection)

    def leading(self, count: int = 0) -> Matches:
        """The best, some multiple of `count` if there are so many, by the rarer words."""
        if not self._asked:
            return NO_MATCHES
        words = self._asked[: len(self._wanted.words)]
        counts = [self._view.snapshot.text_count(word, self._view.selection) for word in words]
        found = self._found(self._rarer(counts), max(_POOL, 4 * count))
        block = self._read(found.pks)
        length = float(block.sizes.mean()) if len(block.pks) else 1.0
        held = np.array([*counts, *(0 for _ in self._wanted.phrases)], dtype=np.float64)
        self._counted = Statistics(self._view.total, held, length)
        return self._scored(block, self._view.total)

    def among(self, pks: Pks) -> Matches:
        """Those of some records that match; after `leading`."""
        return self._scored(self._read(pks), self._view.total) if self._asked else NO_MATCHES

    def _rarer(self, counts: list[int]) -> list[str]:
        """The phrases, and the rarer words: common ones rank texts and are no reason to read them.

        A search by `every` finds the texts that hold common words alone.
        """
        words, phrases = self._asked[: len(counts)], self._asked[len(counts) :]
        held = np.array(counts, dtype=np.int64)
        order: list[int] = np.argsort(held, kind="stable").tolist()
        sums = np.cumsum(held[order])
        within = max(1, int(np.count_nonzero(sums <= _COMMON)))
        first = int(np.count_nonzero(sums == 0))  # words that no text holds
        return phrases + [words[n] for n in order[: max(within, first + 1)]]

    def _found(self, words: list[str], most: int) -> Matches:
        """What the full-text index finds, by its own score."""
        rows = self._view.snapshot.matching_text(words, self._view.selection, most)
        return Matches(
            np.array([pk for pk, _ in rows], dtype=np.int64),
            np.array([score for _, score in rows], dtype=np.float64),
        )

    def _read(self, pks: Iterable[int]) -> TextBlock:
        texts = self._view.snapshot.texts(int(pk) for pk in pks)
        return TextBlock.of(texts, self._analyser)

    def _scored(self, block: TextBlock, texts: int) -> Matches:
        """The BM25 of those of some texts that match."""
        counts = np.vstack([block.counts(self._wanted.terms), *self._phrases(block)])
        matched = counts.any(axis=0)
        for held in counts[len(self._wanted.terms) :]:
            if held.any():  # what stands in quotes is meant as it stands, where it stands at all
                matched &= held > 0
        counts, lengths = counts[:, matched], block.sizes[matched].astype(np.float64)
        known = self._counted or Statistics(
            texts, np.count_nonzero(counts, axis=1), float(lengths.mean()) if len(lengths) else 1.0
        )
        idf = _idf(known)
        self.attainable = float(idf[: len(self._wanted.terms)].sum())
        score = _bm25(counts, lengths, known.length, idf, self._bm25)
        return Matches(block.pks[matched], np.maximum(score, LEAST_SCORE))

    def _phrases(self, block: TextBlock) -> Iterator[Floats]:
        """Whether each text holds each phrase, as 1 or 0."""
        for phrase in self._wanted.phrases:
            possible = block.pks[block.counts(phrase.terms).all(axis=0)]
            held = [
                pk
                for pk, text in self._view.snapshot.texts(possible.tolist())
                if self._analyser.holds(text, phrase)
            ]
            yield np.isin(block.pks, held).astype(np.float64)


def _placed(pks: Pks, among: Pks) -> tuple[Flags, NDArray[np.intp]]:
    """Which of some records are among others, and where there."""
    if not len(among):
        return np.zeros(len(pks), dtype=np.bool_), np.zeros(len(pks), dtype=np.intp)
    order = np.argsort(among, kind="stable")
    ordered = among[order]
    places = np.minimum(np.searchsorted(ordered, pks), len(ordered) - 1)
    return ordered[places] == pks, order[places]


def _idf(known: Statistics) -> Floats:
    """How rare each term is; never below 0, as in Lucene."""
    held = np.minimum(known.held, known.texts)
    return np.log1p((known.texts - held + 0.5) / (held + 0.5))


def _bm25(counts: Floats, lengths: Floats, length: float, idf: Floats, bm25: Bm25) -> Floats:
    """Robertson and Zaragoza, The probabilistic relevance framework, 2009.

    Equal texts get equal numbers wherever they stand, which a product of BLAS does not promise.
    """
    longer = 1 - bm25.b + bm25.b * lengths / max(length, 1.0)
    most = counts + bm25.k1 * longer
    told = np.divide(counts * (bm25.k1 + 1), most, out=np.zeros(counts.shape), where=most > 0)
    return np.sum(idf[:, np.newaxis] * told, axis=0)


def _continued(first: Matches, others: Matches) -> Matches:
    """The first, and the others below them in the order they have."""
    other = ~_placed(others.pks, first.pks)[0]
    rest, pks = others.score[other], others.pks[other]
    if len(first.pks) and len(pks):
        rest = rest * min(1.0, float(first.score.min()) / float(rest.max()))
    return Matches(
        np.concatenate([first.pks, pks]),
        np.concatenate([first.score, np.maximum(rest, LEAST_SCORE)]),
    )
