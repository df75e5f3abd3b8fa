"""`Reader`: what reads of every kind have in common, at one moment of a ledger."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import ColumnElement, bindparam, select

from commonplace.errors import EncryptionError
from commonplace.filters import EVERYTHING
from commonplace.ledger.driver import fixed
from commonplace.ledger.filtered import FILTERED
from commonplace.ledger.rows import SEALED_SINCE, record_of
from commonplace.ledger.schema import ROOT_SCOPE_ID, scope_tree, settings
from commonplace.ledger.sealing import SEALING
from commonplace.ledger.selection import compiled, condition, shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Row

    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.scope_ids import ScopeIds
    from commonplace.ledger.selection import Query, Selection
    from commonplace.record import Record
    from commonplace.scope import Scope

    Pks = NDArray[np.int64]

_FEW_SCOPES = 64
_MANY_RECORDS = 5_000
_LARGE_SHARE = 0.2


class Reader:
    """What reads of every kind have in common, at one moment of a ledger."""

    def __init__(self, connection: DriverConnection, dialect: Dialect, scope_ids: ScopeIds) -> None:
        self._connection = connection
        self._dialect = dialect
        self._scopes = scope_ids

    def setting(self, name: str) -> str | None:
        """What the ledger keeps under a name; None for nothing."""
        found: str | None = self._connection.execute(_SETTING, {"name": name}).scalar()
        return found

    def scope_ids(self, wanted: Iterable[Scope]) -> tuple[int, ...]:
        """The ids of those scopes that have ever held a record."""
        found = (self._scopes.find(scope) for scope in wanted)
        return tuple(scope_id for scope_id in found if scope_id is not None)

    def scope(self, scope_id: int) -> Scope:
        """The scope with this id."""
        return self._scopes.scope(scope_id)

    def flattened(
        self, selection: Selection, *, ahead: Callable[[Selection], None] | None = None
    ) -> Selection:
        """The same selection, naming each scope itself where there are few of them.

        Args:
            selection: of any shape.
            ahead: says what will be asked of a selection of one scope. Where a database is far
                away it is told of the scope itself, below which there is most often nothing.

        Raises:
            EncryptionError: it filters, and texts were sealed since the ledger was opened.
        """
        if selection.filter != EVERYTHING:
            self._check_unsealed()
        if not selection.below or selection.everywhere or not selection.scope_ids:
            return selection
        foreseeable = self._dialect.far and len(selection.scope_ids) == 1
        if ahead is not None and foreseeable and selection.as_of is None:
            ahead(replace(selection, below=False))
        wanted = {"scope_ids": self._dialect.array(selection.scope_ids)}
        found = tuple(self._connection.execute(_scopes_below(self._dialect), wanted).scalars())
        few = len(found) <= _FEW_SCOPES
        return replace(selection, scope_ids=found, below=False) if few else selection

    def _check_unsealed(self) -> None:
        on_server = self._dialect.far  # where nothing is sealed
        if on_server or self._connection.keyring is not None:
            return
        if self.setting(SEALING) is not None:  # a filter would find nothing, and say nothing
            raise EncryptionError(SEALED_SINCE)

    def _rows(self, query: Query, values: Mapping[str, Any]) -> Sequence[Row[Any]]:
        """Rows that lie at scopes, whose paths are known from then on."""
        rows = self._connection.execute(query, values).all()
        self._scopes.load({row.scope_id for row in rows})
        return rows

    def _record(self, row: Row[Any]) -> Record:
        return record_of(row, self._scopes.scope(row.scope_id))

    def _pks(self, query: Query, values: dict[str, Any]) -> Pks:
        return np.array(list(self._connection.execute(query, values).scalars()), dtype=np.int64)

    def _condition(self, flat: Selection) -> ColumnElement[bool]:
        return condition(flat, self._dialect, by_scope=self._scope_is_selective(flat))

    def _scope_is_selective(self, selection: Selection) -> bool:
        if selection.everywhere or shape(selection).single:
            return True
        held = self._scopes.counting(selection.scope_ids, below=selection.below)
        everything = self._scopes.counting([ROOT_SCOPE_ID], below=True)
        return held.scalar() <= max(_MANY_RECORDS, _LARGE_SHARE * everything.scalar())

    def _narrowed(self, query: Query, flat: Selection, by_scope: bool) -> Query:  # noqa: FBT001 - of the shape
        """A statement of fixed shape, narrowed as the selection is; by a filter alone, kept."""
        if not flat.narrowed:
            return query
        if flat.kinds or flat.tags or flat.threads is not None or flat.as_of is not None:
            return query.where(condition(flat, self._dialect, by_scope=by_scope))
        return FILTERED.get(
            (query, repr(flat.filter)),
            lambda: query.where(compiled(flat.filter, self._dialect)),
        )


_SETTING = fixed(select(settings.c.value).where(settings.c.name == bindparam("name")))


@functools.cache
def _scopes_below(dialect: Dialect) -> Query:
    contained = dialect.among(scope_tree.c.ancestor_id, "scope_ids")
    return fixed(select(scope_tree.c.scope_id).where(contained).limit(_FEW_SCOPES + 1))
