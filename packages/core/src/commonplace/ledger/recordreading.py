"""`RecordReader`: records by number, id, key and page."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Text, and_, bindparam, exists, or_, select, union

from commonplace.errors import InvalidInputError
from commonplace.ledger.driver import fixed
from commonplace.ledger.functions import NO_LIMIT
from commonplace.ledger.reader import Reader
from commonplace.ledger.rows import content_hash, record_of
from commonplace.ledger.schema import records, scopes, vectors
from commonplace.ledger.selection import (
    Shape,
    condition,
    hidings,
    in_scopes,
    live_in_scopes,
    parameters,
    shape,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.selection import Query, Selection
    from commonplace.ledger.vectorreading import Space
    from commonplace.record import Record
    from commonplace.scope import Scope

    Pks = NDArray[np.int64]

ORDERS = frozenset(
    {
        "id",
        "key",
        "kind",
        "scope",
        "importance",
        "version",
        "created_at",
        "updated_at",
        "expires_at",
    }
)

_NULLABLE = frozenset({"key", "expires_at"})


class RecordReader(Reader):
    """What is read of records, at one moment."""

    def pks(self, selection: Selection, limit: int | None = None) -> Pks:
        """The selected records by number, in no particular order, at most `limit`."""
        flat = self.flattened(selection)
        by_scope = self._scope_is_selective(flat)
        query = self._narrowed(
            _chosen(self._dialect, shape(flat, by_scope=by_scope)), flat, by_scope
        )
        most = NO_LIMIT if limit is None else limit
        return self._pks(query, {**parameters(flat, self._dialect), "most": most})

    def hidden(self, selection: Selection) -> Pks:
        """The records in the selected scopes that an undated, un-narrowed selection leaves out."""
        return self._pks(*self._hiding(selection))

    def expect_view(self, selection: Selection) -> None:
        """Say that the records in the scopes will be counted, and the hidden looked for."""
        self._scopes.expect_count(selection.scope_ids, below=selection.below)
        if not (selection.narrowed or selection.valid_at is not None):
            self._connection.expect(*self._hiding(selection))

    def _hiding(self, selection: Selection) -> tuple[Query, dict[str, Any]]:
        # In few scopes they are looked for scope by scope, in many all that is hidden is looked at.
        query = _hidden(self._dialect, shape(selection, by_scope=not selection.below))
        return query, parameters(selection, self._dialect)

    def expired(self, selection: Selection, limit: int = NO_LIMIT) -> Pks:
        """The records in the selected scopes that expired but were not swept."""
        query = _expired(self._dialect, shape(selection, by_scope=False))
        return self._pks(query, {**parameters(selection, self._dialect), "most": limit})

    def selected_ids(self, ids: Iterable[str], selection: Selection) -> list[int]:
        """The numbers of those of the records with these ids that are selected."""
        query = _selected_ids(self._dialect, shape(selection, by_scope=False))
        if selection.narrowed:
            query = query.where(condition(selection, self._dialect, by_scope=False))
        values = {**parameters(selection, self._dialect), "ids": self._dialect.array(ids)}
        return list(self._connection.execute(query, values).scalars())

    def allowed(self, pks: Iterable[int], selection: Selection) -> list[tuple[int, int, str]]:
        """Those of `pks` that are selected, as `(pk, created_at, id)`."""
        query = _allowed(self._dialect, shape(selection, by_scope=False))
        if selection.narrowed:
            query = query.where(condition(selection, self._dialect, by_scope=False))
        rows = self._connection.execute(
            query, {**parameters(selection, self._dialect), "pks": self._dialect.array(pks)}
        )
        return [(row.pk, row.created_at, row.id) for row in rows]

    def page(
        self, selection: Selection, order_by: Sequence[str], limit: int, offset: int
    ) -> list[Record]:
        """One page of the selected records in the given order, ties broken by id.

        Raises:
            InvalidInputError: an order names something else than a column of `ORDERS`.
        """

        def asked(flat: Selection) -> tuple[Query, dict[str, Any]]:
            by_scope = self._scope_is_selective(flat)
            kind = shape(flat, by_scope=by_scope)
            if flat.as_of is None and (flat.everywhere or not by_scope):
                self._dialect.walk_in_order(self._connection)
            query = _page(self._dialect, kind, _telling(order_by, kind))
            values = {**parameters(flat, self._dialect), "most": limit, "skip": offset}
            return self._narrowed(query, flat, by_scope), values

        flat = self.flattened(selection, ahead=lambda one: self._connection.expect(*asked(one)))
        query, values = asked(flat)
        if self._dialect.far:
            return [self._record(row) for row in self._rows(query, values)]
        return self.records(list(self._connection.execute(query, values).scalars()))

    def records(self, pks: Sequence[int]) -> list[Record]:
        """The records with these numbers, in the order given; missing ones are left out."""
        found = self.numbered(pks)
        return [found[pk] for pk in pks if pk in found]

    def numbered(self, pks: Sequence[int]) -> dict[int, Record]:
        """The records with these numbers, by number, expired ones included."""
        if not pks:
            return {}
        return {row.pk: self._record(row) for row in self._rows(*self._numbered(pks))}

    def records_by_id(self, ids: Sequence[str], selection: Selection) -> dict[str, Record]:
        """Those of the records with these ids that are selected, by id."""
        query = _by_id(self._dialect, shape(selection, by_scope=False))
        wanted = {**parameters(selection, self._dialect), "ids": self._dialect.array(ids)}
        return {row.id: self._record(row) for row in self._rows(query, wanted)}

    def by_key(self, key: str, selection: Selection) -> Record | None:
        """The selected record with this key; the selection is of one scope, not below it."""
        query = _of_key(self._dialect, shape(selection))
        rows = self._rows(query, {**parameters(selection, self._dialect), "key": key})
        return self._record(rows[0]) if rows else None

    def records_by_key(self, places: Sequence[tuple[Scope, str]], now: int) -> list[Record | None]:
        """The live records with these keys, each at its scope; None for each there is not.

        Records without a key are found by their id.
        """
        if len(places) == 1:
            return [self._record_by_key(*places[0], now)]
        asked = [
            {"scope_id": self._scopes.find(scope), "key": key, "now": now} for scope, key in places
        ]
        found: dict[int, Record] = {}
        for query in (_AT_KEY, _KEYLESS):
            left = [
                number
                for number, values in enumerate(asked)
                if number not in found and values["scope_id"] is not None
            ]
            results = self._connection.execute_all(query, [asked[number] for number in left])
            for number, result in zip(left, results, strict=True):
                if (row := result.first()) is not None:
                    found[number] = record_of(row, places[number][0])
        return [found.get(number) for number in range(len(places))]

    def _record_by_key(self, scope: Scope, key: str, now: int) -> Record | None:
        if (scope_id := self._scopes.find(scope)) is None:
            return None
        values = {"scope_id": scope_id, "key": key, "now": now}
        row = self._connection.execute(_AT_KEY, values).first()
        if row is None:
            row = self._connection.execute(_KEYLESS, values).first()
        return None if row is None else record_of(row, scope)

    def ids_by_key(self, scope_id: int, keys: Sequence[str]) -> dict[str, str]:
        """The ids of the records with these keys at one scope, by key."""
        wanted = {"scope_id": scope_id, "keys": self._dialect.array(keys)}
        rows = self._connection.execute(_by_key(self._dialect), wanted)
        return {row.key: row.id for row in rows}

    def pks_by_id(self, ids: Sequence[str]) -> dict[str, int]:
        """The numbers of the records with these ids, whatever their state."""
        wanted = {"ids": self._dialect.array(ids)}
        rows = self._connection.execute(_pks_by_id(self._dialect), wanted)
        return {row.id: row.pk for row in rows}

    def same_content(self, content: str, selection: Selection) -> list[int]:
        """The selected records with exactly this content, newest first."""
        query = (
            select(records.c.pk)
            .where(condition(selection, self._dialect))
            .where(records.c.content_hash.in_(self._hashes(content)), records.c.content == content)
            .order_by(records.c.created_at.desc(), records.c.id)
        )
        return self._pks(query, parameters(selection, self._dialect)).tolist()

    def _hashes(self, content: str) -> list[int]:
        """What a content may have for a fingerprint, sealed or not."""
        keyring = self._connection.keyring
        found = [content_hash(content)]
        return found if keyring is None else [*found, *keyring.fingerprints(content)]

    def without_vectors(
        self, space: Space | None, selection: Selection, limit: int, offset: int
    ) -> list[int]:
        """The selected records that have no vector in a space, last written first, a page."""
        flat = self.flattened(selection)
        own = vectors.c.record_pk == records.c.pk
        lacking = ~exists().where(vectors.c.space_id == bindparam("space_id"), own)
        query = (
            select(records.c.pk)
            .where(self._condition(flat), lacking)
            .order_by(*map(_order, ("-updated_at", "scope", "key")), records.c.id)
            .limit(limit)
            .offset(offset)
        )
        values = {"space_id": None if space is None else space.id}
        values |= parameters(flat, self._dialect)
        return list(self._connection.execute(query, values).scalars())

    def expect_records(self, pks: Sequence[int]) -> None:
        """Say that the records with these numbers will likely be read."""
        self._connection.expect(*self._numbered(pks))

    def _numbered(self, pks: Sequence[int]) -> tuple[Query, dict[str, Any]]:
        return _by_pk(self._dialect), {"pks": self._dialect.array(sorted(pks))}


# Statements of fixed shape are built once: building one costs as much as running it.
_AT_SCOPE = and_(
    records.c.scope_id == bindparam("scope_id"),
    or_(records.c.expires_at.is_(None), records.c.expires_at > bindparam("now")),
)
_AT_KEY = fixed(select(records).where(_AT_SCOPE, records.c.key == bindparam("key")))
_KEYLESS = fixed(
    select(records).where(
        _AT_SCOPE, records.c.id == bindparam("key", type_=Text), records.c.key.is_(None)
    )
)


@functools.cache
def _by_pk(dialect: Dialect) -> Query:
    return fixed(select(records).where(dialect.among(records.c.pk, "pks")))


@functools.cache
def _by_id(dialect: Dialect, kind: Shape) -> Query:
    return fixed(
        select(records).where(dialect.among(records.c.id, "ids"), live_in_scopes(kind, dialect))
    )


@functools.cache
def _of_key(dialect: Dialect, kind: Shape) -> Query:
    named = records.c.key == bindparam("key")
    return fixed(select(records).where(named, live_in_scopes(kind, dialect)))


@functools.cache
def _pks_by_id(dialect: Dialect) -> Query:
    return fixed(select(records.c.id, records.c.pk).where(dialect.among(records.c.id, "ids")))


@functools.cache
def _by_key(dialect: Dialect) -> Query:
    return fixed(
        select(records.c.key, records.c.id).where(
            records.c.scope_id == bindparam("scope_id"), dialect.among(records.c.key, "keys")
        )
    )


@functools.cache
def _allowed(dialect: Dialect, kind: Shape) -> Query:
    return fixed(
        select(records.c.pk, records.c.created_at, records.c.id).where(
            dialect.among(records.c.pk, "pks"), live_in_scopes(kind, dialect)
        )
    )


@functools.cache
def _selected_ids(dialect: Dialect, kind: Shape) -> Query:
    return fixed(
        select(records.c.pk).where(
            dialect.among(records.c.id, "ids"), live_in_scopes(kind, dialect)
        )
    )


@functools.cache
def _expired(dialect: Dialect, kind: Shape) -> Query:
    gone = records.c.expires_at <= bindparam("now")
    return fixed(
        select(records.c.pk).where(gone, in_scopes(kind, dialect)).limit(bindparam("most"))
    )


@functools.cache
def _hidden(dialect: Dialect, kind: Shape) -> Query:
    placed = in_scopes(kind, dialect)
    causes = union(*(select(records.c.pk).where(cause, placed) for cause in hidings(kind)))
    return fixed(select(causes.subquery().c.pk))


@functools.cache
def _page(dialect: Dialect, kind: Shape, order_by: tuple[str, ...]) -> Query:
    return fixed(
        select(records if dialect.far else records.c.pk)
        .where(live_in_scopes(kind, dialect))
        .order_by(*map(_order, order_by), records.c.id)
        .limit(bindparam("most"))
        .offset(bindparam("skip"))
    )


@functools.cache
def _chosen(dialect: Dialect, kind: Shape) -> Query:
    return fixed(select(records.c.pk).where(live_in_scopes(kind, dialect)).limit(bindparam("most")))


def _telling(order_by: Sequence[str], kind: Shape) -> tuple[str, ...]:
    """The orders that tell two of the selected records apart."""
    return tuple(name for name in order_by if not kind.single or name.removeprefix("-") != "scope")


def _order(name: str) -> ColumnElement[Any]:
    bare = name.removeprefix("-")
    if bare not in ORDERS:
        raise InvalidInputError(
            f"records cannot be ordered by {bare!r}; use one of {sorted(ORDERS)}"
        )
    if bare == "scope":
        path = select(scopes.c.path).where(scopes.c.id == records.c.scope_id)
        column: ColumnElement[Any] = path.scalar_subquery()
    else:
        column = records.c[bare]
    if bare in _NULLABLE:  # databases differ in where they put what is missing
        return column.desc().nulls_last() if name.startswith("-") else column.asc().nulls_first()
    return column.desc() if name.startswith("-") else column.asc()
