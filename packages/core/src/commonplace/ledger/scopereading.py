"""`ScopeReader`: the scopes, and how many records each holds."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, bindparam, case, func, select

from commonplace.ledger.driver import fixed
from commonplace.ledger.reader import Reader
from commonplace.ledger.schema import ROOT_SCOPE_ID, journal, records, scope_tree, scopes
from commonplace.record import ScopeInfo
from commonplace.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.selection import Query, Selection


class ScopeReader(Reader):
    """What is read of scopes, at one moment."""

    def total(self, selection: Selection) -> int:
        """How many records lie in the selected scopes, whatever the rest of the selection says."""
        return self._scopes.count(selection.scope_ids, below=selection.below)

    def held(self) -> int:
        """How many records the ledger holds, expired ones included."""
        return self._scopes.count([ROOT_SCOPE_ID], below=True)

    def scopes_held(self, among: Iterable[int] | None = None) -> list[tuple[Scope, int]]:
        """The scopes that hold records, expired ones included, each with how many it holds.

        Those of `among`, if it is given, whether they hold any or not.
        """
        if among is None:
            rows = self._connection.execute(_HELD).all()
        else:
            wanted = {"scope_ids": self._dialect.array(among)}
            rows = self._connection.execute(_held_among(self._dialect), wanted).all()
        return [(Scope.parse(row.path), row.records) for row in rows]

    def scopes_changed(self, after: int, limit: int) -> list[int]:
        """The scopes whose records changed after a journal entry, at most `limit`."""
        values = {"after": after, "most": limit}
        return list(self._connection.execute(_SCOPES_CHANGED, values).scalars())

    def scopes_with_records(self, selection: Selection) -> list[int]:
        """The ids of the selected scopes that hold records."""
        if not selection.below:
            return list(selection.scope_ids)
        wanted = {"scope_ids": self._dialect.array(selection.scope_ids)}
        return list(self._connection.execute(_scopes_held(self._dialect), wanted).scalars())

    def expired_whole(self, now: int) -> list[Scope]:
        """The scopes of which every record expired and none was swept."""
        gone = {row.scope_id: row.gone for row in self._connection.execute(_GONE, {"now": now})}
        held = self.scopes_held(gone) if gone else []
        counts = {scope: gone[self._scopes.find(scope) or ROOT_SCOPE_ID] for scope, _ in held}
        return [scope for scope, number in held if number <= counts[scope]]

    def scope_infos(
        self, selection: Selection, depth: int | None, limit: int, offset: int
    ) -> list[ScopeInfo]:
        """The scopes that hold live records, by path; see `Memory.scopes`."""
        gone = self._expired_by_scope(selection, depth)
        counted = scopes.c.records if depth is None else self._counted_at(depth)
        query = select(scopes.c.id, counted.label("live")).where(counted > 0)
        if depth is not None:
            query = query.where(scopes.c.depth <= depth)
        if not selection.everywhere:
            below = select(scope_tree.c.scope_id).where(
                scope_tree.c.ancestor_id.in_(selection.scope_ids)
            )
            query = query.where(scopes.c.id.in_(below))
        query = query.order_by(scopes.c.path)
        if not gone:
            query = query.limit(limit).offset(offset)
        rows = self._connection.execute(query).all()
        live = [(row.id, row.live - gone.get(row.id, 0)) for row in rows]
        live = [pair for pair in live if pair[1] > 0]
        if gone:
            live = live[offset : offset + limit]
        self._scopes.load(scope_id for scope_id, _ in live)
        return [ScopeInfo(scope=self.scope(number), records=held) for number, held in live]

    def _counted_at(self, depth: int) -> ColumnElement[int]:
        return case((scopes.c.depth == depth, scopes.c.total), else_=scopes.c.records)

    def _expired_by_scope(self, selection: Selection, depth: int | None) -> dict[int, int]:
        gone: dict[int, int] = {}
        for row in self._connection.execute(_GONE, {"now": selection.now}):
            scope_id = self._scopes.find(Scope(*self.scope(row.scope_id).segments[:depth]))
            if scope_id is not None:
                gone[scope_id] = gone.get(scope_id, 0) + row.gone
        return gone


# Statements of fixed shape are built once: building one costs as much as running it.
_HELD = fixed(select(scopes.c.path, scopes.c.records).where(scopes.c.records > 0))
_SCOPES_CHANGED = fixed(
    select(journal.c.scope_id)
    .distinct()
    .where(journal.c.seq > bindparam("after"))
    .limit(bindparam("most"))
)
_EXPIRED_AT = records.c.scope_id + 0  # to go by the index on expiry, not the one on scope
_GONE = fixed(
    select(_EXPIRED_AT.label("scope_id"), func.count().label("gone"))
    .where(records.c.expires_at <= bindparam("now"))
    .group_by(_EXPIRED_AT)
)


@functools.cache
def _held_among(dialect: Dialect) -> Query:
    return fixed(
        select(scopes.c.path, scopes.c.records).where(dialect.among(scopes.c.id, "scope_ids"))
    )


@functools.cache
def _scopes_held(dialect: Dialect) -> Query:
    contained = dialect.among(scope_tree.c.ancestor_id, "scope_ids")
    joined = scope_tree.join(scopes, scopes.c.id == scope_tree.c.scope_id)
    return fixed(
        select(scopes.c.id).distinct().select_from(joined).where(contained, scopes.c.records > 0)
    )
