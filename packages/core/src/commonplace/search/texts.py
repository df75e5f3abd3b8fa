"""The terms of stored texts, and those of hot scopes kept in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commonplace.search.cache import BlockCache

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from numpy.typing import NDArray

    from commonplace.analysis import Analyser
    from commonplace.ledger import Snapshot

    Pks = NDArray[np.int64]
    Floats = NDArray[np.float64]

_WORDS = 0
"""Stands for the space in the places of a `TextCache`: there is one language a memory."""


@dataclass(frozen=True, slots=True)
class TextBlock:
    """The terms of some texts, one text after the other.

    Attributes:
        pks: the record of each text.
        terms: the terms of all of them, repeats included; negative for stop words.
        ends: where in `terms` each text ends.
    """

    pks: Pks
    terms: NDArray[np.int64]
    ends: NDArray[np.int64]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """How many terms each text has."""
        return np.diff(self.ends, prepend=0)

    @classmethod
    def of(cls, texts: Sequence[tuple[int, str]], analyser: Analyser) -> TextBlock:
        """The block of these texts, each with its record number."""
        found: list[int] = []
        ends = np.zeros(len(texts), dtype=np.int64)
        for row, (_, text) in enumerate(texts):
            found += analyser.terms(text)
            ends[row] = len(found)
        pks = np.array([pk for pk, _ in texts], dtype=np.int64)
        return cls(pks, np.array(found, dtype=np.int64), ends)

    @property
    def nbytes(self) -> int:
        """How much memory it takes."""
        return self.pks.nbytes + self.terms.nbytes + self.ends.nbytes

    def counts(self, terms: Collection[int]) -> Floats:
        """How often each term stands in each text: a row a term, a column a text."""
        counted = np.zeros((len(terms), len(self.pks)))
        for row, term in zip(counted, terms, strict=True):
            places = np.flatnonzero(self.terms == term)
            texts = np.searchsorted(self.ends, places, side="right")
            row[:] = np.bincount(texts, minlength=len(self.pks))
        return counted

    def patched(self, gone: Pks, new: TextBlock) -> TextBlock:
        """The same without some records, and with others."""
        return TextBlock.joined([self.take(~np.isin(self.pks, gone)), new])

    def take(self, chosen: NDArray[np.bool_]) -> TextBlock:
        """Those of the texts that are chosen."""
        sizes = self.sizes
        kept = self.terms[np.repeat(chosen, sizes)]
        return TextBlock(self.pks[chosen], kept, np.cumsum(sizes[chosen]))

    @classmethod
    def joined(cls, blocks: Sequence[TextBlock]) -> TextBlock:
        """The texts of several blocks as one."""
        blocks = [block for block in blocks if len(block.pks)] or list(blocks[:1])
        if len(blocks) == 1:
            return blocks[0]
        starts = np.cumsum([0, *(len(block.terms) for block in blocks)])
        return cls(
            np.concatenate([block.pks for block in blocks]),
            np.concatenate([block.terms for block in blocks]),
            np.concatenate([b.ends + n for n, b in zip(starts[:-1], blocks, strict=True)]),
        )


_NONE = np.zeros(0, dtype=np.int64)
_NOTHING = TextBlock(_NONE, _NONE, _NONE)


class TextCache(BlockCache[TextBlock]):
    """The terms of texts by scope.

    Args:
        budget: how many bytes to keep at most; 0 keeps nothing.
        analyser: makes the terms.
    """

    def __init__(self, budget: int, analyser: Analyser) -> None:
        super().__init__(budget)
        self.analyser = analyser

    def fits(self, scope_ids: Iterable[int]) -> bool:
        """Whether the texts of the scopes can be kept, as far as is known."""
        return self._budget > 0 and self._too_large.isdisjoint((_WORDS, n) for n in scope_ids)

    def block(self, snapshot: Snapshot, scope_ids: list[int]) -> TextBlock:
        """The terms of every text at these scopes, at least as new as the snapshot."""
        return TextBlock.joined([_NOTHING, *self._each(snapshot, _WORDS, scope_ids)])

    def _read(
        self, snapshot: Snapshot, place: tuple[int, int], among: Iterable[int] | None = None
    ) -> TextBlock:
        return TextBlock.of(snapshot.texts_in_scope(place[1], among=among), self.analyser)
