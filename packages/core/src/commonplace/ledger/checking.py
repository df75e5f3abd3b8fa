"""What can be wrong inside a ledger, and how it is mended from what is right."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING
from zlib import crc32

from sqlalchemy import and_, delete, exists, func, not_, or_, select, update

from commonplace.errors import DataDamagedError, KeyMissingError
from commonplace.failpoints import reach
from commonplace.ledger.erasures import Erasures
from commonplace.ledger.fulltext import scope_tokens
from commonplace.ledger.rows import record_of
from commonplace.ledger.schema import (
    journal,
    links,
    messages,
    records,
    scope_tree,
    scopes,
    spaces,
    vectors,
    version_vectors,
    versions,
)
from commonplace.ledger.sealing import opened
from commonplace.ledger.threadwriting import LOOSE_MESSAGE, MISCOUNTED, recount
from commonplace.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import ColumnElement, Table

    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.scope_ids import ScopeIds
    from commonplace.ledger.selection import Query

_AT_ONCE = 1000
_AT = (
    select(func.count())
    .where(records.c.scope_id == scopes.c.id)
    .correlate(scopes)
    .scalar_subquery()
)
_BELOW = (
    select(func.count())
    .join_from(records, scope_tree, scope_tree.c.scope_id == records.c.scope_id)
    .where(scope_tree.c.ancestor_id == scopes.c.id)
    .correlate(scopes)
    .scalar_subquery()
)
_HELD = (
    select(func.count())
    .where(vectors.c.space_id == spaces.c.id)
    .correlate(spaces)
    .scalar_subquery()
)
_ORPHAN = not_(exists().where(records.c.pk == vectors.c.record_pk))
_LOOSE = or_(
    *(not_(exists().where(records.c.id == end)) for end in (links.c.source_id, links.c.target_id))
)
_WRONG_LENGTH = and_(
    vectors.c.space_id == spaces.c.id, func.length(vectors.c.vector) != 4 * spaces.c.dimension
)


def problems(connection: DriverConnection, dialect: Dialect) -> Iterator[str]:
    """What is wrong, in words that hold no memory text; nothing if all is well."""
    damage = dialect.check(connection)
    yield from (f"ledger file: {line}" for line in damage)
    if damage:
        return
    yield from _counted("scopes with a wrong count", connection, _wrong_scopes())
    yield from _counted(
        "spaces with a wrong count",
        connection,
        select(spaces.c.id).where(spaces.c.vectors != _HELD),
    )
    yield from _counted("vectors without a record", connection, select(vectors.c.id).where(_ORPHAN))
    yield from _counted(
        "vectors of a wrong length",
        connection,
        select(vectors.c.id).join_from(vectors, spaces, _WRONG_LENGTH),
    )
    yield from _counted("links with a missing end", connection, select(links.c.id).where(_LOOSE))
    yield from _counted(
        "messages without a record or a thread",
        connection,
        select(messages.c.record_pk).where(LOOSE_MESSAGE),
    )
    yield from _counted("threads with a wrong count", connection, MISCOUNTED)
    missing, extra = dialect.text_differences(connection)
    if missing or extra:
        yield f"full text: {missing} records missing, {extra} entries too many"
    for table, what in ((records, "records"), (versions, "former states")):
        if unreadable := sum(1 for _ in _unreadable(connection, dialect.stored(table))):
            yield f"{unreadable} {what} that are not as they were written"
    altered = sum(_altered(connection, table) for table in (vectors, version_vectors))
    if altered:
        yield f"{altered} vectors that are not as they were written"
    for marker in Erasures(connection).unfinished():
        yield f"erasure {marker.id} is not finished ({', '.join(marker.pending)}); compact does it"
    yield from _gaps(connection)


def mend(connection: DriverConnection, dialect: Dialect, scope_ids: ScopeIds) -> Iterator[str]:
    """Mend counts, orphans and full text from the records; what was mended, in words."""
    repairs: list[tuple[str, Callable[[], int]]] = [
        ("vectors without a record removed", lambda: _drop(connection, vectors, _ORPHAN)),
        ("links with a missing end removed", lambda: _drop(connection, links, _LOOSE)),
        (
            "messages without a record or a thread removed",
            lambda: _drop(connection, messages, LOOSE_MESSAGE),
        ),
        ("thread counts corrected", lambda: recount(connection)),
        ("scope counts corrected", lambda: _recount_scopes(connection)),
        ("space counts corrected", lambda: _recount_spaces(connection)),
        ("full-text entries rebuilt", lambda: _rebuild_text(connection, dialect, scope_ids)),
    ]
    for label, repair in repairs:
        if changed := repair():
            reach("repair.after_step")
            yield f"{label}: {changed}"


def _gaps(connection: DriverConnection) -> Iterator[str]:
    """Whether the journal lacks entries: they are numbered within the one write at a time."""
    held, last = connection.execute(select(func.count(), func.max(journal.c.seq))).one()
    if (missing := (last or 0) - held) > 0:
        yield f"{missing} journal entries missing"


def _wrong_scopes() -> Query:
    return select(scopes.c.id).where((scopes.c.records != _AT) | (scopes.c.total != _BELOW))


def _counted(label: str, connection: DriverConnection, query: Query) -> Iterator[str]:
    found = len(connection.execute(query).all())
    if found:
        yield f"{found} {label}"


def _unreadable(connection: DriverConnection, table: Table) -> Iterator[str]:
    open_row = functools.partial(opened, connection.keyring)
    stored = select(table).execution_options(yield_per=_AT_ONCE)
    for row in connection.execute(stored):
        try:
            record_of(open_row(row), Scope())
        except KeyMissingError:
            continue  # whole or not, it cannot be told here
        except (ValueError, TypeError, DataDamagedError):
            yield row.id


def _altered(connection: DriverConnection, table: Table) -> int:
    query = select(table.c.vector, table.c.checksum).execution_options(yield_per=_AT_ONCE)
    return sum(crc32(row.vector) != row.checksum for row in connection.execute(query))


def _drop(connection: DriverConnection, table: Table, wrong: ColumnElement[bool]) -> int:
    return connection.execute(delete(table).where(wrong)).rowcount


def _recount_scopes(connection: DriverConnection) -> int:
    wrong = list(connection.execute(_wrong_scopes()).scalars())
    if wrong:
        connection.execute(
            update(scopes).where(scopes.c.id.in_(wrong)).values(records=_AT, total=_BELOW)
        )
    return len(wrong)


def _recount_spaces(connection: DriverConnection) -> int:
    changed = update(spaces).where(spaces.c.vectors != _HELD).values(vectors=_HELD)
    return connection.execute(changed).rowcount


def _rebuild_text(connection: DriverConnection, dialect: Dialect, scope_ids: ScopeIds) -> int:
    if dialect.text_differences(connection) == (0, 0):
        return 0
    dialect.clear_text(connection)
    rebuilt, after = 0, 0
    while rows := connection.execute(
        select(records.c.pk, records.c.content, records.c.scope_id)
        .where(records.c.has_text == 1, records.c.pk > after)
        .order_by(records.c.pk)
        .limit(_AT_ONCE)
    ).all():
        scope_ids.load({row.scope_id for row in rows})
        dialect.insert_text(
            connection,
            [
                {
                    "pk": row.pk,
                    "content": row.content,
                    "scopes": scope_tokens(scope_ids.lineage(row.scope_id)),
                }
                for row in rows
            ],
        )
        rebuilt, after = rebuilt + len(rows), rows[-1].pk
    return rebuilt
