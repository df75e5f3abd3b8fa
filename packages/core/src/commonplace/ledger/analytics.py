"""What is counted of records and messages, grouped in the database."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, or_, select, union

from commonplace.analytics import DAY, Counted, ThreadStats
from commonplace.clock import from_micros
from commonplace.ledger.replacing import replaced
from commonplace.ledger.schema import messages, records, threads
from commonplace.ledger.selection import condition, hidings, in_scopes, parameters, shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Row

    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.selection import Selection


class Analytics:
    """What is counted in a ledger, within one snapshot.

    Args:
        connection: the snapshot's.
        dialect: how the database spells what differs.
    """

    def __init__(self, connection: DriverConnection, dialect: Dialect) -> None:
        self._connection = connection
        self._dialect = dialect

    def histogram(self, selection: Selection, width: int, *, by_scope: bool) -> list[Counted]:
        """How many of the selected records were made in each span of time, in order.

        Args:
            selection: the records.
            width: how long a span is, in microseconds.
            by_scope: whether an index on the scope may drive the query.
        """
        created = records.c.created_at
        number = _number(created, width)
        query = (
            select(number, func.count(), func.min(created), func.max(created))
            .select_from(records)
            .where(self._selected(selection, by_scope=by_scope))
            .group_by(number)
            .order_by(number)
        )
        rows = self._connection.execute(query, parameters(selection, self._dialect))
        return [Counted(*row) for row in rows]

    def of_threads(self, selection: Selection, thread_id: str | None = None) -> ThreadStats:
        """The numbers of the threads in the selected scopes, or of one of them."""
        placed = replaced(in_scopes(shape(selection), self._dialect), {records: threads})
        seen = [placed, or_(threads.c.expires_at.is_(None), threads.c.expires_at > selection.now)]
        if thread_id is not None:
            seen.append(threads.c.id == thread_id)
        values = parameters(selection, self._dialect)
        held = select(func.count()).select_from(threads).where(*seen)
        day = _number(records.c.created_at, DAY)
        grouped = (
            select(
                messages.c.role,
                day.label("day"),
                func.count().label("messages"),
                func.sum(messages.c.token_count).label("tokens"),
                func.min(records.c.created_at).label("first"),
                func.max(records.c.created_at).label("last"),
            )
            .join_from(threads, messages, messages.c.thread_id == threads.c.id)
            .join(records, records.c.pk == messages.c.record_pk)
            .where(*seen)
            .where(or_(records.c.expires_at.is_(None), records.c.expires_at > selection.now))
            .group_by(messages.c.role, day)
            .order_by(day, messages.c.role)
        )
        count = self._connection.execute(held, values).scalar_one()
        return _stats(count, self._connection.execute(grouped, values).all())

    def _selected(self, selection: Selection, *, by_scope: bool) -> ColumnElement[bool]:
        """The condition on `records`; one that an index alone can answer where nothing narrows."""
        if selection.narrowed or selection.valid_at is not None:
            return condition(selection, self._dialect, by_scope=by_scope)
        kind = shape(selection, by_scope=by_scope)
        causes = union(*(select(records.c.pk).where(cause) for cause in hidings(kind)))
        return in_scopes(kind, self._dialect) & records.c.pk.not_in(causes)


def _number(moment: ColumnElement[int], width: int) -> ColumnElement[int]:
    """Which span of time a moment lies in; the ones before 1970 have numbers below 0."""
    return (moment - (moment % width + width) % width) // width


def _stats(count: int, rows: Sequence[Row[Any]]) -> ThreadStats:
    roles: Counter[str] = Counter()
    days: Counter[int] = Counter()
    for row in rows:
        roles[row.role] += row.messages
        days[row.day] += row.messages
    return ThreadStats(
        threads=count,
        messages=roles.total(),
        tokens=sum(row.tokens for row in rows),
        roles=dict(roles.most_common()),
        first_at=from_micros(min(row.first for row in rows)) if rows else None,
        last_at=from_micros(max(row.last for row in rows)) if rows else None,
        days={from_micros(day * DAY).date(): number for day, number in days.items()},
    )
