"""Whole tables, from one ledger to another: rows as they are stored, and what they add up to.

Nothing here knows one database from another: rows are read and written through the description of
the tables. What is sealed stays sealed, and needs no key.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, func, insert, not_, select, true

from commonplace.errors import ConflictError, StoreLockedError
from commonplace.jsonvalue import load_json
from commonplace.ledger.auditing import keep_chain
from commonplace.ledger.fulltext import scope_tokens
from commonplace.ledger.schema import (
    FINDABLE,
    ROOT_SCOPE_ID,
    index_state,
    metadata,
    records,
    scope_tree,
    scopes,
    settings,
    versions,
)
from commonplace.ledger.sealing import SEALING, guard
from commonplace.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement, Table

    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.scope_ids import ScopeIds
    from commonplace.ledger.selection import Query

    Row = tuple[Any, ...]

COPIED = {table.name: table for table in metadata.sorted_tables if table is not index_state}
"""The tables that are copied, by name: what others refer to comes first.

How far an index has come is not: a copy is a ledger of its own, whose indexes begin anew.
"""

UNFINISHED = "unfinished_copy"
"""The setting that marks a ledger as a copy that is not whole yet."""

_ORIGIN = "restored"
_OF_ITS_OWN = ("ledger_id", _ORIGIN, UNFINISHED)
_OF_THE_INDEX = settings.c.name.like("index\\_%", escape="\\")
_DIGEST_BYTES = 32
_SUMS = 1 << (8 * _DIGEST_BYTES)


@dataclass(slots=True)
class Sum:
    """What rows add up to, in whatever order they come.

    Attributes:
        rows: how many.
        digest: the sum of their BLAKE2b digests, modulo 2**256.
    """

    rows: int = 0
    digest: int = 0

    def add(self, row: Row) -> None:
        """Add a row, by what is in it: its numbers, texts and bytes."""
        found = hashlib.blake2b(_canonical(row), digest_size=_DIGEST_BYTES).digest()
        self.digest = (self.digest + int.from_bytes(found, "big")) % _SUMS
        self.rows += 1

    @property
    def text(self) -> str:
        """The digest in hexadecimal digits."""
        return f"{self.digest:0{2 * _DIGEST_BYTES}x}"


@dataclass(slots=True)
class Mark:
    """How far an unfinished copy has come; kept in it, and changed with what is written.

    Attributes:
        source: the id of the ledger that is copied.
        run: which process copies; a later one takes over.
        failed: whether it was found not to be equal: it is to be begun anew.
        done: what was copied of each table, by its name.
    """

    source: str
    run: str
    failed: bool = False
    done: dict[str, Sum] = field(default_factory=dict[str, Sum])

    @classmethod
    def from_text(cls, text: str) -> Mark:
        """The mark that was kept as this text."""
        parts: Any = json.loads(text)
        done = {name: Sum(rows, int(digest, 16)) for name, (rows, digest) in parts["done"].items()}
        return cls(parts["source"], parts["run"], parts["failed"], done)

    def to_text(self) -> str:
        """The mark as it is kept."""
        done = {name: (one.rows, one.text) for name, one in self.done.items()}
        return json.dumps({**asdict(self), "done": done})


class StoredRows:
    """The rows of a ledger as one transaction sees them, as they are stored.

    Made by `Ledger.stored`, before the ledger was given keys.
    """

    def __init__(self, connection: DriverConnection, dialect: Dialect) -> None:
        self._connection = connection
        self._dialect = dialect

    def count(self, table: Table) -> int:
        """How many rows of a table are copied."""
        query = select(func.count()).select_from(table).where(_is_copied(table))
        return self._connection.execute(query).scalar_one()

    def rows(self, table: Table) -> Iterator[Row]:
        """The rows of a table that are copied, in the order of its key, a few at a time."""
        query = select(table).where(_is_copied(table)).order_by(*table.primary_key)
        for some in self._connection.stream(query, {}):
            yield from some

    def numbers(self) -> dict[str, int]:
        """The highest number that each table has given out, which may be gone."""
        return self._dialect.last_numbers(self._connection)

    def text_differences(self) -> tuple[int, int]:
        """How many texts the full-text indexes lack, and how many they have too many."""
        pairs = [
            self._dialect.text_differences(self._connection, former=former)
            for former in (False, True)
        ]
        return sum(missing for missing, _ in pairs), sum(extra for _, extra in pairs)


class Arrivals(StoredRows):
    """A write in progress that takes rows as they are stored. Made by `Ledger.arrivals`."""

    def __init__(self, connection: DriverConnection, dialect: Dialect, scope_ids: ScopeIds) -> None:
        super().__init__(connection, dialect)
        self._scopes = scope_ids

    def mark(self) -> Mark | None:
        """How far the copy has come; None if this ledger is none."""
        found = self._connection.execute(_setting(UNFINISHED)).scalar()
        return None if found is None else Mark.from_text(found)

    def begin(self, source: str, run: str) -> Mark:
        """Become the copy, or go on with one, in place of whoever was about it; its mark.

        Args:
            source: the id of the ledger that is copied.
            run: what tells this process from others.

        Raises:
            ConflictError: this ledger holds a memory, or is to be the copy of another one.
        """
        found = self.mark()
        if found is None and not self._is_empty():
            raise ConflictError("it holds a memory already; name another place")
        if found is not None and found.source != source:
            raise ConflictError(
                f"it is the unfinished copy of memory {found.source}; name another place, or "
                "finish that one"
            )
        mark = found or Mark(source, run)
        mark.run = run
        if found is None or found.failed:
            self._empty(mark)
        self._keep(mark)
        return mark

    def clear(self, mark: Mark) -> None:
        """Remove all that was copied, to begin anew."""
        self._check(mark)
        self._empty(mark)
        self._keep(mark)

    def insert(self, table: Table, rows: Sequence[Row], mark: Mark) -> None:
        """Take rows, and the mark that says so."""
        self._check(mark)
        names = table.columns.keys()
        values = [dict(zip(names, row, strict=True)) for row in rows]
        if values:
            self._connection.execute(insert(table), values)
        if table in {records, versions}:
            self._find(values, former=table is versions)
        self._keep(mark)

    def fail(self, mark: Mark) -> None:
        """Note that the copy is not equal."""
        self._check(mark)
        mark.failed = True
        self._keep(mark)

    def finish(self, mark: Mark, numbers: dict[str, int], origin: dict[str, Any]) -> None:
        """Become a memory, with an id of its own.

        Args:
            mark: what was kept last.
            numbers: the highest number that each table has given out.
            origin: what to note of where the copy came from.
        """
        self._check(mark)
        self._dialect.set_last_numbers(self._connection, numbers)
        sealing = self._connection.execute(_setting(SEALING)).scalar()
        if sealing is not None:  # from now on, what is not sealed is refused here too
            places: list[str] = list(load_json(sealing)["scopes"])
            guard(self._connection, [self._scopes.find_or_add(Scope.parse(one)) for one in places])
        keep_chain(self._connection, mark.source)
        for name in (_ORIGIN, UNFINISHED):
            self._connection.execute(delete(settings).where(settings.c.name == name))
        self._connection.execute(settings.insert().values(name=_ORIGIN, value=json.dumps(origin)))

    def _empty(self, mark: Mark) -> None:
        for table in reversed(COPIED.values()):
            self._connection.execute(delete(table).where(_is_copied(table)))
        self._connection.execute(delete(settings).where(_OF_THE_INDEX))
        for former in (False, True):
            self._dialect.clear_text(self._connection, former=former)
        mark.done.clear()
        mark.failed = False

    def _keep(self, mark: Mark) -> None:
        self._connection.execute(delete(settings).where(settings.c.name == UNFINISHED))
        self._connection.execute(settings.insert().values(name=UNFINISHED, value=mark.to_text()))

    def _check(self, mark: Mark) -> None:
        found = self.mark()
        if found is None or found.run != mark.run:
            raise StoreLockedError("another process has taken over the copy; let it finish")

    def _is_empty(self) -> bool:
        return not any(self._connection.execute(_held(table)).first() for table in COPIED.values())

    def _find(self, values: Sequence[dict[str, Any]], *, former: bool) -> None:
        """Make the texts of records or former states findable."""
        texts = [row for row in values if row["has_text"] == FINDABLE]
        if not texts:
            return
        self._scopes.load({row["scope_id"] for row in texts})
        found = [
            {
                "pk": row["pk"],
                "content": row["content"],
                "scopes": scope_tokens(self._scopes.lineage(row["scope_id"])),
            }
            for row in texts
        ]
        self._dialect.insert_text(self._connection, found, former=former)


def _is_copied(table: Table) -> ColumnElement[bool]:
    if table is not settings:
        return true()
    return and_(not_(_OF_THE_INDEX), *(settings.c.name != name for name in _OF_ITS_OWN))


def _held(table: Table) -> Query:
    """A row of a table that a new ledger has not."""
    query = select(table).where(_is_copied(table)).limit(1)
    roots = {scopes: scopes.c.id, scope_tree: scope_tree.c.scope_id}
    return query.where(roots[table] != ROOT_SCOPE_ID) if table in roots else query


def _setting(name: str) -> Query:
    return select(settings.c.value).where(settings.c.name == name)


def _canonical(row: Row) -> bytes:
    """A row as bytes, the same from every database that holds it; no two rows have the same."""
    return b"".join(map(_encoded, row))


def _encoded(value: Any) -> bytes:
    if value is None:
        return b"n"
    if isinstance(value, str):
        text = value.encode("utf-8", "surrogatepass")
        return b"s%d:%b" % (len(text), text)
    if isinstance(value, int):
        return b"i%d:" % value
    if isinstance(value, float):
        return b"f" + struct.pack(">d", value + 0.0)  # -0.0 comes back as 0.0 from some
    return b"b%d:%b" % (len(value), bytes(value))
