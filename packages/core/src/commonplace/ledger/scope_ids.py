"""Scopes by number: the map between paths and scope ids, cached until something is erased."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select

from commonplace.ledger.driver import fixed
from commonplace.ledger.schema import ROOT_SCOPE_ID, scope_tree, scopes
from commonplace.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.selection import Query

_MOST_CACHED = 100_000
_AT_ONCE = 500
_ROOT = Scope()
_BY_PATH = fixed(select(scopes.c.id).where(scopes.c.path == bindparam("path")))
_ADD = fixed(scopes.insert().returning(scopes.c.id))
_PLACE = fixed(scope_tree.insert())


class ScopeCache:
    """The scope ids that are known to be committed, shared by all threads of a ledger.

    Ids never change between two erasures, which may remove scopes.

    Args:
        epoch: how many erasures the ledger has seen.
    """

    def __init__(self, epoch: int = 0) -> None:
        self.epoch = epoch
        self.ids: dict[Scope, int] = {_ROOT: ROOT_SCOPE_ID}
        self.scopes: dict[int, Scope] = {ROOT_SCOPE_ID: _ROOT}

    def keep(self, committed: Mapping[Scope, int]) -> None:
        """Remember ids; a full cache starts afresh."""
        if len(self.ids) + len(committed) > _MOST_CACHED:
            self.__init__(self.epoch)
        for scope, scope_id in committed.items():
            self.ids[scope] = scope_id
            self.scopes[scope_id] = scope


class SharedScopes:
    """The newest cache of scope ids, and none older than a transaction can bear."""

    def __init__(self) -> None:
        self.newest = ScopeCache()

    def at(self, epoch: int) -> ScopeCache:
        """The scope ids that hold after so many erasures."""
        if epoch > self.newest.epoch:
            self.newest = ScopeCache(epoch)
        cache = self.newest
        return cache if cache.epoch == epoch else ScopeCache(epoch)


class ScopeIds:
    """The scope ids as one transaction sees them.

    What it learns goes to the shared cache by `keep`, once the transaction is over and stands:
    an id from a transaction that was rolled back will be given to another scope. Whether something
    was erased is asked when it first looks for an id; what scope an id once stood for never
    changes, as no id is given twice.

    Args:
        connection: the transaction.
        dialect: how the database spells what differs.
        shared: what is known of committed scopes.
        known: what to go by without asking whether something was erased; `hold` asks afterwards.
    """

    def __init__(
        self,
        connection: DriverConnection,
        dialect: Dialect,
        shared: SharedScopes,
        *,
        known: ScopeCache | None = None,
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self._shared = shared
        self._known_before = known
        self._learned: dict[Scope, int] = {}
        self._names: dict[int, Scope] = {}
        self._lineages: dict[int, tuple[int, ...]] = {}
        self._changed: dict[int, int] = {}

    @property
    def epoch(self) -> int:
        """How many erasures the ledger has seen."""
        return self._cache.epoch

    @functools.cached_property
    def _cache(self) -> ScopeCache:
        return self._known_before or self._shared.at(self._connection.epoch())

    def hold(self) -> bool:
        """Whether nothing was erased since what it went by was known."""
        used = "_cache" in self.__dict__
        return not used or self._connection.epoch() == self._cache.epoch

    def keep(self) -> None:
        """Share what was learned; call it only after the transaction stands."""
        if self._learned:
            self._cache.keep(self._learned)

    def find(self, scope: Scope) -> int | None:
        """The id of a scope that has held a record, or None."""
        known = self._cache.ids.get(scope) or self._learned.get(scope)
        if known is not None:
            return known
        found = self._connection.execute(_BY_PATH, {"path": scope.path}).scalar()
        if found is not None:
            self._learn(scope, found)
        return found

    def find_or_add(self, scope: Scope) -> int:
        """The id of a scope, which is created with all that contain it if it is new."""
        if (found := self.find(scope)) is not None:
            return found
        parent_id = self.find_or_add(scope.parent)
        new = {"path": scope.path, "depth": len(scope.segments), "records": 0, "total": 0}
        scope_id: int = self._connection.execute(_ADD, new).scalar_one()
        containing = [ROOT_SCOPE_ID, *self.lineage(parent_id), scope_id]
        pairs = [{"ancestor_id": ancestor, "scope_id": scope_id} for ancestor in containing]
        self._connection.execute(_PLACE, pairs)
        self._learn(scope, scope_id)
        return scope_id

    def scope(self, scope_id: int) -> Scope:
        """The scope with this id."""
        if self._known(scope_id) is None:
            self.load([scope_id])
        return self._known(scope_id) or _ROOT

    def load(self, scope_ids: Iterable[int]) -> None:
        """Read the paths of several scopes at once."""
        unknown = sorted({number for number in scope_ids if self._known(number) is None})
        if unknown:
            _ = self._cache  # what is read now holds since then
        for start in range(0, len(unknown), _AT_ONCE):
            some = unknown[start : start + _AT_ONCE]
            query = select(scopes.c.id, scopes.c.path).where(scopes.c.id.in_(some))
            for scope_id, path in self._connection.execute(query):
                self._learn(Scope.parse(path), scope_id)

    def lineage(self, scope_id: int) -> tuple[int, ...]:
        """The ids of the scope and of all that contain it, but the root, outermost first."""
        if (known := self._lineages.get(scope_id)) is not None:
            return known
        found = tuple(
            number
            for scope in reversed(list(self.scope(scope_id).ancestors()))
            if (number := self.find(scope)) is not None and number != ROOT_SCOPE_ID
        )
        self._lineages[scope_id] = found
        return found

    def add_counts(self, changes: Mapping[int, int]) -> None:
        """Add to the record counts of scopes and of all that contain them."""
        totals: dict[int, int] = {}
        direct = {scope_id: change for scope_id, change in changes.items() if change}
        for scope_id, change in direct.items():
            for containing in (ROOT_SCOPE_ID, *self.lineage(scope_id)):
                totals[containing] = totals.get(containing, 0) + change
        for scope_id, change in totals.items():
            self._changed[scope_id] = self._changed.get(scope_id, 0) + change
        if totals:
            rows = [(one, direct.get(one, 0), change) for one, change in totals.items()]
            self._dialect.add_counts(self._connection, rows)

    def grown(self) -> list[int]:
        """The scopes that hold more records than when the transaction began."""
        return [scope_id for scope_id, change in self._changed.items() if change > 0]

    def count(self, scope_ids: Iterable[int], *, below: bool) -> int:
        """How many records lie in the scopes, expired ones included; disjoint scopes only."""
        return int(self.counting(scope_ids, below=below).scalar())

    def counting(self, scope_ids: Iterable[int], *, below: bool) -> Any:
        """As `count`, asked but not waited for: the result, whose one value it is."""
        return self._connection.execute(*self._to_count(scope_ids, below=below))

    def expect_count(self, scope_ids: Iterable[int], *, below: bool) -> None:
        """Say that `count` will likely be asked."""
        self._connection.expect(*self._to_count(scope_ids, below=below))

    def _to_count(self, scope_ids: Iterable[int], *, below: bool) -> tuple[Query, dict[str, Any]]:
        return _counted(self._dialect, below=below), {"scope_ids": self._dialect.array(scope_ids)}

    def _known(self, scope_id: int) -> Scope | None:
        return self._shared.newest.scopes.get(scope_id) or self._names.get(scope_id)

    def _learn(self, scope: Scope, scope_id: int) -> None:
        self._learned[scope] = scope_id
        self._names[scope_id] = scope


@functools.cache
def _counted(dialect: Dialect, *, below: bool) -> Query:
    column = scopes.c.total if below else scopes.c.records
    listed = dialect.among(scopes.c.id, "scope_ids")
    return fixed(select(func.coalesce(func.sum(column), 0)).where(listed))
