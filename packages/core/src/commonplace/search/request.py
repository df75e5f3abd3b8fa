"""What a search is given and what it works with: plain values and the port of the index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from commonplace.arguments import checked_number, checked_weight
from commonplace.errors import InvalidInputError
from commonplace.search.context import ContextWeights

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from commonplace.ledger import Selection, Space
    from commonplace.scope import Scope

    Vector = NDArray[np.float32]

Mode = Literal["hybrid", "dense", "lexical"]

EXACT_LIMIT = 10_000
"""A view of at most so many records is scored whole, exactly; the index is not asked."""

_MOST_K1 = 100
_IN_CONTEXT = ContextWeights()


@dataclass(frozen=True, slots=True)
class DenseQuery:
    """The dense lane: a query vector and the space it belongs to."""

    space: Space
    vector: Vector

    @property
    def direction(self) -> Vector:
        """The query vector in unit length; zero stays zero."""
        exact = self.vector.astype(np.float64)  # whose length may be beyond float32
        length = float(np.sqrt(np.dot(exact, exact)))
        return (exact / length if length else exact).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Bm25:
    """The parameters of BM25, by which `search` scores words; the defaults suit short texts.

    SQLite and Lucene take `Bm25(k1=1.2, b=0.75)`, which suits longer ones.

    Attributes:
        k1: how much repeating a word tells, 0 (nothing) to 100.
        b: how much longer texts are held back, 0 (not at all) to 1.

    Raises:
        InvalidInputError: one of them is no number, or out of its range.
    """

    k1: float = 0.9
    b: float = 0.4

    def __post_init__(self) -> None:
        """Refuse what is no parameter."""
        if not 0 <= checked_number(self.k1, "k1") <= _MOST_K1:
            raise InvalidInputError(f"k1 is a number from 0 to {_MOST_K1}")
        checked_weight(self.b, "b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One search, checked and embedded.

    Attributes:
        selection: which records may be found.
        scope: the one scope the selection reads, if it is one; the index can narrow to it.
        words: what the lexical lane looks for; None leaves it out.
        dense: the dense lane; None leaves it out.
        dense_weight: its share of a fused score, 0 to 1.
        limit: how many hits to return.
        offset: how many of the best to leave out.
        min_score: hits below it are left out.
        bm25: the parameters of the lexical lane.
        context: how messages are scored in their context.
        now: what time expressions in the question are reckoned from, in microseconds.
        embed: makes the dense lane of another text, if the query was embedded here.
        unscored: whether records without a vector follow the ranked ones.
    """

    selection: Selection
    scope: Scope | None
    words: str | None
    dense: DenseQuery | None
    dense_weight: float
    limit: int
    offset: int
    min_score: float | None
    bm25: Bm25 = Bm25()
    context: ContextWeights = _IN_CONTEXT
    now: int = 0
    embed: Callable[[str], DenseQuery | None] | None = None
    unscored: bool = False

    @property
    def reach(self) -> int:
        """How many of the best candidates the page reaches."""
        return self.offset + self.limit


class IndexReader(Protocol):
    """What a search asks of the vector index."""

    def nearest(self, query: DenseQuery, count: int, *, scope: Scope | None) -> Nearest | NoAnswer:
        """The records nearest to a query, as far as the index has followed the journal.

        Args:
            query: the vector and its space.
            count: how many entries to return.
            scope: only records at it or below it, if given.

        Returns:
            No answer if the index cannot give one now; the ledger then does.
        """
        ...


@dataclass(frozen=True, slots=True)
class Nearest:
    """What the index proposes.

    Attributes:
        ids: of records, nearest first.
        changed: the numbers of all records that it may hold otherwise than the ledger does, or did
            at any moment since the question was put.
    """

    ids: list[str]
    changed: list[int]


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The index does not answer.

    Attributes:
        why: in words that hold no memory text.
    """

    why: str
