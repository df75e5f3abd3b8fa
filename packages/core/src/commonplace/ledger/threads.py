"""`Threads`: the conversations of a ledger, and the places of their messages."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from sqlalchemy import Row, and_, bindparam, func, or_, select

from commonplace.ledger.driver import fixed
from commonplace.ledger.functions import NO_LIMIT, ends_with_question
from commonplace.ledger.replacing import replaced
from commonplace.ledger.schema import messages, records, threads
from commonplace.ledger.selection import compiled, in_scopes, parameters, shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy import ColumnElement

    from commonplace.filters import Filter
    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.selection import Query, Selection
    from commonplace.record import Record


ThreadRow: TypeAlias = Row[Any]
"""A row of `threads`."""


class Place(NamedTuple):
    """Where a message stands: the columns of `messages` but the numbers of its record and thread.

    `message_id` is the one the caller chose, or None.
    """

    position: int
    message_id: str | None
    role: str
    role_type: str | None
    name: str | None
    token_count: int


class Placed(NamedTuple):
    """A message as it is read: its record and where that stands in the thread."""

    record: Record
    place: Place


class Standing(NamedTuple):
    """Where a message stands, for a search: never its text."""

    pk: int
    thread: str
    time: int
    speaker: str
    length: int
    asks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which messages of a thread are wanted.

    Attributes:
        limit: at most so many, the latest if `latest`, else the first.
        before: only those whose position is smaller.
        after: only those whose position is larger.
        since: only those written at or after this moment (microseconds).
        roles: only those with one of these roles or role types; empty for any.
        latest: from which end `limit` counts. They come in order either way.
    """

    limit: int | None = None
    before: int | None = None
    after: int | None = None
    since: int | None = None
    roles: tuple[str, ...] = ()
    latest: bool = True


class Wanted(NamedTuple):
    """Which threads are wanted: by metadata, by latest activity (microseconds), ended or not."""

    filter: Filter
    since: int | None = None
    active: bool | None = None


class Threads:
    """The conversations of a ledger, within one snapshot.

    Args:
        connection: the snapshot's.
        dialect: how the database spells what differs.
        record: makes the record of a row.
        load: reads the paths of scopes that are about to be needed.
    """

    def __init__(
        self,
        connection: DriverConnection,
        dialect: Dialect,
        record: Callable[[Row[Any]], Record],
        load: Callable[[Iterable[int]], None],
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self._record = record
        self._load = load

    def find(self, name: str, scope_id: int | None, *, now: int) -> ThreadRow | None:
        """The thread with this key at the scope, or else the one with this id; None if expired."""
        asked = {"name": name, "scope_id": scope_id}
        rows = self._connection.execute(_FIND, asked).all()
        living = [row for row in rows if row.expires_at is None or row.expires_at > now]
        return max(living, key=lambda row: row.key == name, default=None)

    def page(
        self,
        selection: Selection,
        wanted: Wanted,
        *,
        limit: int,
        offset: int,
    ) -> list[ThreadRow]:
        """Some threads in the selected scopes, the one with the newest activity first."""
        where = self._where(selection, wanted)
        newest = (threads.c.updated_at.desc(), threads.c.id.desc())
        query = select(threads).where(where).order_by(*newest).limit(limit).offset(offset)
        rows = self._connection.execute(query, parameters(selection, self._dialect)).all()
        self._load({row.scope_id for row in rows})
        return list(rows)

    def count(self, selection: Selection, wanted: Wanted) -> int:
        """How many threads there are in the selected scopes."""
        where = self._where(selection, wanted)
        query = select(func.count()).select_from(threads).where(where)
        return self._connection.execute(query, parameters(selection, self._dialect)).scalar_one()

    def idle(self, selection: Selection, *, before: int) -> list[ThreadRow]:
        """The threads in the selected scopes with no activity since a moment."""
        query = select(threads).where(self._in_scopes(selection), threads.c.updated_at < before)
        return list(self._connection.execute(query, parameters(selection, self._dialect)).all())

    def expired(self, selection: Selection) -> list[ThreadRow]:
        """The threads in the selected scopes whose time is over."""
        query = select(threads).where(
            self._in_scopes(selection), threads.c.expires_at <= bindparam("now")
        )
        return list(self._connection.execute(query, parameters(selection, self._dialect)).all())

    def messages(self, thread_id: str, window: Window, *, now: int) -> list[Placed]:
        """The messages of a thread that a window shows, in order."""
        query = _messages(
            before=window.before is not None,
            after=window.after is not None,
            since=window.since is not None,
            roles=self._dialect if window.roles else None,
            latest=window.latest,
        )
        values = {
            "thread_id": thread_id,
            "now": now,
            "before": window.before,
            "after": window.after,
            "since": window.since,
            "most": NO_LIMIT if window.limit is None else window.limit,
        }
        if window.roles:
            values["roles"] = self._dialect.array(window.roles)
        rows = self._connection.execute(query, values).all()
        self._load({row.scope_id for row in rows})
        ordered = reversed(rows) if window.latest else rows
        return [self._placed(row) for row in ordered]

    def living(self, thread_id: str, *, now: int) -> int:
        """How many messages of a thread have not expired."""
        return self._connection.execute(_LIVING, {"thread_id": thread_id, "now": now}).scalar_one()

    def named(self, thread_id: str, ids: Sequence[str]) -> dict[str, Placed]:
        """The messages of a thread with these ids, by id, expired ones included."""
        if not ids:
            return {}
        asked = {"thread_id": thread_id, "ids": self._dialect.array(ids)}
        found: dict[str, Placed] = {}
        for query in (_by_message_id(self._dialect), _by_record_id(self._dialect)):
            rows = self._connection.execute(query, asked).all()
            self._load({row.scope_id for row in rows})
            found |= {row.message_id or row.id: self._placed(row) for row in rows}
        return found

    def any(self) -> bool:
        """Whether there is a message at all."""
        return self._connection.execute(_ANY).first() is not None

    def standings(self, scope_id: int) -> list[Standing]:
        """Where the messages at a scope stand, thread by thread, in order."""
        rows = self._connection.execute(_STANDINGS, {"scope_id": scope_id}).all()
        return [Standing(*row) for row in rows]

    def of_records(self, ids: Iterable[str]) -> dict[str, tuple[str, Placed]]:
        """For each of the records that is a message its thread's id and itself, by record id."""
        asked = {"ids": self._dialect.array(ids)}
        rows = self._connection.execute(_of_records(self._dialect), asked).all()
        self._load({row.scope_id for row in rows})
        return {row.id: (row.thread_id, self._placed(row)) for row in rows}

    def holding(self, ids: Iterable[str]) -> set[str]:
        """Those of the records that are messages of a thread, by id."""
        asked = {"ids": self._dialect.array(ids)}
        return set(self._connection.execute(_holding(self._dialect), asked).scalars())

    def by_id(self, ids: Iterable[str]) -> dict[str, ThreadRow]:
        """The threads with these ids, by id."""
        asked = {"ids": self._dialect.array(ids)}
        return {row.id: row for row in self._connection.execute(_by_id(self._dialect), asked)}

    def _where(self, selection: Selection, wanted: Wanted) -> ColumnElement[bool]:
        living = or_(threads.c.expires_at.is_(None), threads.c.expires_at > bindparam("now"))
        parts = [self._in_scopes(selection), living]
        parts.append(replaced(compiled(wanted.filter, self._dialect), {records: threads}))
        if wanted.since is not None:
            parts.append(threads.c.updated_at >= wanted.since)
        if wanted.active is not None:
            ended = threads.c.ended_at
            parts.append(ended.is_(None) if wanted.active else ended.is_not(None))
        return and_(*parts)

    def _in_scopes(self, selection: Selection) -> ColumnElement[bool]:
        placed = in_scopes(shape(selection), self._dialect)
        return replaced(placed, {records: threads})

    def _placed(self, row: Row[Any]) -> Placed:
        place = Place(
            row.position, row.message_id, row.role, row.role_type, row.name, row.token_count
        )
        return Placed(self._record(row), place)


_COLUMNS = (
    *records.c,
    messages.c.thread_id,
    messages.c.position,
    messages.c.id.label("message_id"),
    messages.c.role,
    messages.c.role_type,
    messages.c.name,
    messages.c.token_count,
)
_MESSAGE = select(*_COLUMNS).join_from(messages, records, records.c.pk == messages.c.record_pk)
_IN_THREAD = messages.c.thread_id == bindparam("thread_id")

# Statements of fixed shape are built once: building one costs as much as running it.
_FIND = fixed(
    select(threads).where(
        or_(
            and_(threads.c.scope_id == bindparam("scope_id"), threads.c.key == bindparam("name")),
            threads.c.id == bindparam("name"),
        )
    )
)

_ANY = fixed(select(messages.c.record_pk).limit(1))

_STANDINGS = fixed(
    select(
        messages.c.record_pk,
        messages.c.thread_id,
        records.c.created_at,
        func.coalesce(messages.c.name, messages.c.role).label("speaker"),
        func.length(records.c.content).label("length"),
        ends_with_question(records.c.content).label("asks"),
    )
    .join_from(records, messages, records.c.pk == messages.c.record_pk)
    .where(records.c.scope_id == bindparam("scope_id"))
    .order_by(messages.c.thread_id, messages.c.position)
)


_LIVING = fixed(
    select(func.count())
    .join_from(messages, records, records.c.pk == messages.c.record_pk)
    .where(_IN_THREAD, or_(records.c.expires_at.is_(None), records.c.expires_at > bindparam("now")))
)


@functools.cache
def _messages(
    *, before: bool, after: bool, since: bool, roles: Dialect | None, latest: bool
) -> Query:
    position = messages.c.position
    living = or_(records.c.expires_at.is_(None), records.c.expires_at > bindparam("now"))
    wanted = [_IN_THREAD, living]
    if before:
        wanted.append(position < bindparam("before"))
    if after:
        wanted.append(position > bindparam("after"))
    if since:
        wanted.append(records.c.created_at >= bindparam("since"))
    if roles is not None:
        columns = (messages.c.role, messages.c.role_type)
        wanted.append(or_(*(roles.among(column, "roles") for column in columns)))
    order = position.desc() if latest else position
    return fixed(_MESSAGE.where(*wanted).order_by(order).limit(bindparam("most")))


@functools.cache
def _by_message_id(dialect: Dialect) -> Query:
    return fixed(_MESSAGE.where(_IN_THREAD, dialect.among(messages.c.id, "ids")))


@functools.cache
def _by_record_id(dialect: Dialect) -> Query:
    unnamed = messages.c.id.is_(None)
    return fixed(_MESSAGE.where(_IN_THREAD, unnamed, dialect.among(records.c.id, "ids")))


@functools.cache
def _of_records(dialect: Dialect) -> Query:
    return fixed(_MESSAGE.where(dialect.among(records.c.id, "ids")))


@functools.cache
def _holding(dialect: Dialect) -> Query:
    placed = select(records.c.id).join_from(messages, records, records.c.pk == messages.c.record_pk)
    return fixed(placed.where(dialect.among(records.c.id, "ids")))


@functools.cache
def _by_id(dialect: Dialect) -> Query:
    return fixed(select(threads).where(dialect.among(threads.c.id, "ids")))
