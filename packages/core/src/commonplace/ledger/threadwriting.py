"""`ThreadWriter`: makes, changes and removes threads, and the places of their messages."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from sqlalchemy import Delete, bindparam, delete, exists, func, not_, or_, select, update

from commonplace.failpoints import reach
from commonplace.ledger.driver import fixed
from commonplace.ledger.functions import NO_LIMIT, greatest
from commonplace.ledger.schema import messages, records, threads
from commonplace.ledger.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import Row, Update

    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.sealing import Sealer
    from commonplace.ledger.selection import Query
    from commonplace.ledger.threads import Place, ThreadRow
    from commonplace.record import Record


class ThreadWriter(Threads):
    """The conversations of a ledger, within one transaction; the arguments are those of `Threads`.

    Args:
        sealer: seals what is stored sealed; None for nothing.
    """

    def __init__(
        self,
        connection: DriverConnection,
        dialect: Dialect,
        record: Callable[[Row[Any]], Record],
        load: Callable[[Iterable[int]], None],
        sealer: Sealer | None = None,
    ) -> None:
        super().__init__(connection, dialect, record, load)
        self._sealer = sealer

    def insert(self, row: Mapping[str, Any]) -> None:
        """Make a thread; the row has every column but the counts."""
        empty = {"messages": 0, "tokens": 0, "next_position": 0, "extracted": 0}
        self._connection.execute(_INSERT_THREAD, self.stored({**empty, **row}))

    def change(self, thread_id: str, changes: Mapping[str, Any]) -> None:
        """Change columns of a thread."""
        if "metadata" in changes and self._sealer is not None:
            placed = select(threads.c.scope_id).where(threads.c.id == thread_id)
            scope_id = self._connection.execute(placed).scalar()
            changes = self.stored({"id": thread_id, "scope_id": scope_id, **changes})
        query = update(threads).where(threads.c.id == thread_id).values(**changes)
        self._connection.execute(query)

    def stored(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """The row of a thread as it is stored."""
        sealer = self._sealer
        return row if sealer is None else sealer.row("threads", row, [row["scope_id"]])

    def append(self, row: ThreadRow, placed: Sequence[tuple[int, Place]], *, now: int) -> None:
        """Give records, by number, the next places in a thread; positions in `placed` count on."""
        self._connection.execute(
            _INSERT_MESSAGE,
            [
                {
                    "record_pk": pk,
                    "thread_id": row.id,
                    "position": place.position,
                    "id": place.message_id,
                    "role": place.role,
                    "role_type": place.role_type,
                    "name": place.name,
                    "token_count": place.token_count,
                }
                for pk, place in placed
            ],
        )
        reach("thread.after_places")
        tokens = sum(place.token_count for _, place in placed)
        self._grow(row.id, len(placed), tokens, len(placed), max(now, row.updated_at))

    def put_place(self, pk: int, thread_id: str, place: Place, *, before: int, now: int) -> None:
        """Change what is said of a message beside its record; `before` is its former count."""
        changed = {**place._asdict(), "record_pk": pk}
        self._connection.execute(_UPDATE_MESSAGE, changed)
        self._grow(thread_id, 0, place.token_count - before, 0, now)

    def oldest(self, thread_id: str, number: int) -> list[int]:
        """The numbers of the records of a thread's first messages."""
        asked = {"thread_id": thread_id, "most": number}
        return self._connection.execute(_OLDEST, asked).scalars()

    def over(self, thread_id: str, *, now: int) -> list[int]:
        """The numbers of the records of a thread's messages whose time is over."""
        return self._connection.execute(_OVER, {"thread_id": thread_id, "now": now}).scalars()

    def pks(self, thread_id: str) -> list[int]:
        """The numbers of the records of all messages of a thread."""
        return self.oldest(thread_id, NO_LIMIT)

    def forget_places(self, pks: Sequence[int]) -> None:
        """Take records out of their threads, before they are removed."""
        asked = {"pks": self._dialect.array(pks)}
        held = self._connection.execute(_places(self._dialect), asked).all()
        if not held:
            return
        self._connection.execute(_delete_places(self._dialect), asked)
        for row in held:
            self._grow(row.thread_id, -row.messages, -row.tokens, 0, 0)

    def keeps(self, pk: int) -> bool:
        """Whether a record is a message of a thread, which its scope is bound to."""
        return bool(self._connection.execute(_IS_MESSAGE, {"pk": pk}).all())

    def remove(self, ids: Sequence[str]) -> None:
        """Remove threads whose messages are removed already."""
        self._connection.execute(_delete_threads(self._dialect), {"ids": self._dialect.array(ids)})

    def _grow(self, thread_id: str, number: int, tokens: int, places: int, now: int) -> None:
        values = {"id_": thread_id, "number": number, "more": tokens, "places": places, "at": now}
        self._connection.execute(_GROW, values)


def recount(connection: DriverConnection, ids: Sequence[str] | None = None) -> int:
    """Count messages, tokens and positions anew, of these threads or of all; how many erred."""
    wrong = [_WRONG] if ids is None else [_WRONG, threads.c.id.in_(ids)]
    return connection.execute(update(threads).where(*wrong).values(**_COUNTED)).rowcount


def _sum(column: Any) -> Any:
    return (
        select(func.coalesce(column, 0))
        .where(messages.c.thread_id == threads.c.id)
        .correlate(threads)
        .scalar_subquery()
    )


_LAST = _sum(func.max(messages.c.position) + 1)
_COUNTED = {
    "messages": _sum(func.count()),
    "tokens": _sum(func.sum(messages.c.token_count)),
    "next_position": greatest(threads.c.next_position, _LAST),
}
_WRONG = or_(
    threads.c.messages != _COUNTED["messages"],
    threads.c.tokens != _COUNTED["tokens"],
    threads.c.next_position < _LAST,
)
LOOSE_MESSAGE = or_(
    not_(exists().where(records.c.pk == messages.c.record_pk)),
    not_(exists().where(threads.c.id == messages.c.thread_id)),
)
"""The condition that a row of `messages` lacks its record or its thread."""
MISCOUNTED = select(threads.c.id).where(_WRONG)
"""The threads whose counts are wrong."""

# Statements of fixed shape are built once: building one costs as much as running it.
_INSERT_THREAD = fixed(threads.insert())
_INSERT_MESSAGE = fixed(messages.insert())
_UPDATE_MESSAGE = fixed(
    update(messages)
    .where(messages.c.record_pk == bindparam("record_pk"))
    .values(
        role=bindparam("role"),
        role_type=bindparam("role_type"),
        name=bindparam("name"),
        token_count=bindparam("token_count"),
    )
)
_GROW: Update = fixed(
    update(threads)
    .where(threads.c.id == bindparam("id_"))
    .values(
        messages=threads.c.messages + bindparam("number"),
        tokens=threads.c.tokens + bindparam("more"),
        next_position=threads.c.next_position + bindparam("places"),
        updated_at=greatest(threads.c.updated_at, bindparam("at")),
    )
)
_OLDEST = fixed(
    select(messages.c.record_pk)
    .where(messages.c.thread_id == bindparam("thread_id"))
    .order_by(messages.c.position)
    .limit(bindparam("most"))
)
_OVER = fixed(
    select(messages.c.record_pk)
    .join_from(messages, records, records.c.pk == messages.c.record_pk)
    .where(messages.c.thread_id == bindparam("thread_id"), records.c.expires_at <= bindparam("now"))
)
_IS_MESSAGE = fixed(select(messages.c.thread_id).where(messages.c.record_pk == bindparam("pk")))


@functools.cache
def _places(dialect: Dialect) -> Query:
    return fixed(
        select(
            messages.c.thread_id,
            func.count().label("messages"),
            func.sum(messages.c.token_count).label("tokens"),
        )
        .where(dialect.among(messages.c.record_pk, "pks"))
        .group_by(messages.c.thread_id)
    )


@functools.cache
def _delete_places(dialect: Dialect) -> Delete:
    return fixed(delete(messages).where(dialect.among(messages.c.record_pk, "pks")))


@functools.cache
def _delete_threads(dialect: Dialect) -> Delete:
    return fixed(delete(threads).where(dialect.among(threads.c.id, "ids")))
