"""`Extract`: whole rows of the ledger, free of its numbers, in an order that a copy keeps.

A `Whole` names scopes by their paths, records by their ids and spaces by their names, so that it
means the same in another ledger. Nothing here holds more than a few rows at a time.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from sqlalchemy import Float, Integer, Table, bindparam, func, not_, or_, select

from commonplace.ledger.driver import fixed
from commonplace.ledger.functions import least
from commonplace.ledger.history import of_record
from commonplace.ledger.replacing import replaced
from commonplace.ledger.schema import (
    BROUGHT,
    FINDABLE,
    links,
    messages,
    records,
    scopes,
    threads,
    vectors,
    version_vectors,
    versions,
)
from commonplace.ledger.selection import Shape, in_scopes, live_in_scopes, parameters, shape
from commonplace.ledger.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement

    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.selection import Query, Selection
    from commonplace.ledger.vectorreading import Space

RowKind: TypeAlias = Literal["record", "version", "link", "thread", "message"]
"""What a whole row is: a record, a former state of one, or what hangs on records."""

Vectors: TypeAlias = "Mapping[str, Sequence[bytes]]"
"""Vectors by space name, in their order, each little-endian float32."""

_AT_ONCE = 500
_JSON = frozenset({"value", "tags", "metadata", "source"})
_NAMED = {"scope_id": ("scope", scopes.c.path), "record_pk": ("record_id", records.c.id)}


class Field(NamedTuple):
    """One field of a whole row: its name, how its value is written, whether it is always there."""

    name: str
    form: Literal["text", "json", "integer", "number"]
    required: bool


@dataclass(slots=True)
class Whole:
    """One row with all that belongs to it.

    Attributes:
        kind: what it is.
        values: by the names of `FIELDS`; what is null is left out, JSON is text as it is stored.
        vectors: of a record or a version, by the name of their space.
        origins: what they were made from, by the name of their space; left out for what the caller
            brought.
    """

    kind: RowKind
    values: dict[str, Any]
    vectors: Vectors = field(default_factory=dict[str, "Sequence[bytes]"])
    origins: Mapping[str, str] = field(default_factory=dict[str, str])


TABLES: dict[RowKind, Table] = {
    "record": records,
    "version": versions,
    "link": links,
    "thread": threads,
    "message": messages,
}


def own_columns(kind: RowKind) -> list[str]:
    """The columns that a whole row of this kind carries under their own names."""
    dropped = {"pk", "content_hash", "checksum"} if kind in {"record", "version"} else set[str]()
    if kind == "link":
        dropped = {"id"}
    return [name for name in TABLES[kind].c.keys() if name not in dropped and name not in _NAMED]  # noqa: SIM118 - a collection of columns, not a dict


def _fields(kind: RowKind) -> tuple[Field, ...]:
    table = TABLES[kind]
    named = [Field(name, "text", True) for key, (name, _) in _NAMED.items() if key in table.c]
    return (*named, *(_field(table.c[name]) for name in own_columns(kind)))


def _field(column: Any) -> Field:
    if column.name in _JSON:
        return Field(column.name, "json", not column.nullable)
    if isinstance(column.type, Float):
        return Field(column.name, "number", not column.nullable)
    form = "integer" if isinstance(column.type, Integer) else "text"
    return Field(column.name, form, not column.nullable)


FIELDS: dict[RowKind, tuple[Field, ...]] = {kind: _fields(kind) for kind in TABLES}
"""The fields of every kind, in the order they are written."""


class Extract(Snapshot):
    """A consistent view of the ledger that gives whole rows. Made by `Ledger.extract`."""

    def counts(self, selection: Selection, *, history: bool) -> dict[RowKind, int]:
        """How many rows of each kind `wholes` gives."""
        flat = self.flattened(selection)
        kind, values = shape(flat), parameters(flat, self._dialect)
        asked = _counts(self._dialect, kind)
        return {
            name: self._connection.execute(query, values).scalar()
            for name, query in asked.items()
            if history or name != "version"
        }

    def carried(self, selection: Selection, *, history: bool) -> list[Space]:
        """The spaces in which `wholes` gives vectors, by name."""
        flat = self.flattened(selection)
        values = parameters(flat, self._dialect)
        asked = _holding(self._dialect, shape(flat))[: 2 if history else 1]
        found = sorted(self.spaces().values(), key=lambda space: space.name)
        return [
            space
            for space in found
            if any(
                self._connection.execute(query, {**values, "space_id": space.id}).first()
                for query in asked
            )
        ]

    def wholes(
        self, selection: Selection, spaces: Sequence[Space], *, history: bool
    ) -> Iterator[Whole]:
        """Every row in the selected scopes that is to be seen, one by one.

        Records in the order they were added, each followed by its former states; the former states
        of records that are not among them; then links, threads and messages.

        Args:
            selection: by scopes alone; kinds, tags and filter are not looked at.
            spaces: whose vectors to give.
            history: whether former states are wanted.
        """
        flat = self.flattened(selection)
        placed = _Placed(shape(flat), parameters(flat, self._dialect))
        yield from self._records(selection, placed, spaces, history=history)
        if history:
            for pk in self._stream(_homeless(self._dialect, placed.shape), placed.values):
                yield self._version(pk.pk, spaces)
        yield from self._others("link", _links(self._dialect, placed.shape), placed.values)
        for thread in self._stream(_threads(self._dialect, placed.shape), placed.values):
            yield Whole("thread", _values("thread", thread))
        for thread in self._stream(_thread_ids(self._dialect, placed.shape), placed.values):
            asked = {**placed.values, "thread_id": thread.id}
            yield from self._others("message", _messages(self._dialect, placed.shape), asked)

    def numbered_vectors(self, selection: Selection, space: Space) -> Iterator[tuple[str, int]]:
        """The id of the record and the ordinal of each vector that `vectors_of` gives."""
        for window, asked in self._windows(selection):
            ids = {row.pk: row.id for row in window}
            rows = self._stream(_lane_numbers(self._dialect), {**asked, "space_id": space.id})
            yield from ((ids[row.record_pk], row.ordinal) for row in rows)

    def vectors_of(self, selection: Selection, space: Space) -> Iterator[bytes]:
        """The vectors of a space in the selected scopes, one by one, in the order of `wholes`."""
        for _, asked in self._windows(selection):
            rows = self._stream(_lane_vectors(self._dialect), {**asked, "space_id": space.id})
            yield from (row.vector for row in rows)

    def _windows(self, selection: Selection) -> Iterator[tuple[Sequence[Any], dict[str, Any]]]:
        """The numbers and ids of the selected records, some at a time, and as a parameter."""
        flat = self.flattened(selection)
        numbers = self._stream(_pks(self._dialect, shape(flat)), parameters(flat, self._dialect))
        while window := list(itertools.islice(numbers, _AT_ONCE)):
            yield window, {"pks": self._dialect.array(row.pk for row in window)}

    def _records(
        self, selection: Selection, placed: _Placed, spaces: Sequence[Space], *, history: bool
    ) -> Iterator[Whole]:
        for _, asked in self._windows(selection):
            lanes = [self._lane(space, asked) for space in spaces]
            remembered = self._remembered(asked) if history else frozenset[str]()
            for row in self._stream(_whole_records(self._dialect), asked):
                some = [
                    (lane.name, vector, origin)
                    for lane in lanes
                    for vector, origin in lane.take(row.pk)
                ]
                yield _whole("record", row, some)
                if row.id in remembered:
                    yield from self._versions_of(row.id, placed, spaces)

    def _remembered(self, asked: Mapping[str, Any]) -> frozenset[str]:
        """Those of some records that have former states, in whatever scope."""
        return frozenset(self._connection.execute(_remembered(self._dialect), asked).scalars())

    def _versions_of(
        self, record_id: str, placed: _Placed, spaces: Sequence[Space]
    ) -> Iterator[Whole]:
        asked = {**placed.values, "record_id": record_id}
        for row in self._stream(_versions_of(self._dialect, placed.shape), asked):
            yield self._version(row.pk, spaces)

    def _version(self, pk: int, spaces: Sequence[Space]) -> Whole:
        row = self._connection.execute(_VERSION, {"pk": pk}).first()
        some = [
            (space.name, found.vector, found.origin)
            for space in spaces
            for found in self._connection.execute(
                _VERSION_VECTORS, {"pk": pk, "space_id": space.id}
            )
        ]
        return _whole("version", row, some)

    def _others(self, kind: RowKind, query: Query, values: Mapping[str, Any]) -> Iterator[Whole]:
        for row in self._stream(query, values):
            yield Whole(kind, _values(kind, row))

    def _lane(self, space: Space, asked: Mapping[str, Any]) -> _Lane:
        rows = self._stream(_lane_vectors(self._dialect), {**asked, "space_id": space.id})
        return _Lane(space.name, rows)

    def _stream(self, query: Query, values: Mapping[str, Any]) -> Iterator[Any]:
        return itertools.chain.from_iterable(self._connection.stream(query, values))


class _Placed(NamedTuple):
    """Scopes, as the statements want them."""

    shape: Shape
    values: dict[str, Any]


class _Lane:
    """The vectors of one space, taken record by record in the order of their numbers."""

    def __init__(self, name: str, rows: Iterator[Any]) -> None:
        self.name = name
        self._rows = rows
        self._next = next(rows, None)

    def take(self, pk: int) -> list[tuple[bytes, str]]:
        taken: list[tuple[bytes, str]] = []
        while self._next is not None and self._next.record_pk == pk:
            taken.append((self._next.vector, self._next.origin))
            self._next = next(self._rows, None)
        return taken


def _whole(kind: RowKind, row: Any, found: Iterable[tuple[str, bytes, str]]) -> Whole:
    vectors: dict[str, list[bytes]] = {}
    origins: dict[str, str] = {}
    for name, vector, origin in found:
        vectors.setdefault(name, []).append(vector)
        if origin != BROUGHT:
            origins[name] = origin
    return Whole(kind, _values(kind, row), vectors, origins)


_NAMES = {kind: [field.name for field in fields] for kind, fields in FIELDS.items()}


def _values(kind: RowKind, row: Any) -> dict[str, Any]:
    """What a row of `selected` says, nulls left out."""
    found = zip(_NAMES[kind], row[-len(_NAMES[kind]) :], strict=True)
    return {name: value for name, value in found if value is not None}


def selected(kind: RowKind, *numbers: ColumnElement[Any]) -> Query:
    """A query for whole rows: the numbers asked for, then the fields in their order."""
    table = TABLES[kind]
    given: list[Any] = [
        column.label(name) for key, (name, column) in _NAMED.items() if key in table.c
    ]
    query = select(*numbers, *given, *(_given(table.c[name]) for name in own_columns(kind)))
    source: Any = table
    if "scope_id" in table.c:
        source = source.join(scopes, scopes.c.id == table.c.scope_id)
    if "record_pk" in table.c:
        source = source.join(records, records.c.pk == table.c.record_pk)
    return query.select_from(source)


def _given(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A column as a whole row carries it: where a text is found by its words is no matter there."""
    return least(column, FINDABLE).label(column.key) if column.key == "has_text" else column


def values_of(kind: RowKind, row: Any) -> dict[str, Any]:
    """The values of a whole row, from a row that `selected` found."""
    return _values(kind, row)


# Statements of fixed shape are built once: building one costs as much as running it.
_VERSION = fixed(selected("version").where(versions.c.pk == bindparam("pk")))
_VERSION_VECTORS = fixed(
    select(version_vectors.c.vector, version_vectors.c.origin)
    .where(
        version_vectors.c.version_pk == bindparam("pk"),
        version_vectors.c.space_id == bindparam("space_id"),
    )
    .order_by(version_vectors.c.ordinal)
)


def _version_in_scopes(kind: Shape, dialect: Dialect) -> ColumnElement[bool]:
    return replaced(in_scopes(kind, dialect), {records: versions})


def _is_live(kind: Shape, dialect: Dialect) -> ColumnElement[bool]:
    """That the record with a version's id lies in the scopes."""
    live = live_in_scopes(kind, dialect)
    return select(records.c.pk).where(records.c.id == versions.c.id, live).exists()


def _expired() -> ColumnElement[bool]:
    """That a version's record expired."""
    gone = records.c.expires_at <= bindparam("now")
    return select(records.c.pk).where(of_record(), gone).exists()


@functools.cache
def _pks(dialect: Dialect, kind: Shape) -> Query:
    live = live_in_scopes(kind, dialect)
    return fixed(select(records.c.pk, records.c.id).where(live).order_by(records.c.pk))


@functools.cache
def _whole_records(dialect: Dialect) -> Query:
    wanted = dialect.among(records.c.pk, "pks")
    return fixed(selected("record", records.c.pk).where(wanted).order_by(records.c.pk))


@functools.cache
def _lane_vectors(dialect: Dialect) -> Query:
    return fixed(
        select(vectors.c.record_pk, vectors.c.vector, vectors.c.origin)
        .where(
            vectors.c.space_id == bindparam("space_id"), dialect.among(vectors.c.record_pk, "pks")
        )
        .order_by(vectors.c.record_pk, vectors.c.ordinal)
    )


@functools.cache
def _lane_numbers(dialect: Dialect) -> Query:
    return fixed(
        select(vectors.c.record_pk, vectors.c.ordinal)
        .where(
            vectors.c.space_id == bindparam("space_id"), dialect.among(vectors.c.record_pk, "pks")
        )
        .order_by(vectors.c.record_pk, vectors.c.ordinal)
    )


@functools.cache
def _remembered(dialect: Dialect) -> Query:
    former = select(versions.c.pk).where(versions.c.id == records.c.id).exists()
    return fixed(select(records.c.id).where(dialect.among(records.c.pk, "pks"), former))


@functools.cache
def _versions_of(dialect: Dialect, kind: Shape) -> Query:
    return fixed(
        select(versions.c.pk)
        .where(versions.c.id == bindparam("record_id"), _version_in_scopes(kind, dialect))
        .order_by(versions.c.version)
    )


@functools.cache
def _homeless(dialect: Dialect, kind: Shape) -> Query:
    """The versions whose records are deleted, or lie elsewhere now; none of those that expired."""
    elsewhere = not_(or_(_expired(), _is_live(kind, dialect)))
    return fixed(
        select(versions.c.pk)
        .where(_version_in_scopes(kind, dialect), elsewhere)
        .order_by(versions.c.id, versions.c.version)
    )


@functools.cache
def _links(dialect: Dialect, kind: Shape) -> Query:
    live = live_in_scopes(kind, dialect)
    ends = (
        select(records.c.pk).where(records.c.id == end, live).exists()
        for end in (links.c.source_id, links.c.target_id)
    )
    return fixed(selected("link").where(*ends).order_by(links.c.id))


@functools.cache
def _threads(dialect: Dialect, kind: Shape) -> Query:
    placed = replaced(in_scopes(kind, dialect), {records: threads})
    return fixed(selected("thread").where(placed).order_by(threads.c.id))


@functools.cache
def _thread_ids(dialect: Dialect, kind: Shape) -> Query:
    placed = replaced(in_scopes(kind, dialect), {records: threads})
    return fixed(select(threads.c.id).where(placed).order_by(threads.c.id))


@functools.cache
def _messages(dialect: Dialect, kind: Shape) -> Query:
    return fixed(
        selected("message")
        .where(messages.c.thread_id == bindparam("thread_id"), live_in_scopes(kind, dialect))
        .order_by(messages.c.position)
    )


@functools.cache
def _counts(dialect: Dialect, kind: Shape) -> dict[RowKind, Query]:
    placed = replaced(in_scopes(kind, dialect), {records: threads})
    in_threads = select(threads.c.id).where(threads.c.id == messages.c.thread_id, placed).exists()
    former = select(versions.c.pk).where(_version_in_scopes(kind, dialect), not_(_expired()))
    counted: dict[RowKind, Query] = {
        "record": _pks(dialect, kind),
        "version": former,
        "link": _links(dialect, kind),
        "thread": _thread_ids(dialect, kind),
        "message": select(messages.c.record_pk)
        .join(records, records.c.pk == messages.c.record_pk)
        .where(live_in_scopes(kind, dialect), in_threads),
    }
    return {
        name: fixed(select(func.count()).select_from(query.order_by(None).subquery()))
        for name, query in counted.items()
    }


@functools.cache
def _holding(dialect: Dialect, kind: Shape) -> tuple[Query, Query]:
    """Whether a space has vectors of the records, and of the versions."""
    present = (
        select(vectors.c.id)
        .join_from(records, vectors, vectors.c.record_pk == records.c.pk)
        .where(vectors.c.space_id == bindparam("space_id"), live_in_scopes(kind, dialect))
    )
    former = (
        select(version_vectors.c.id)
        .join_from(versions, version_vectors, version_vectors.c.version_pk == versions.c.pk)
        .where(
            version_vectors.c.space_id == bindparam("space_id"),
            _version_in_scopes(kind, dialect),
            not_(_expired()),
        )
    )
    return fixed(present.limit(1)), fixed(former.limit(1))
