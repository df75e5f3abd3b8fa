"""Another embedder for the memory's own space: what is still to embed, and what is written.

While a reindex is under way, a partial space holds the new vectors of those states of records that
are done. Whoever changes a record's vectors in the own space drops them from the partial one in the
same transaction, so what a state has there is right or missing, and what is to do is what is
missing.
"""

from __future__ import annotations

import functools
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias
from zlib import crc32

from sqlalchemy import Integer, and_, bindparam, delete, exists, func, insert, not_, select, update

from commonplace.jsonvalue import dump_json, load_json
from commonplace.ledger.driver import fixed
from commonplace.ledger.schema import (
    index_state,
    journal,
    records,
    settings,
    spaces,
    vectors,
    version_vectors,
    versions,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import ColumnElement, Table

    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.selection import Query

    Matrix = NDArray[np.float32]

Origin: TypeAlias = Literal["content", "texts", "caller"]
"""What vectors were made from: the record's content, other texts, or the caller brought them."""

_SETTING = "reindex"
# What `str.strip` strips: a content of nothing else has no passages.
WHITE_SPACE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How far a reindex has come; kept in the ledger, so that it goes on after a kill.

    Attributes:
        space_id: the space that is being filled.
        record: the walk through the records has passed this number.
        version: the walk through the versions, whose numbers fall, has passed this number.
        seq: what the journal says up to here is done.
    """

    space_id: int
    record: int = 0
    version: int = 0
    seq: int


class State(NamedTuple):
    """A present or former state of a record; the number of a former one is negative."""

    pk: int
    version: int
    updated_at: int
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """The states that have vectors in a space, by what there is to embed.

    Attributes:
        records: present ones with content.
        versions: former ones with content.
        other_texts: of both, those whose vectors were made from other texts than the content.
        given: of both, those whose vectors the caller brought.
        without: present and former ones without content.
        characters: the length of all content.
    """

    records: int = 0
    versions: int = 0
    other_texts: int = 0
    given: int = 0
    without: int = 0
    characters: int = 0

    @property
    def states(self) -> int:
        """How many can be embedded."""
        return self.records + self.versions


class _Kind(NamedTuple):
    """Where present or former states lie, and where their vectors."""

    states: Table
    held: Table
    owner: str
    step: int

    @property
    def of_state(self) -> ColumnElement[bool]:
        return self.held.c[self.owner] == self.states.c.pk


_PRESENT = _Kind(records, vectors, "record_pk", 1)
_FORMER = _Kind(versions, version_vectors, "version_pk", -1)


class Reindexing:
    """What a reindex reads, within one transaction.

    Args:
        connection: the transaction's.
        dialect: how the database spells what differs.
    """

    def __init__(self, connection: DriverConnection, dialect: Dialect) -> None:
        self._connection = connection
        self._dialect = dialect

    def reached(self) -> Reached | None:
        """How far the reindex under way has come; None if there is none."""
        found = self._connection.execute(_REACHED).scalar()
        return None if found is None else Reached(**load_json(found))

    def census(self, space_id: int) -> Census:
        """What there is to embed in place of a space's vectors."""
        present = self._counted(_PRESENT, space_id)
        former = self._counted(_FORMER, space_id)
        whole = [row for row in (*present, *former) if not row.blank]
        return Census(
            records=sum(row.states for row in present if not row.blank),
            versions=sum(row.states for row in former if not row.blank),
            other_texts=sum(row.states for row in whole if row.origin == "texts"),
            given=sum(row.states for row in whole if row.origin == "caller"),
            without=sum(row.states for row in (*present, *former) if row.blank),
            characters=sum(row.characters for row in whole),
        )

    def done(self, space_id: int) -> int:
        """How many states have vectors in a space."""
        wanted = {"space_id": space_id}
        return sum(
            self._connection.execute(_done(kind), wanted).scalar_one()
            for kind in (_PRESENT, _FORMER)
        )

    def missing(
        self, own: int, new: int, *, after: int, former: bool = False, most: int
    ) -> list[State]:
        """The next states with content that have vectors in one space and none in the other.

        Args:
            own: the space that has them.
            new: the space that lacks them.
            after: the number that the walk has passed; 0 at its start.
            former: whether to walk through former states, whose numbers fall.
            most: how many at most.
        """
        values = {"own": own, "new": new, "after": after, "most": most}
        return self._states(_next(_FORMER if former else _PRESENT), values)

    def missing_of(self, own: int, new: int, ids: Iterable[str], *, most: int) -> list[State]:
        """As `missing`, of the records with these ids, present and former states together."""
        values = {"own": own, "new": new, "ids": self._dialect.array(ids), "most": most}
        return [
            state
            for kind in (_PRESENT, _FORMER)
            for state in self._states(_of_records(self._dialect, kind), values)
        ]

    def changed_ids(self, after: int, most: int) -> list[tuple[int, str]]:
        """The journal after a sequence number, as `(sequence number, record id)`, oldest first."""
        rows = self._connection.execute(_CHANGED_IDS, {"after": after, "most": most})
        return [(row.seq, row.record_id) for row in rows]

    def _counted(self, kind: _Kind, space_id: int) -> Sequence[Any]:
        return self._connection.execute(_census(kind), {"space_id": space_id}).all()

    def _states(self, query: Query, values: Mapping[str, Any]) -> list[State]:
        return [State(*row) for row in self._connection.execute(query, values)]


class SpaceChange(Reindexing):
    """What a reindex writes, within one transaction."""

    def keep(self, reached: Reached) -> None:
        """Record how far the reindex has come."""
        self.forget()
        new = {"name": _SETTING, "value": dump_json(asdict(reached))}
        self._connection.execute(_KEEP, new)

    def forget(self) -> None:
        """Record that no reindex is under way."""
        self._connection.execute(_FORGET)

    def add(self, own: int, new: int, made: Mapping[State, Matrix]) -> int:
        """Give states their vectors, those that are still as they were; how many there were."""
        return sum(
            self._add(kind, own, new, {s: m for s, m in made.items() if s.pk * kind.step > 0})
            for kind in (_PRESENT, _FORMER)
        )

    def rename(self, space_id: int, name: str) -> None:
        """Give a space another name, which is free."""
        self._connection.execute(_RENAME, {"space_id": space_id, "new_name": name})

    def drop_some(self, space_id: int, *, former: bool, after: int, most: int) -> int | None:
        """Drop some of the vectors of a space.

        Args:
            space_id: the space, a partial one.
            former: whether the vectors of former states, whose numbers fall.
            after: the last number an earlier call gave; 0 at first.
            most: how many vectors at most.

        Returns:
            The number of the last state dropped; None if there was none.
        """
        kind = _FORMER if former else _PRESENT
        values = {"space_id": space_id, "after": after, "most": most}
        rows = self._connection.execute(_next_held(kind), values).all()
        if not rows:
            return None
        wanted = {"ids": self._dialect.array(row.id for row in rows)}
        self._connection.execute(_drop_held(self._dialect, kind), wanted)
        if not former:
            self._count(space_id, -len(rows))
        return rows[-1].owner

    def drop(self, space_id: int) -> None:
        """Drop a partial space, and the vectors that it may still have."""
        for statement in _DROP:
            self._connection.execute(statement, {"dropped": space_id})

    def _add(self, kind: _Kind, own: int, new: int, made: Mapping[State, Matrix]) -> int:
        if not made:
            return 0
        pks = self._dialect.array(state.pk for state in made)
        standing = self._states(
            _standing(self._dialect, kind), {"own": own, "new": new, "pks": pks}
        )
        chosen = set(standing).intersection(made)
        rows = [
            {
                "space_id": new,
                kind.owner: state.pk,
                "ordinal": ordinal,
                "origin": "content",
                "vector": (packed := vector.astype("<f4", copy=False).tobytes()),
                "checksum": crc32(packed),
            }
            for state in chosen
            for ordinal, vector in enumerate(made[state])
        ]
        if rows:
            self._connection.execute(_INSERT[kind.owner], rows)
        if kind is _PRESENT:
            self._count(new, len(rows))
        return len(chosen)

    def _count(self, space_id: int, change: int) -> None:
        self._connection.execute(_COUNT, {"counted": space_id, "change": change})


def _has(kind: _Kind, space: str) -> ColumnElement[bool]:
    """The condition that a state has vectors in a space."""
    first = and_(kind.held.c.space_id == bindparam(space), kind.held.c.ordinal == 0)
    return exists().where(kind.of_state, first).correlate(kind.states)


def _blank(kind: _Kind) -> ColumnElement[bool]:
    return func.trim(kind.states.c.content, WHITE_SPACE) == ""


def _missing(kind: _Kind) -> Query:
    columns = (kind.states.c[name] for name in State._fields)
    return select(*columns).where(_has(kind, "own"), not_(_has(kind, "new")), not_(_blank(kind)))


# Statements of fixed shape are built once: building one costs as much as running it.
_REACHED = fixed(select(settings.c.value).where(settings.c.name == _SETTING))
_KEEP = fixed(insert(settings))
_FORGET = fixed(delete(settings).where(settings.c.name == _SETTING))
_CHANGED_IDS = fixed(
    select(journal.c.seq, journal.c.record_id)
    .where(journal.c.seq > bindparam("after"))
    .order_by(journal.c.seq)
    .limit(bindparam("most"))
)
_RENAME = fixed(
    update(spaces).where(spaces.c.id == bindparam("space_id")).values(name=bindparam("new_name"))
)
_COUNT = fixed(
    update(spaces)
    .where(spaces.c.id == bindparam("counted"))
    .values(vectors=spaces.c.vectors + bindparam("change"))
)
_INSERT = {kind.owner: fixed(insert(kind.held)) for kind in (_PRESENT, _FORMER)}
_DROP = [
    fixed(delete(column.table).where(column == bindparam("dropped")))
    for column in (
        vectors.c.space_id,
        version_vectors.c.space_id,
        index_state.c.space_id,
        spaces.c.id,
    )
]


@functools.cache
def _next(kind: _Kind) -> Query:
    pk, after = kind.states.c.pk, bindparam("after", type_=Integer)
    beyond, order = (pk > after, pk) if kind is _PRESENT else (pk < after, pk.desc())
    return fixed(_missing(kind).where(beyond).order_by(order).limit(bindparam("most")))


@functools.cache
def _of_records(dialect: Dialect, kind: _Kind) -> Query:
    named = dialect.among(kind.states.c.id, "ids")
    return fixed(_missing(kind).where(named).limit(bindparam("most")))


@functools.cache
def _standing(dialect: Dialect, kind: _Kind) -> Query:
    return fixed(_missing(kind).where(dialect.among(kind.states.c.pk, "pks")))


@functools.cache
def _census(kind: _Kind) -> Query:
    blank = _blank(kind).label("blank")
    return fixed(
        select(
            kind.held.c.origin,
            blank,
            func.count().label("states"),
            func.sum(func.length(kind.states.c.content)).label("characters"),
        )
        .join_from(kind.held, kind.states, kind.of_state)
        .where(kind.held.c.space_id == bindparam("space_id"), kind.held.c.ordinal == 0)
        .group_by(kind.held.c.origin, blank)
    )


@functools.cache
def _done(kind: _Kind) -> Query:
    first = and_(kind.held.c.space_id == bindparam("space_id"), kind.held.c.ordinal == 0)
    return fixed(select(func.count()).select_from(kind.held).where(first))


@functools.cache
def _next_held(kind: _Kind) -> Query:
    owner, after = kind.held.c[kind.owner], bindparam("after", type_=Integer)
    # The last state's vectors may have been cut in two, so it is looked at once more.
    beyond, order = (owner >= after, owner) if kind is _PRESENT else (owner <= after, owner.desc())
    return fixed(
        select(kind.held.c.id, owner.label("owner"))
        .where(kind.held.c.space_id == bindparam("space_id"), beyond)
        .order_by(order)
        .limit(bindparam("most"))
    )


@functools.cache
def _drop_held(dialect: Dialect, kind: _Kind) -> Any:
    return fixed(delete(kind.held).where(dialect.among(kind.held.c.id, "ids")))
