"""`History`: the former states of records, and what keeps and forgets them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import (
    ColumnElement,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
)

from commonplace.failpoints import reach
from commonplace.ledger.driver import fixed
from commonplace.ledger.fulltext import scope_tokens
from commonplace.ledger.replacing import replaced
from commonplace.ledger.schema import FINDABLE, records, version_vectors, versions
from commonplace.ledger.selection import in_scopes, parameters, shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Delete, Row

    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.reindexing import Origin
    from commonplace.ledger.scope_ids import ScopeIds
    from commonplace.ledger.selection import Query, Selection

    Matrix = NDArray[np.float32]


class History:
    """The versions of records, within one transaction.

    Args:
        connection: the transaction's.
        dialect: how the database spells what differs.
        scope_ids: the scopes as the transaction sees them.
        most: how many versions of a record are kept; None for all.
    """

    def __init__(
        self,
        connection: DriverConnection,
        dialect: Dialect,
        scope_ids: ScopeIds,
        most: int | None,
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self._scopes = scope_ids
        self._most = most

    def keep(self, rows: Sequence[Row[Any]], *, by: str, at: int) -> None:
        """Keep the present states of records, which an operation is about to end.

        Args:
            rows: the records.
            by: the operation.
            at: when it happens, in microseconds; a state ends no earlier than it began.
        """
        if not rows:
            return
        if self._most == 0:
            self.forget_all(row.pk for row in rows)
            return
        first = self.next_pk() - len(rows) + 1
        numbered = dict(enumerate(reversed(rows), first))
        pks = [row.pk for row in numbered.values()]
        self._dialect.keep_states(self._connection, pks, first, by=by, at=at)
        texts = [self._text(pk, row) for pk, row in numbered.items() if row.has_text == FINDABLE]
        if texts:
            self._dialect.insert_text(self._connection, texts, former=True)
        if self._most is not None:
            self._drop_oldest(rows)

    def expect_keep(self) -> None:
        """Say that `keep` follows; what it asks is asked at once where that helps."""
        self._connection.expect(_LOWEST)

    def next_pk(self) -> int:
        """The number of the next version; each is one lower than the one before."""
        return (self._connection.execute(_LOWEST).scalar() or 0) - 1

    def numbers(self, ids: Iterable[str]) -> dict[str, int]:
        """The number of the newest version of each record that has one."""
        wanted = {"ids": self._dialect.array(ids)}
        rows = self._connection.execute(_newest(self._dialect), wanted)
        return {row.id: row.version for row in rows}

    def rows(self, record_id: str) -> Sequence[Row[Any]]:
        """The versions of a record, oldest first."""
        rows = self._connection.execute(_OF_RECORD, {"id": record_id}).all()
        self._scopes.load({row.scope_id for row in rows})
        return rows

    def vectors(
        self, version_pk: int, dimensions: Mapping[int, int]
    ) -> tuple[dict[int, Matrix], dict[int, Origin]]:
        """The vectors of a version and their origin, by space id, for the spaces given."""
        found: dict[int, list[bytes]] = {}
        origins: dict[int, Origin] = {}
        for row in self._connection.execute(_VECTORS_OF, {"version_pk": version_pk}):
            if row.space_id in dimensions:
                found.setdefault(row.space_id, []).append(row.vector)
                origins[row.space_id] = row.origin
        matrices = {
            space_id: np.frombuffer(b"".join(some), "<f4").reshape(len(some), dimensions[space_id])
            for space_id, some in found.items()
        }
        return matrices, origins

    def forget(self, version_pks: Sequence[int]) -> int:
        """Remove versions with their vectors and full text; how many there were."""
        array = {"pks": self._dialect.array(version_pks)}
        rows = self._connection.execute(_by_pk(self._dialect), array).all()
        self._scopes.load({row.scope_id for row in rows})
        texts = [self._text(row.pk, row) for row in rows if row.has_text == FINDABLE]
        if texts:
            self._dialect.delete_text(self._connection, texts, former=True)
        reach("purge.after_texts")
        for statement in _forgetting(self._dialect):
            self._connection.execute(statement, array)
        return len(rows)

    def forget_all(self, record_pks: Iterable[int]) -> int:
        """Remove every version of these records, which are still there; how many there were."""
        wanted = {"pks": self._dialect.array(record_pks)}
        pks = list(self._connection.execute(_of_records(self._dialect), wanted).scalars())
        return self.forget(pks) if pks else 0

    def purge(self, selection: Selection, *, ids: Sequence[str] | None, before: int | None) -> int:
        """Remove the versions in the selected scopes, or some of them; how many.

        Args:
            selection: its scopes choose; the rest of it does not matter.
            ids: only versions of these records, if given.
            before: only versions that were replaced before this moment, if given.
        """
        wanted, values = former_in(selection, self._dialect, ids=ids, before=before)
        query = select(versions.c.pk).where(wanted)
        return self.forget(list(self._connection.execute(query, values).scalars()))

    def _drop_oldest(self, rows: Sequence[Row[Any]]) -> None:
        old = [
            pk
            for row in rows
            for pk in self._connection.execute(
                _OLDEST, {"pk": row.pk, "before": row.version - (self._most or 0)}
            ).scalars()
        ]
        if old:
            self.forget(old)

    def _text(self, version_pk: int, row: Row[Any]) -> dict[str, Any]:
        tokens = scope_tokens(self._scopes.lineage(row.scope_id))
        return {"pk": version_pk, "content": row.content, "scopes": tokens}


def former_in(
    selection: Selection,
    dialect: Dialect,
    *,
    ids: Sequence[str] | None,
    before: int | None,
) -> tuple[ColumnElement[bool], dict[str, Any]]:
    """The condition on the versions in the selected scopes, of some records, ended by a moment."""
    wanted: ColumnElement[bool] = replaced(
        in_scopes(shape(selection), dialect), {records: versions}
    )
    if before is not None:
        wanted = and_(wanted, versions.c.replaced_at < before)
    values = parameters(selection, dialect)
    if ids is not None:
        wanted = and_(wanted, dialect.among(versions.c.id, "ids"))
        values["ids"] = dialect.array(ids)
    return wanted, values


def of_record() -> ColumnElement[bool]:
    """The condition that a version is one of a record, joined by both of their columns.

    An id that was deleted may be used again, also by somebody else elsewhere: what lay at another
    scope and began at another time is not the record's own, and not its to hide or to forget.
    """
    same_place = versions.c.scope_id == records.c.scope_id
    return and_(
        versions.c.id == records.c.id,
        or_(same_place, versions.c.created_at == records.c.created_at),
    )


# Statements of fixed shape are built once: building one costs as much as running it.
_LOWEST = fixed(select(func.min(versions.c.pk)))
_OF_RECORD = fixed(
    select(versions).where(versions.c.id == bindparam("id")).order_by(versions.c.version)
)
_OLDEST = fixed(
    select(versions.c.pk)
    .join_from(versions, records, of_record())
    .where(records.c.pk == bindparam("pk"), versions.c.version <= bindparam("before"))
)
_VECTORS_OF = fixed(
    select(version_vectors.c.space_id, version_vectors.c.origin, version_vectors.c.vector)
    .where(version_vectors.c.version_pk == bindparam("version_pk"))
    .order_by(version_vectors.c.space_id, version_vectors.c.ordinal)
)


@functools.cache
def _newest(dialect: Dialect) -> Query:
    return fixed(
        select(versions.c.id, func.max(versions.c.version).label("version"))
        .where(dialect.among(versions.c.id, "ids"))
        .group_by(versions.c.id)
    )


@functools.cache
def _by_pk(dialect: Dialect) -> Query:
    indexed = case((versions.c.has_text == FINDABLE, versions.c.content)).label("content")
    columns = (versions.c[name] for name in ("pk", "id", "scope_id", "has_text"))
    return fixed(select(*columns, indexed).where(dialect.among(versions.c.pk, "pks")))


@functools.cache
def _of_records(dialect: Dialect) -> Query:
    own = select(versions.c.pk).join_from(versions, records, of_record())
    return fixed(own.where(dialect.among(records.c.pk, "pks")))


@functools.cache
def _forgetting(dialect: Dialect) -> tuple[Delete, Delete]:
    of_vectors = delete(version_vectors).where(dialect.among(version_vectors.c.version_pk, "pks"))
    return fixed(of_vectors), fixed(delete(versions).where(dialect.among(versions.c.pk, "pks")))
