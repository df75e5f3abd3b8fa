"""`Links`: the links between records, and what finds, makes, moves and removes them."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, bindparam, delete, or_, select, true, union, union_all, update

from commonplace.clock import from_micros, to_micros
from commonplace.jsonvalue import dump_json, load_json
from commonplace.ledger.driver import fixed
from commonplace.ledger.schema import links, records
from commonplace.ledger.selection import Shape, live_in_scopes, parameters, shape
from commonplace.record import Link

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import ColumnElement, Delete, FromClause, Row

    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.sealing import Sealer
    from commonplace.ledger.selection import Query, Selection
    from commonplace.record import Direction


class Way(NamedTuple):
    """Which links of a record are followed.

    Attributes:
        direction: those from it, those to it, or both.
        types: only these types; empty for any.
    """

    direction: Direction = "both"
    types: tuple[str, ...] = ()

    @property
    def back(self) -> Way:
        """The same way, walked from its end."""
        turned: dict[Direction, Direction] = {"out": "in", "in": "out", "both": "both"}
        return self._replace(direction=turned[self.direction])


class Edge(NamedTuple):
    """A link as it is walked: from `here` to `there`, whichever of them is its source."""

    here: str
    there: str
    weight: float
    number: int


class Links:
    """The links of a ledger, within one snapshot.

    Only links between records that a selection leaves exist for it, whatever their number.

    Args:
        connection: the snapshot's.
        dialect: how the database spells what differs.
    """

    def __init__(self, connection: DriverConnection, dialect: Dialect) -> None:
        self._connection = connection
        self._dialect = dialect

    def ends(self, ids: Iterable[str], selection: Selection) -> set[str]:
        """Those of the ids that are ids of selected records."""
        query = _ends(self._dialect, shape(selection, by_scope=False))
        values = {**parameters(selection, self._dialect), "ids": self._dialect.array(ids)}
        return set(self._connection.execute(query, values).scalars())

    def page(
        self, ids: Iterable[str], way: Way, selection: Selection, *, limit: int, offset: int
    ) -> list[Link]:
        """One page of the links of some records, each once: strongest first, then by time and ids.

        Args:
            ids: the records.
            way: which of their links.
            selection: where both ends of a link must lie.
            limit: at most so many.
            offset: after so many.
        """
        ends = self.ends(ids, selection)
        query = _page(self._dialect, _kind(way, selection), single=len(ends) == 1)
        values = self._values(ends, way, selection)
        if len(ends) == 1:
            values["ids"] = next(iter(ends))
        values |= {"reach": limit + offset, "most": limit, "skip": offset}
        return [_link(row) for row in self._connection.execute(query, values)]

    def strongest(
        self, ids: Iterable[str], way: Way, selection: Selection, *, each: int, most: int
    ) -> dict[str, list[Edge]]:
        """The strongest links of some records by record, each list as `page` orders it.

        Args:
            ids: the records; whether they are selected was seen before.
            way: which of their links.
            selection: where the other end of a link must lie.
            each: how many links from one record, and how many to it, at most.
            most: how many in all at most.
        """
        query = _strongest(self._dialect, _kind(way, selection))
        values = self._values(ids, way, selection)
        found: dict[str, list[Edge]] = {}
        for row in self._connection.execute(query, {**values, "each": each, "most": most}):
            found.setdefault(row.here, []).append(Edge(*row))
        return found

    def numbered(self, numbers: Iterable[int]) -> dict[int, Link]:
        """The links with these numbers, by number."""
        wanted = {"numbers": self._dialect.array(numbers)}
        rows = self._connection.execute(_by_number(self._dialect), wanted)
        return {row.id: _link(row) for row in rows}

    def of_records(self, ids: Iterable[str]) -> list[Link]:
        """Every link from or to these records, whoever may see it."""
        wanted = {"ids": self._dialect.array(ids)}
        return [_link(row) for row in self._connection.execute(_of_records(self._dialect), wanted)]

    def _values(self, ids: Iterable[str], way: Way, selection: Selection) -> dict[str, Any]:
        values = {**parameters(selection, self._dialect), "ids": self._dialect.array(ids)}
        return {**values, "types": self._dialect.array(way.types)} if way.types else values


class LinkWriter(Links):
    """The links of a ledger, within one transaction.

    Args:
        connection: the transaction's.
        dialect: how the database spells what differs.
        log: writes events to the journal.
        sealer: seals what is stored sealed; None for nothing.
    """

    def __init__(
        self,
        connection: DriverConnection,
        dialect: Dialect,
        log: Callable[[Sequence[Mapping[str, Any]]], None],
        sealer: Sealer | None = None,
    ) -> None:
        super().__init__(connection, dialect)
        self._log = log
        self._sealer = sealer

    def put(self, made: Sequence[Link], *, now: int) -> list[Link]:
        """Write links between records that are there; each as it now is.

        One of the same type between the same records is replaced; it keeps its `created_at`.
        """
        stored = [self._put(link) for link in made]
        self._tell("link", [_row(link) for link in stored], now)
        return stored

    def put_again(self, removed: Sequence[Link], *, now: int) -> None:
        """Write links that vanished with a record, where both their ends are there again."""
        ends = {end for link in removed for end in (link.source_id, link.target_id)}
        rows = self._connection.execute(_sources(self._dialect), {"ids": self._dialect.array(ends)})
        there = {row.id for row in rows}
        self.put([one for one in removed if {one.source_id, one.target_id} <= there], now=now)

    def drop(self, source_id: str, target_id: str, types: Sequence[str], *, now: int) -> int:
        """Remove the links from one record to another, of some types or all; how many."""
        between = {"source_id": source_id, "target_id": target_id}
        rows = [
            row
            for row in self._connection.execute(_BETWEEN, between)
            if not types or row.type in types
        ]
        if rows:
            self._connection.execute(_DELETE, [{"number": row.id} for row in rows])
            self._tell("unlink", [row._asdict() for row in rows], now)
        return len(rows)

    def forget(self, ids: Iterable[str]) -> None:
        """Remove every link from or to records that are being removed themselves."""
        wanted = {"ids": self._dialect.array(ids)}
        for statement in _forgetting(self._dialect):
            self._connection.execute(statement, wanted)

    def move(self, old_id: str, new_id: str, *, now: int) -> list[Link]:
        """Give the links of a record to another that takes its place; those that were written.

        None leads from the other to itself, and of two of one type between the same records the
        one with the higher weight stays. Call it while both records are there.
        """
        stands = {_key(link): link.weight for link in self.of_records([new_id])}
        moved: dict[tuple[str, str, str], Link] = {}
        for old in self.of_records([old_id]):
            link = _renamed(old, old_id, new_id)
            key = _key(link)
            if link.source_id != link.target_id and link.weight > stands.get(key, 0):
                stands[key], moved[key] = link.weight, link
        self.forget([old_id])
        return self.put(list(moved.values()), now=now)

    def seal_again(self, ids: Sequence[str]) -> None:
        """Seal, or seal no more, the links of records that went to another scope."""
        wanted = {"ids": self._dialect.array(ids)}
        for found in self._connection.execute(_of_records(self._dialect), wanted).all():
            row = self.stored(_row(_link(found)))
            self._connection.execute(_UPDATE, {**row, "number": found.id})

    def stored(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """The row of a link as it is stored: sealed if an end of it lies in a sealed scope."""
        if self._sealer is None:
            return row
        ends = [row["source_id"], row["target_id"]]
        found = self._connection.execute(
            _sources(self._dialect), {"ids": self._dialect.array(ends)}
        )
        places = {end.id: end.scope_id for end in found}
        return self._sealer.row("links", row, [places.get(end) for end in ends])

    def _put(self, link: Link) -> Link:
        row = self.stored(_row(link))
        standing = self._connection.execute(_STANDING, row).first()
        if standing is None:
            self._connection.execute(_INSERT, row)
            return link
        self._connection.execute(_UPDATE, {**row, "number": standing.id})
        return replace(link, created_at=from_micros(standing.created_at))

    def _tell(self, operation: str, rows: Sequence[Mapping[str, Any]], now: int) -> None:
        """Log what became of some links, as events of their sources."""
        sources = {"ids": self._dialect.array({row["source_id"] for row in rows})}
        found = self._connection.execute(_sources(self._dialect), sources)
        source_of = {source.id: source for source in found}
        self._log([_event(operation, row, source_of[row["source_id"]], now) for row in rows])


def _link(row: Row[Any]) -> Link:
    return Link(
        source_id=row.source_id,
        target_id=row.target_id,
        type=row.type,
        weight=row.weight,
        reason=row.reason,
        metadata={} if row.metadata == "{}" else load_json(row.metadata),
        created_at=from_micros(row.created_at),
    )


def _row(link: Link) -> dict[str, Any]:
    return {
        "source_id": link.source_id,
        "target_id": link.target_id,
        "type": link.type,
        "weight": link.weight,
        "reason": link.reason,
        "metadata": dump_json(link.metadata),
        "created_at": to_micros(link.created_at, "created_at"),
    }


def _key(link: Link) -> tuple[str, str, str]:
    return link.source_id, link.type, link.target_id


def _renamed(link: Link, old_id: str, new_id: str) -> Link:
    source, target = (new_id if end == old_id else end for end in (link.source_id, link.target_id))
    return replace(link, source_id=source, target_id=target)


def _event(operation: str, link: Mapping[str, Any], source: Row[Any], now: int) -> dict[str, Any]:
    return {
        "at": now,
        "operation": operation,
        "record_pk": source.pk,
        "record_id": source.id,
        "scope_id": source.scope_id,
        "version": source.version,
        "vectors": 0,
        "detail": dump_json({"target": link["target_id"], "type": link["type"]}),
    }


class _Kind(NamedTuple):
    """What decides the SQL that finds links, whatever its values."""

    shape: Shape
    direction: Direction
    typed: bool


def _kind(way: Way, selection: Selection) -> _Kind:
    return _Kind(shape(selection, by_scope=False), way.direction, bool(way.types))


# Statements of fixed shape are built once: building one costs as much as running it.
_INSERT = fixed(links.insert())
_STANDING = fixed(
    select(links.c.id, links.c.created_at).where(
        *(links.c[name] == bindparam(name) for name in ("source_id", "type", "target_id"))
    )
)
_UPDATE = fixed(
    update(links)
    .where(links.c.id == bindparam("number"))
    .values({name: bindparam(name) for name in ("weight", "reason", "metadata")})
)
_BETWEEN = fixed(
    select(links).where(*(links.c[name] == bindparam(name) for name in ("source_id", "target_id")))
)
_DELETE = fixed(delete(links).where(links.c.id == bindparam("number")))


@functools.cache
def _ends(dialect: Dialect, kind: Shape) -> Query:
    named = dialect.among(records.c.id, "ids")
    return fixed(select(records.c.id).where(named, live_in_scopes(kind, dialect)))


@functools.cache
def _sources(dialect: Dialect) -> Query:
    columns = (records.c.pk, records.c.id, records.c.scope_id, records.c.version)
    return fixed(select(*columns).where(dialect.among(records.c.id, "ids")))


@functools.cache
def _by_number(dialect: Dialect) -> Query:
    return fixed(select(links).where(dialect.among(links.c.id, "numbers")))


@functools.cache
def _of_records(dialect: Dialect) -> Query:
    ends = (links.c.source_id, links.c.target_id)
    named = or_(*(dialect.among(end, "ids") for end in ends))
    return fixed(select(links).where(named).order_by(links.c.id))


@functools.cache
def _forgetting(dialect: Dialect) -> tuple[Delete, Delete]:
    ends = (links.c.source_id, links.c.target_id)
    first, second = (fixed(delete(links).where(dialect.among(end, "ids"))) for end in ends)
    return first, second


@functools.cache
def _page(dialect: Dialect, kind: _Kind, *, single: bool) -> Query:
    """Those of a single record come from the index in their order, without reading all of them."""
    halves: list[Query] = []
    for own, other in _ends_of(kind.direction):
        end = links.c[own]
        half = (
            select(links)
            .select_from(links.join(records, records.c.id == links.c[other]))
            .where(end == bindparam("ids") if single else dialect.among(end, "ids"))
            .where(_followed(links, dialect, kind))
            .order_by(*_order(links))
            .limit(bindparam("reach"))
        )
        halves.append(select(half.subquery()))
    found = union(*halves).subquery()
    return fixed(
        select(found).order_by(*_order(found)).limit(bindparam("most")).offset(bindparam("skip"))
    )


@functools.cache
def _strongest(dialect: Dialect, kind: _Kind) -> Query:
    """The links of each record in turn, so that the index yields its strongest and no others."""
    here, near = records.alias("here"), links.alias("near")
    halves: list[Query] = []
    for own, other in _ends_of(kind.direction):
        first = (
            select(near.c.id)
            .select_from(near.join(records, records.c.id == near.c[other]))
            .where(near.c[own] == here.c.id, _followed(near, dialect, kind))
            .order_by(*_order(near))
            .limit(bindparam("each"))
            .correlate(here)
        )
        walked = (here.c.id.label("here"), links.c[other].label("there"), links.c.id)
        halves.append(
            select(*walked, *_order_columns(links)).where(
                dialect.among(here.c.id, "ids"), links.c.id.in_(first)
            )
        )
    found = union_all(*halves).subquery()
    edges = select(found.c.here, found.c.there, found.c.weight, found.c.id)
    return fixed(edges.order_by(*_order(found)).limit(bindparam("most")))


def _ends_of(direction: Direction) -> list[tuple[str, str]]:
    """A record's own end of its links and the other end, as columns."""
    ends = {"out": ("source_id", "target_id"), "in": ("target_id", "source_id")}
    return [ends[name] for name in ends if direction in {name, "both"}]


def _followed(table: FromClause, dialect: Dialect, kind: _Kind) -> ColumnElement[bool]:
    """The condition that a link, joined with the record at its other end, is followed."""
    # Without the empty text the database would walk the index on the type, and sort.
    typed = dialect.among(table.c.type.concat(""), "types") if kind.typed else true()
    return and_(typed, live_in_scopes(kind.shape, dialect))


def _order_columns(table: FromClause) -> list[ColumnElement[Any]]:
    return [table.c[name] for name in ("weight", "created_at", "source_id", "target_id", "type")]


def _order(table: FromClause) -> list[ColumnElement[Any]]:
    weight, *others = _order_columns(table)
    return [weight.desc(), *others]
