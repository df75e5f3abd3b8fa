"""`VectorReader`: the embedding spaces, their vectors, and the changes that an index follows."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import bindparam, func, select

from commonplace.drafts import OWN_SPACE
from commonplace.ledger.driver import fixed
from commonplace.ledger.functions import NO_LIMIT
from commonplace.ledger.reader import Reader
from commonplace.ledger.schema import BESIDE_RECORDS, index_state, journal, records, spaces, vectors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.selection import Query

    Pks = NDArray[np.int64]
    Matrix = NDArray[np.float32]

PARTIAL = f"{OWN_SPACE}@"
"""How the name of a partial space begins; a caller's own space is named as its identity is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """One embedder's vectors: who made them, how long they are, how many there are."""

    id: int
    name: str
    identity: str
    dimension: int
    vectors: int

    @property
    def partial(self) -> bool:
        """Whether a reindex is still filling it, or emptying what it replaced."""
        return self.name.startswith(PARTIAL) and self.name != self.identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of the journal."""

    seq: int
    operation: str
    record_pk: int
    record_id: str
    scope_id: int
    vectors: int

    @property
    def of_record(self) -> bool:
        """Whether the record itself changed, and not only what lies beside it."""
        return self.operation not in BESIDE_RECORDS


class VectorReader(Reader):
    """What an index and a search read of a ledger, at one moment."""

    def head(self) -> int:
        """The sequence number of the newest change; 0 for a new ledger."""
        return self._connection.execute(_HEAD).scalar() or 0

    def expect_search(self) -> None:
        """Say that a search follows; what it begins with is asked at once where that helps."""
        self._connection.expect(SPACES)
        self._connection.expect(_HEAD)

    def searchable_spaces(self) -> dict[str, Space]:
        """Every embedding space that is whole, by name."""
        return {name: space for name, space in self.spaces().items() if not space.partial}

    def spaces(self) -> dict[str, Space]:
        """Every embedding space, by name."""
        rows = self._connection.execute(SPACES)
        return {
            row.name: Space(
                id=row.id,
                name=row.name,
                identity=row.identity,
                dimension=row.dimension,
                vectors=row.vectors,
            )
            for row in rows
        }

    def vectors(self, space: Space, pks: Iterable[int]) -> tuple[Pks, Matrix]:
        """The vectors of some records: record numbers, and a row each; several rows a record.

        The array is the caller's own.
        """
        values = {"space_id": space.id, "pks": self._dialect.array(pks)}
        return self._matrix(_vectors(self._dialect), values, space.dimension)

    def vectors_in_scope(
        self, space: Space, scope_id: int, *, among: Iterable[int] | None = None
    ) -> tuple[Pks, Matrix]:
        """The vectors of every record at one scope, or of those of `among` that lie there."""
        query: Query = _VECTORS_IN_SCOPE
        values: dict[str, Any] = {"space_id": space.id, "scope_id": scope_id}
        if among is not None:
            query = query.where(self._dialect.among(vectors.c.record_pk, "pks"))
            values["pks"] = self._dialect.array(among)
        return self._matrix(query, values, space.dimension)

    def vector_rows(
        self,
        space: Space,
        *,
        after: int = 0,
        limit: int = NO_LIMIT,
        pks: Iterable[int] | None = None,
    ) -> Iterator[tuple[int, int, Matrix]]:
        """Vectors in order as `(record number, ordinal, vector)`: what an index holds.

        Args:
            space: whose vectors.
            after: only records with a higher number.
            limit: how many rows at most.
            pks: only these records, if given.
        """
        query = (
            select(vectors.c.record_pk, vectors.c.ordinal, vectors.c.vector)
            .where(vectors.c.space_id == space.id, vectors.c.record_pk > after)
            .order_by(vectors.c.record_pk, vectors.c.ordinal)
            .limit(limit)
        )
        values: dict[str, Any] = {}
        if pks is not None:
            query = query.where(self._dialect.among(vectors.c.record_pk, "pks"))
            values["pks"] = self._dialect.array(pks)
        for row in self._connection.execute(query, values):
            yield row.record_pk, row.ordinal, np.frombuffer(row.vector, dtype="<f4")

    def some_vectors(self, space: Space, count: int) -> Iterator[Matrix]:
        """About so many vectors from all over a space; no others are read."""
        last = self._connection.execute(_LAST_OF, {"space_id": space.id}).scalar() or 0
        for after in range(0, last, max(-(-last // count), 1)):
            for _, _, vector in self.vector_rows(space, after=after, limit=1):
                yield vector

    def changes(self, after: int, limit: int) -> list[Change]:
        """The journal after a sequence number, oldest first."""
        query = select(journal).where(journal.c.seq > after).order_by(journal.c.seq).limit(limit)
        return [
            Change(
                seq=row.seq,
                operation=row.operation,
                record_pk=row.record_pk,
                record_id=row.record_id,
                scope_id=row.scope_id,
                vectors=row.vectors,
            )
            for row in self._connection.execute(query)
        ]

    def changed(self, after: int, limit: int) -> list[tuple[int, int]]:
        """The records that themselves changed after a sequence number, as `(number, scope id)`."""
        rows = self._connection.execute(_CHANGED, {"after": after, "most": limit})
        return [(row.record_pk, row.scope_id) for row in rows]

    def applied_seq(self, space: Space) -> int:
        """How far the index of a space has followed the journal; 0 if it has not begun."""
        return self._connection.execute(_APPLIED_SEQ, {"space_id": space.id}).scalar() or 0

    def applied_seqs(self) -> list[int]:
        """How far the index of each searchable space has followed the journal."""
        return [self.applied_seq(space) for space in self.searchable_spaces().values()]

    def _matrix(self, query: Query, values: dict[str, Any], dimension: int) -> tuple[Pks, Matrix]:
        pks: list[int] = []
        joined = bytearray()
        for rows in self._connection.stream(query, values, whole=True):
            pks += [row[0] for row in rows]
            joined += b"".join([row[1] for row in rows])
        matrix = np.frombuffer(joined, dtype="<f4").reshape(len(pks), dimension)
        return np.array(pks, dtype=np.int64), matrix


# Statements of fixed shape are built once: building one costs as much as running it.
_LAST_OF = fixed(
    select(func.max(vectors.c.record_pk)).where(vectors.c.space_id == bindparam("space_id"))
)
_HEAD = fixed(select(func.max(journal.c.seq)))
SPACES = fixed(select(spaces))
"""Every embedding space."""
_APPLIED_SEQ = fixed(
    select(index_state.c.applied_seq).where(index_state.c.space_id == bindparam("space_id"))
)
_CHANGED = fixed(
    select(journal.c.record_pk, journal.c.scope_id)
    .where(
        journal.c.seq > bindparam("after"),
        *(journal.c.operation != operation for operation in BESIDE_RECORDS),
    )
    .distinct()
    .limit(bindparam("most"))
)
# By `IN`, so that the records of the scope lead to their vectors: where SQLite knows nothing of how
# many there are, a join may go through every vector of the space instead.
_VECTORS_IN_SCOPE = fixed(
    select(vectors.c.record_pk, vectors.c.vector).where(
        vectors.c.space_id == bindparam("space_id"),
        vectors.c.record_pk.in_(
            select(records.c.pk).where(records.c.scope_id == bindparam("scope_id"))
        ),
    )
)


@functools.cache
def _vectors(dialect: Dialect) -> Query:
    return fixed(
        select(vectors.c.record_pk, vectors.c.vector).where(
            vectors.c.space_id == bindparam("space_id"),
            dialect.among(vectors.c.record_pk, "pks"),
        )
    )
