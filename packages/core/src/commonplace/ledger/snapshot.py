"""`Snapshot`: everything that can be read from a ledger, at one moment."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Text,
    and_,
    bindparam,
    case,
    desc,
    exists,
    func,
    or_,
    select,
    union,
)

from commonplace.clock import from_micros
from commonplace.errors import EncryptionError, InvalidInputError
from commonplace.filters import EVERYTHING
from commonplace.jsonvalue import load_json
from commonplace.ledger import checking
from commonplace.ledger.analytics import Analytics
from commonplace.ledger.cursors import Cursors
from commonplace.ledger.driver import fixed
from commonplace.ledger.erasures import Erasures
from commonplace.ledger.filtered import FILTERED
from commonplace.ledger.history import former_in, of_record
from commonplace.ledger.journal import Journal
from commonplace.ledger.links import Links
from commonplace.ledger.quotas import quotas
from commonplace.ledger.reindexing import Reindexing
from commonplace.ledger.replacing import replaced
from commonplace.ledger.rows import SEALED_SINCE, content_hash, record_of
from commonplace.ledger.schema import (
    ROOT_SCOPE_ID,
    journal,
    records,
    scope_tree,
    scopes,
    settings,
    vectors,
    versions,
)
from commonplace.ledger.sealing import SEALING
from commonplace.ledger.selection import (
    Shape,
    compiled,
    condition,
    hidings,
    in_scopes,
    live_in_scopes,
    parameters,
    shape,
)
from commonplace.ledger.threads import Threads
from commonplace.ledger.vectorreading import VectorReader
from commonplace.quotas import Quota
from commonplace.record import Record, ScopeInfo, Version
from commonplace.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Row

    from commonplace.analytics import Counted
    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.scope_ids import ScopeIds
    from commonplace.ledger.selection import Query, Selection
    from commonplace.ledger.sqlite import SqliteDialect
    from commonplace.ledger.vectorreading import Space

    Pks = NDArray[np.int64]
    Matrix = NDArray[np.float32]

_FEW_SCOPES = 64
_MANY_RECORDS = 5_000
_LARGE_SHARE = 0.2
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


class Snapshot(VectorReader):
    """A consistent view of the ledger. Made by `Ledger.read`; not shared between threads."""

    def __init__(
        self, connection: DriverConnection, dialect: SqliteDialect, scope_ids: ScopeIds
    ) -> None:
        super().__init__(connection, dialect)
        self._scopes = scope_ids
        self.journal = Journal(connection, dialect, scope_ids)

    @property
    def links(self) -> Links:
        """The links between records."""
        return Links(self._connection, self._dialect)

    @property
    def threads(self) -> Threads:
        """The conversations."""
        return Threads(self._connection, self._dialect, self._record, self._scopes.load)

    @property
    def analytics(self) -> Analytics:
        """What is counted of records and messages."""
        return Analytics(self._connection, self._dialect)

    @property
    def cursors(self) -> Cursors:
        """How far those have come who follow the journal."""
        return Cursors(self._connection)

    def quotas(self) -> list[Quota]:
        """The quotas of scopes by path, with what they hold."""
        found = sorted(quotas(self._connection).items())
        return [
            Quota(
                scope=scope,
                records=most,
                used=self._scopes.count(self.scope_ids([scope]), below=True),
            )
            for path, most in found
            for scope in [Scope.parse(path)]
        ]

    def setting(self, name: str) -> str | None:
        """What the ledger keeps under a name; None for nothing."""
        found: str | None = self._connection.execute(_SETTING, {"name": name}).scalar()
        return found

    @property
    def erasures(self) -> Erasures:
        """What was erased, by receipt."""
        return Erasures(self._connection)

    @property
    def epoch(self) -> int:
        """How many erasures there were."""
        return self._scopes.epoch

    def scope_ids(self, wanted: Iterable[Scope]) -> tuple[int, ...]:
        """The ids of those scopes that have ever held a record."""
        found = (self._scopes.find(scope) for scope in wanted)
        return tuple(scope_id for scope_id in found if scope_id is not None)

    def scope(self, scope_id: int) -> Scope:
        """The scope with this id."""
        return self._scopes.scope(scope_id)

    def flattened(self, selection: Selection) -> Selection:
        """The same selection, naming each scope itself where there are few of them.

        Raises:
            EncryptionError: it filters, and texts were sealed since the ledger was opened.
        """
        if selection.filter != EVERYTHING and self._connection.keyring is None:
            self._check_unsealed()
        if not selection.below or selection.everywhere or not selection.scope_ids:
            return selection
        wanted = {"scope_ids": self._dialect.array(selection.scope_ids)}
        found = tuple(self._connection.execute(_scopes_below(self._dialect), wanted).scalars())
        few = len(found) <= _FEW_SCOPES
        return replace(selection, scope_ids=found, below=False) if few else selection

    def sealed(self, selection: Selection) -> bool:
        """Whether texts in the selected scopes are sealed, and so not in the full-text index."""
        keyring = self._connection.keyring
        return keyring is not None and any(
            keyring.covers(self.scope(scope_id)) for scope_id in selection.scope_ids
        )

    def _check_unsealed(self) -> None:
        if self.setting(SEALING) is not None:  # a filter would find nothing, and say nothing
            raise EncryptionError(SEALED_SINCE)

    def total(self, selection: Selection) -> int:
        """How many records lie in the selected scopes, whatever the rest of the selection says."""
        return self._scopes.count(selection.scope_ids, below=selection.below)

    def held(self) -> int:
        """How many records the ledger holds, expired ones included."""
        return self._scopes.count([ROOT_SCOPE_ID], below=True)

    def count(self, selection: Selection) -> int:
        """How many records are selected."""
        flat = self.flattened(selection)
        if selection.narrowed or selection.valid_at is not None:
            query = select(func.count()).select_from(records).where(self._condition(flat))
            return self._connection.execute(query, parameters(flat, self._dialect)).scalar_one()
        return self.total(flat) - len(self.hidden(flat))

    def tags(self, selection: Selection) -> dict[str, int]:
        """How many of the selected records carry each tag, in order of text.

        Few lists of tags are different: they are counted first and taken apart then.
        """
        flat = self.flattened(selection)
        query = (
            select(records.c.tags, func.count().label("held"))
            .where(self._condition(flat), records.c.tags != "[]")
            .group_by(records.c.tags)
        )
        counts: Counter[str] = Counter()
        for row in self._connection.execute(query, parameters(flat, self._dialect)):
            for tag in load_json(row.tags):
                counts[tag] += row.held
        return dict(sorted(counts.items()))

    def histogram(self, selection: Selection, width: int) -> list[Counted]:
        """How many selected records were made in each span of so many microseconds, in order."""
        flat = self.flattened(selection)
        by_scope = self._scope_is_selective(flat)
        return self.analytics.histogram(flat, width, by_scope=by_scope)

    def expired(self, selection: Selection, limit: int = -1) -> Pks:
        """The records in the selected scopes that expired but were not swept."""
        query = _expired(self._dialect, shape(selection, by_scope=False))
        return self._pks(query, {**parameters(selection, self._dialect), "most": limit})

    def hidden(self, selection: Selection) -> Pks:
        """The records in the selected scopes that an undated, un-narrowed selection leaves out."""
        query = _hidden(self._dialect, shape(selection, by_scope=False))
        return self._pks(query, parameters(selection, self._dialect))

    def pks(self, selection: Selection, limit: int | None = None) -> Pks:
        """The selected records by number, in no particular order, at most `limit`."""
        flat = self.flattened(selection)
        by_scope = self._scope_is_selective(flat)
        query = self._narrowed(
            _chosen(self._dialect, shape(flat, by_scope=by_scope)), flat, by_scope
        )
        most = -1 if limit is None else limit
        return self._pks(query, {**parameters(flat, self._dialect), "most": most})

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
        flat = self.flattened(selection)
        by_scope = self._scope_is_selective(flat)
        query = self._narrowed(
            _page(self._dialect, shape(flat, by_scope=by_scope), tuple(order_by)), flat, by_scope
        )
        values = {**parameters(flat, self._dialect), "most": limit, "skip": offset}
        return self.records(list(self._connection.execute(query, values).scalars()))

    def records(self, pks: Sequence[int]) -> list[Record]:
        """The records with these numbers, in the order given; missing ones are left out."""
        found = self.numbered(pks)
        return [found[pk] for pk in pks if pk in found]

    def numbered(self, pks: Sequence[int]) -> dict[int, Record]:
        """The records with these numbers, by number, expired ones included."""
        if not pks:
            return {}
        return {row.pk: self._record(row) for row in self._rows_by_pk(pks)}

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

    def records_by_key(self, places: Sequence[tuple[Scope, str]], now: int) -> list[Record | None]:
        """The live records with these keys, each at its scope; None for each there is not.

        Records without a key are found by their id.
        """
        return [self._record_by_key(scope, key, now) for scope, key in places]

    def _record_by_key(self, scope: Scope, key: str, now: int) -> Record | None:
        if (scope_id := self._scopes.find(scope)) is None:
            return None
        values = {"scope_id": scope_id, "key": key, "now": now}
        row = self._connection.execute(_AT_KEY, values).first()
        if row is None:
            row = self._connection.execute(_KEYLESS, values).first()
        return None if row is None else record_of(row, scope)

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

    def expired_whole(self, now: int) -> list[Scope]:
        """The scopes of which every record expired and none was swept."""
        gone = {row.scope_id: row.gone for row in self._connection.execute(_GONE, {"now": now})}
        held = self.scopes_held(gone) if gone else []
        counts = {scope: gone[self._scopes.find(scope) or ROOT_SCOPE_ID] for scope, _ in held}
        return [scope for scope, number in held if number <= counts[scope]]

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

    def has_text(self, record_id: str) -> bool:
        """Whether the content of the record with this id is found by its words."""
        query = select(records.c.has_text).where(records.c.id == record_id)
        return bool(self._connection.execute(query).scalar())

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

    def matching_text(
        self, words: Sequence[str], selection: Selection, limit: int
    ) -> list[tuple[int, float]]:
        """The selected records whose content holds one of the words, best first.

        Args:
            words: what is looked for; several words in one are a phrase.
            selection: what may be found.
            limit: how many at most.

        Returns:
            Pairs of record number and the full-text index's own BM25, which knows the whole memory;
            equal scores newest first, then by id.
        """
        values = self._text_values(words, selection)
        if values is None:
            return []
        rows = self._connection.execute(self._matching(selection), {**values, "most": limit})
        return [(row.pk, row.score) for row in rows]

    def text_count(self, words: str, selection: Selection) -> int:
        """How many texts in the selected scopes hold a word, whatever else is selected."""
        values = self._text_values([words], selection)
        if values is None:
            return 0
        return self._connection.execute(self._dialect.text_count(), values).scalar_one()

    def texts(self, pks: Iterable[int]) -> list[tuple[int, str]]:
        """Those of the records that are found by their words, with their content."""
        rows = self._connection.execute(_texts(self._dialect), {"pks": self._dialect.array(pks)})
        return [(row.pk, row.content) for row in rows]

    def texts_in_scope(
        self, scope_id: int, *, among: Iterable[int] | None = None
    ) -> list[tuple[int, str]]:
        """As `texts`: of every record at one scope, or of those of `among` that lie there."""
        query: Query = _TEXTS_IN_SCOPE
        values: dict[str, Any] = {"scope_id": scope_id}
        if among is not None:
            query = query.where(self._dialect.among(records.c.pk, "pks"))
            values["pks"] = self._dialect.array(among)
        return [(row.pk, row.content) for row in self._connection.execute(query, values)]

    @property
    def reindexing(self) -> Reindexing:
        """What a reindex reads."""
        return Reindexing(self._connection, self._dialect)

    def scopes_with_records(self, selection: Selection) -> list[int]:
        """The ids of the selected scopes that hold records."""
        if not selection.below:
            return list(selection.scope_ids)
        wanted = {"scope_ids": self._dialect.array(selection.scope_ids)}
        return list(self._connection.execute(_scopes_held(self._dialect), wanted).scalars())

    def problems(self) -> list[str]:
        """What is wrong with the ledger, in words; empty if nothing is."""
        return list(checking.problems(self._connection, self._dialect))

    def kinds(self, selection: Selection) -> dict[str, int]:
        """How many records the selected scopes hold of each kind, expired ones included."""
        placed = in_scopes(shape(selection), self._dialect)
        query = select(records.c.kind, func.count().label("held")).where(placed)
        rows = self._connection.execute(
            query.group_by(records.c.kind), parameters(selection, self._dialect)
        )
        return {row.kind: row.held for row in rows}

    def vectors_held(self, selection: Selection) -> dict[int, int]:
        """How many vectors the records of the selected scopes have, by the id of the space."""
        placed = select(records.c.pk).where(in_scopes(shape(selection), self._dialect))
        query = (
            select(vectors.c.space_id, func.count().label("held"))
            .where(vectors.c.record_pk.in_(placed))
            .group_by(vectors.c.space_id)
        )
        rows = self._connection.execute(query, parameters(selection, self._dialect))
        return {row.space_id: row.held for row in rows}

    def _text_values(self, words: Sequence[str], selection: Selection) -> dict[str, Any] | None:
        """The parameters of `_matching` but the limit; None if nothing can match."""
        tokens = () if selection.everywhere else selection.scope_ids
        text_query = self._dialect.text_query(words, tokens) if selection.scope_ids else None
        if text_query is None:
            return None
        return {**parameters(selection, self._dialect), "text_query": text_query}

    def _matching(self, selection: Selection) -> Query:
        """The selected texts that match, best first."""
        statement = _matching(self._dialect, shape(selection, by_scope=False))
        if selection.narrowed:
            statement = statement.where(condition(selection, self._dialect, by_scope=False))
        return statement

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

    def _condition(self, flat: Selection) -> ColumnElement[bool]:
        return condition(flat, self._dialect, by_scope=self._scope_is_selective(flat))

    def _scope_is_selective(self, selection: Selection) -> bool:
        if selection.everywhere or shape(selection).single:
            return True
        held = self.total(selection)
        everything = self.held()
        return held <= max(_MANY_RECORDS, _LARGE_SHARE * everything)

    def _rows(self, query: Query, values: Mapping[str, Any]) -> Sequence[Row[Any]]:
        """Rows that lie at scopes, whose paths are known from then on."""
        rows = self._connection.execute(query, values).all()
        self._scopes.load({row.scope_id for row in rows})
        return rows

    def _rows_by_pk(self, pks: Sequence[int]) -> Sequence[Row[Any]]:
        return self._rows(_by_pk(self._dialect), {"pks": self._dialect.array(pks)})

    def _record(self, row: Row[Any]) -> Record:
        return record_of(row, self._scopes.scope(row.scope_id))

    def _pks(self, query: Query, values: dict[str, Any]) -> Pks:
        return np.array(list(self._connection.execute(query, values).scalars()), dtype=np.int64)

    def _counted_at(self, depth: int) -> ColumnElement[int]:
        return case((scopes.c.depth == depth, scopes.c.total), else_=scopes.c.records)

    def _expired_by_scope(self, selection: Selection, depth: int | None) -> dict[int, int]:
        gone: dict[int, int] = {}
        query = (
            select((records.c.scope_id + 0).label("scope_id"), func.count().label("gone"))
            .where(records.c.expires_at <= selection.now)
            .group_by(records.c.scope_id + 0)  # by the index on expiry, not the one on scope
        )
        for row in self._connection.execute(query):
            scope = self.scope(row.scope_id)
            shown = scope if depth is None or len(scope.segments) <= depth else None
            shown = shown or type(scope)(*scope.segments[:depth])
            scope_id = self._scopes.find(shown)
            if scope_id is not None:
                gone[scope_id] = gone.get(scope_id, 0) + row.gone
        return gone


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
_SETTING = fixed(select(settings.c.value).where(settings.c.name == bindparam("name")))
_HELD = fixed(select(scopes.c.path, scopes.c.records).where(scopes.c.records > 0))
_SCOPES_CHANGED = fixed(
    select(journal.c.scope_id)
    .distinct()
    .where(journal.c.seq > bindparam("after"))
    .limit(bindparam("most"))
)
_GONE = fixed(
    select((records.c.scope_id + 0).label("scope_id"), func.count().label("gone"))
    .where(records.c.expires_at <= bindparam("now"))
    .group_by(records.c.scope_id + 0)  # by the index on expiry, not the one on scope
)


@functools.cache
def _held_among(dialect: SqliteDialect) -> Query:
    return fixed(
        select(scopes.c.path, scopes.c.records).where(dialect.among(scopes.c.id, "scope_ids"))
    )


@functools.cache
def _scopes_below(dialect: SqliteDialect) -> Query:
    contained = dialect.among(scope_tree.c.ancestor_id, "scope_ids")
    return fixed(select(scope_tree.c.scope_id).where(contained).limit(_FEW_SCOPES + 1))


@functools.cache
def _scopes_held(dialect: SqliteDialect) -> Query:
    contained = dialect.among(scope_tree.c.ancestor_id, "scope_ids")
    joined = scope_tree.join(scopes, scopes.c.id == scope_tree.c.scope_id)
    return fixed(
        select(scopes.c.id).distinct().select_from(joined).where(contained, scopes.c.records > 0)
    )


@functools.cache
def _by_pk(dialect: SqliteDialect) -> Query:
    return fixed(select(records).where(dialect.among(records.c.pk, "pks")))


@functools.cache
def _by_id(dialect: SqliteDialect, kind: Shape) -> Query:
    return fixed(
        select(records).where(dialect.among(records.c.id, "ids"), live_in_scopes(kind, dialect))
    )


@functools.cache
def _of_key(dialect: SqliteDialect, kind: Shape) -> Query:
    named = records.c.key == bindparam("key")
    return fixed(select(records).where(named, live_in_scopes(kind, dialect)))


@functools.cache
def _former(dialect: SqliteDialect, kind: Shape) -> Query:
    placed = replaced(in_scopes(kind, dialect), {records: versions})
    wanted = versions.c.id == bindparam("id")
    expired = exists().where(of_record(), records.c.expires_at <= bindparam("now"))
    return fixed(select(versions).where(wanted, placed, ~expired).order_by(versions.c.version))


@functools.cache
def _pks_by_id(dialect: SqliteDialect) -> Query:
    return fixed(select(records.c.id, records.c.pk).where(dialect.among(records.c.id, "ids")))


@functools.cache
def _by_key(dialect: SqliteDialect) -> Query:
    return fixed(
        select(records.c.key, records.c.id).where(
            records.c.scope_id == bindparam("scope_id"), dialect.among(records.c.key, "keys")
        )
    )


@functools.cache
def _allowed(dialect: SqliteDialect, kind: Shape) -> Query:
    return fixed(
        select(records.c.pk, records.c.created_at, records.c.id).where(
            dialect.among(records.c.pk, "pks"), live_in_scopes(kind, dialect)
        )
    )


@functools.cache
def _selected_ids(dialect: SqliteDialect, kind: Shape) -> Query:
    return fixed(
        select(records.c.pk).where(
            dialect.among(records.c.id, "ids"), live_in_scopes(kind, dialect)
        )
    )


@functools.cache
def _expired(dialect: SqliteDialect, kind: Shape) -> Query:
    gone = records.c.expires_at <= bindparam("now")
    return fixed(
        select(records.c.pk).where(gone, in_scopes(kind, dialect)).limit(bindparam("most"))
    )


@functools.cache
def _hidden(dialect: SqliteDialect, kind: Shape) -> Query:
    placed = in_scopes(kind, dialect)
    causes = union(*(select(records.c.pk).where(cause, placed) for cause in hidings(kind)))
    return fixed(select(causes.subquery().c.pk))


@functools.cache
def _page(dialect: SqliteDialect, kind: Shape, order_by: tuple[str, ...]) -> Query:
    return fixed(
        select(records.c.pk)
        .where(live_in_scopes(kind, dialect))
        .order_by(*map(_order, order_by), records.c.id)
        .limit(bindparam("most"))
        .offset(bindparam("skip"))
    )


@functools.cache
def _chosen(dialect: SqliteDialect, kind: Shape) -> Query:
    return fixed(select(records.c.pk).where(live_in_scopes(kind, dialect)).limit(bindparam("most")))


@functools.cache
def _matching(dialect: SqliteDialect, kind: Shape) -> Query:
    return fixed(
        dialect.matching_text()
        .where(live_in_scopes(kind, dialect))
        .order_by(desc("score"), records.c.created_at.desc(), records.c.id)
        .limit(bindparam("most"))
    )


_TEXTS_IN_SCOPE = fixed(
    select(records.c.pk, records.c.content).where(
        records.c.scope_id == bindparam("scope_id"), records.c.has_text > 0
    )
)


@functools.cache
def _texts(dialect: SqliteDialect) -> Query:
    return fixed(
        select(records.c.pk, records.c.content).where(
            dialect.among(records.c.pk, "pks"), records.c.has_text > 0
        )
    )


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
    return column.desc() if name.startswith("-") else column.asc()
