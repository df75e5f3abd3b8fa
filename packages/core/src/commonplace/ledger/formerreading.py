"""`FormerReader`: the states that records had before."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, exists, func, select

from commonplace.clock import from_micros
from commonplace.ledger.driver import fixed
from commonplace.ledger.history import former_in, of_record
from commonplace.ledger.reader import Reader
from commonplace.ledger.replacing import replaced
from commonplace.ledger.schema import records, versions
from commonplace.ledger.selection import Shape, compiled, in_scopes, parameters, shape
from commonplace.record import Version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.selection import Query, Selection


class FormerReader(Reader):
    """What is read of former states of records, at one moment."""

    def former_states(self, record_id: str, selection: Selection) -> list[Version]:
        """The versions of a record that lay in the selected scopes, oldest first.

        None of a record that expired, whether it was swept or not.
        """
        query = _former(self._dialect, shape(selection, by_scope=False))
        values = {**parameters(selection, self._dialect), "id": record_id}
        return [
            Version(
                record=self._record(row),
                replaced_at=from_micros(row.replaced_at),
                replaced_by=row.replaced_by,
            )
            for row in self._rows(query, values)
        ]

    def former_matching(self, selection: Selection) -> list[str]:
        """The ids of records that are there, of which a former state in the scopes matches."""
        wanted = and_(
            in_scopes(shape(selection), self._dialect), compiled(selection.filter, self._dialect)
        )
        there = select(records.c.id)
        query = (
            select(versions.c.id)
            .distinct()
            .where(replaced(wanted, {records: versions}), versions.c.id.in_(there))
            .order_by(versions.c.id)
        )
        return list(self._connection.execute(query, parameters(selection, self._dialect)).scalars())

    def gone_since(self, selection: Selection, since: int) -> list[str]:
        """The ids of records that lay in the scopes and were deleted at a moment or later."""
        placed = replaced(in_scopes(shape(selection), self._dialect), {records: versions})
        query = (
            select(versions.c.id)
            .distinct()
            .where(placed, versions.c.replaced_at >= since)
            .where(versions.c.id.not_in(select(records.c.id)))
            .order_by(versions.c.id)
        )
        return list(self._connection.execute(query, parameters(selection, self._dialect)).scalars())

    def former_count(
        self, selection: Selection, *, ids: Sequence[str] | None = None, before: int | None
    ) -> int:
        """How many versions `purge` would remove with the same arguments."""
        wanted, values = former_in(selection, self._dialect, ids=ids, before=before)
        query = select(func.count()).select_from(versions).where(wanted)
        return self._connection.execute(query, values).scalar_one()


@functools.cache
def _former(dialect: Dialect, kind: Shape) -> Query:
    placed = replaced(in_scopes(kind, dialect), {records: versions})
    wanted = versions.c.id == bindparam("id")
    expired = exists().where(of_record(), records.c.expires_at <= bindparam("now"))
    return fixed(select(versions).where(wanted, placed, ~expired).order_by(versions.c.version))
