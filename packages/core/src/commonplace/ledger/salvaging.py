"""Taking out of a damaged ledger file what can still be read, into a new ledger.

Tables are read by number, in ranges: one that raises is read in halves, so that a damaged page
costs the rows on it and no others. What is taken over has passed its checksum, where it has one.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from zlib import crc32

from sqlalchemy import select

from commonplace.errors import CommonplaceError, DataDamagedError, FormatError
from commonplace.ledger.entries import new_event
from commonplace.ledger.fulltext import scope_tokens
from commonplace.ledger.quotas import QUOTAS
from commonplace.ledger.rows import checksum_beside, record_of
from commonplace.ledger.schema import (
    FINDABLE,
    FORMAT,
    ROOT_SCOPE_ID,
    journal,
    links,
    messages,
    records,
    scope_tree,
    scopes,
    settings,
    spaces,
    threads,
    vectors,
    version_vectors,
    versions,
)
from commonplace.ledger.sealing import SEALING, guard
from commonplace.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping
    from pathlib import Path

    from sqlalchemy import Table

    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.scope_ids import ScopeIds

    Row = dict[str, Any]

RECOVERED = "recovered"
"""Below it lies what belonged to a scope whose name could not be read."""

_HEADER_BYTES = 100
_PAGE_SIZE = 8192
_FURTHEST = 1 << 40
_MOST_FAILURES = 20_000
_AT_ONCE = 500
_OF_EVENT = ("pk", "id", "scope_id", "version")
_DAMAGED = (sqlite3.DatabaseError, UnicodeDecodeError)  # SQLite quotes damaged names
_UNREADABLE = (ValueError, TypeError, OverflowError, AttributeError, CommonplaceError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvaged:
    """What came out of a damaged ledger.

    Attributes:
        rows: how many records, versions, vectors, links, threads, messages came over.
        refused: how many of each were there, and were not as they were written, or belonged to
            something that could not be read.
        missing: how many records the ledger had counted and did not give at all.
    """

    rows: Mapping[str, int] = field(default_factory=dict[str, int])
    refused: Mapping[str, int] = field(default_factory=dict[str, int])
    missing: int = 0


@contextlib.contextmanager
def readable(ledger: Path, aside: Path) -> Generator[sqlite3.Connection]:
    """A copy of a damaged ledger, open as far as it can be; the ledger is not touched.

    Args:
        ledger: its file.
        aside: the copy, removed when the block ends.

    Raises:
        DataDamagedError: nothing of it can be read.
        FormatError: it is of an older format, or of a newer one.
    """
    log, copied = ledger.with_name(ledger.name + "-wal"), aside.with_name(aside.name + "-wal")
    try:
        shutil.copyfile(ledger, aside)
        if log.exists():
            shutil.copyfile(log, copied)
        _mend_header(aside, with_log=log.exists())
        with contextlib.closing(sqlite3.connect(aside)) as connection:
            connection.execute("PRAGMA cell_size_check = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
            _check(connection)
            yield connection
    finally:
        for file in (aside, copied, aside.with_name(aside.name + "-shm")):
            file.unlink(missing_ok=True)


class Salvage:
    """Fills a new ledger with what a damaged one gives.

    Args:
        source: the damaged one, as `readable` gives it.
        connection: a transaction of the new one, which is empty.
        dialect: how the database spells what differs.
        scope_ids: the scopes of the new one.
    """

    def __init__(
        self,
        source: sqlite3.Connection,
        connection: DriverConnection,
        dialect: Dialect,
        scope_ids: ScopeIds,
    ) -> None:
        self._source = source
        self._connection = connection
        self._dialect = dialect
        self._scope_ids = scope_ids
        self._places: set[int] = {ROOT_SCOPE_ID}
        self._dimensions: dict[int, int] = {}
        self._records: dict[int, Row] = {}
        self._ids: set[str] = set()
        self._versions: set[int] = set()
        self._threads: set[str] = set()
        self._rows: Counter[str] = Counter()
        self._refused: defaultdict[str, set[int]] = defaultdict(set)

    def run(self, now: int) -> Salvaged:
        """Take over everything that can be.

        Args:
            now: when the new journal begins.
        """
        self._take(
            settings, lambda row: row["name"] in {SEALING, QUOTAS} and _is_json(row, "value")
        )
        self._take_scopes()
        self._take(spaces, self._is_space)
        self._take(records, lambda row: self._is_state(row, "records"))
        self._take(versions, lambda row: self._is_state(row, "versions"))
        self._take(vectors, lambda row: self._is_vector(row, row["record_pk"] in self._records))
        self._take(
            version_vectors, lambda row: self._is_vector(row, row["version_pk"] in self._versions)
        )
        self._take(links, self._is_link)
        self._take(threads, self._is_thread)
        self._take(messages, self._is_message)
        self._begin_journal(now)
        self._index_former_texts()
        self._guard()
        refused = len(self._refused.get("records", ()))
        return Salvaged(
            rows=dict(self._rows),
            refused={name: len(numbers) for name, numbers in self._refused.items()},
            missing=max(self._counted() - self._rows["records"] - refused, 0),
        )

    def _take(self, table: Table, is_whole: Callable[[Row], bool]) -> None:
        """Take over the rows of a table that are whole."""
        lot: list[Row] = []
        for number, row in _rows(self._source, table):
            try:
                whole = is_whole(row)
            except _UNREADABLE:
                whole = False
            if whole:
                lot.append(row)
            elif table is not settings:
                self._refused[table.name].add(number)
            if len(lot) == _AT_ONCE:
                self._put(table, lot)
                lot = []
        self._put(table, lot)

    def _put(self, table: Table, rows: list[Row]) -> None:
        if rows:
            statement = table.insert().prefix_with("OR IGNORE")
            self._rows[table.name] += self._connection.execute(statement, rows).rowcount

    def _take_scopes(self) -> None:
        """Names of scopes stand in the table and again in the index on them."""
        found: dict[int, Scope] = {}
        named = [row for _, row in _rows(self._source, scopes)]
        for row in [*named, *_paths(self._source)]:
            with contextlib.suppress(*_UNREADABLE):
                scope = Scope.parse(row["path"])
                if row["id"] != ROOT_SCOPE_ID and scope.segments:
                    found.setdefault(row["id"], scope)
        taken: set[Scope] = set()
        for number, scope in sorted(found.items(), key=lambda one: len(one[1].segments)):
            if scope not in taken:
                taken.add(scope)
                self._add_scope(number, scope)
        for scope in sorted(taken, key=lambda one: len(one.segments)):
            self._hang(scope)

    def _add_scope(self, number: int, scope: Scope) -> None:
        row = {"id": number, "path": scope.path, "depth": len(scope.segments)}
        self._connection.execute(scopes.insert(), [{**row, "records": 0, "total": 0}])
        self._places.add(number)

    def _hang(self, scope: Scope) -> None:
        """Put a scope below those that contain it, which are made if they were not readable."""
        parent = self._scope_ids.find_or_add(scope.parent) if scope.parent.segments else None
        above = () if parent is None else self._scope_ids.lineage(parent)
        number = self._scope_ids.find_or_add(scope)
        pairs = [
            {"ancestor_id": one, "scope_id": number} for one in (ROOT_SCOPE_ID, *above, number)
        ]
        self._connection.execute(scope_tree.insert(), pairs)

    def _place(self, number: int) -> None:
        """See to it that there is a scope of this number."""
        if number not in self._places:
            scope = Scope(RECOVERED, f"scope-{number}")
            self._add_scope(number, scope)
            self._hang(scope)

    def _is_space(self, row: Row) -> bool:
        self._dimensions[int(row["id"])] = int(row["dimension"])
        return isinstance(row["name"], str) and isinstance(row["identity"], str)

    def _is_state(self, row: Row, table: str) -> bool:
        if any(isinstance(row[name], bytes) for name in ("content", "value", "metadata")):
            if checksum_beside(row) != row["checksum"]:
                return False
        else:
            whole: Any = SimpleNamespace(**row)  # as good as a row of SQLAlchemy's
            record_of(whole, Scope())
        row["pk"] = self._number(row, table)
        self._place(row["scope_id"])
        if table == "records":
            self._records[row["pk"]] = {name: row[name] for name in _OF_EVENT}
            self._ids.add(row["id"])
        else:
            self._versions.add(row["pk"])
        return True

    def _number(self, row: Row, table: str) -> int:
        """The number of a state, which no checksum holds.

        A row that is not found by its number has another one, which the index on ids has again.
        """
        also = "" if table == "records" else " AND version = :version"
        asked = (
            f"SELECT pk FROM {table} NOT INDEXED WHERE rowid = :pk AND id = :id{also}",  # noqa: S608 - our own names
            f"SELECT rowid FROM {table} WHERE id = :id{also}",  # noqa: S608 - as above
        )
        for query in asked:
            with contextlib.suppress(*_DAMAGED):
                found = self._source.execute(query, row).fetchone()
                if found is not None:
                    return int(found[0])
        return int(row["pk"])

    def _is_vector(self, row: Row, has_owner: bool) -> bool:  # noqa: FBT001 - of this class alone
        row.pop("id")  # it means nothing, and another row may have it
        fits = len(row["vector"]) == 4 * self._dimensions.get(row["space_id"], -1)
        return has_owner and fits and crc32(row["vector"]) == row["checksum"]

    def _is_link(self, row: Row) -> bool:
        row.pop("id")
        return {row["source_id"], row["target_id"]} <= self._ids and _is_json(row, "metadata")

    def _is_thread(self, row: Row) -> bool:
        if not (isinstance(row["id"], str) and _is_json(row, "metadata")):
            return False
        self._place(int(row["scope_id"]))
        self._threads.add(row["id"])
        return True

    def _is_message(self, row: Row) -> bool:
        return row["record_pk"] in self._records and row["thread_id"] in self._threads

    def _begin_journal(self, now: int) -> None:
        """The old journal would have gaps; a new one tells of every record once."""
        events = [new_event(row, now) for _, row in sorted(self._records.items())]
        for start in range(0, len(events), _AT_ONCE):
            self._connection.execute(journal.insert(), events[start : start + _AT_ONCE])

    def _index_former_texts(self) -> None:
        query = select(versions.c.pk, versions.c.content, versions.c.scope_id)
        found = self._connection.execute(query.where(versions.c.has_text == FINDABLE))
        for rows in found.partitions(_AT_ONCE):
            self._scope_ids.load({row.scope_id for row in rows})
            texts = [
                {
                    "pk": row.pk,
                    "content": row.content,
                    "scopes": scope_tokens(self._scope_ids.lineage(row.scope_id)),
                }
                for row in rows
            ]
            self._dialect.insert_text(self._connection, texts, former=True)

    def _guard(self) -> None:
        """Let the new ledger refuse what the old one refused."""
        query = select(settings.c.value).where(settings.c.name == SEALING)
        policy = self._connection.execute(query).scalar()
        if policy is not None:
            sealed = [Scope.parse(path) for path in json.loads(policy)["scopes"]]
            guard(self._connection, [self._scope_ids.find_or_add(scope) for scope in sealed])

    def _counted(self) -> int:
        """How many records the damaged ledger says it has."""
        query = f"SELECT total FROM scopes WHERE id = {ROOT_SCOPE_ID}"  # noqa: S608 - our own number
        try:
            return int(self._source.execute(query).fetchone()[0])
        except (*_DAMAGED, TypeError, ValueError):
            return 0


def _rows(source: sqlite3.Connection, table: Table) -> Iterator[tuple[int, Row]]:
    """Every row of a table that can be read, with its number, at least once.

    A number may be damaged itself, so that rows are read that are no rows; and what stands on a
    page after such a number is only found from elsewhere.
    """
    names = [column.name for column in table.c]
    query = (
        f"SELECT rowid, {', '.join(names)} FROM {table.name} NOT INDEXED "  # noqa: S608 - our own names
        "WHERE rowid BETWEEN ? AND ? ORDER BY rowid"
    )
    waiting, failures = [_ends(source, table)], 0
    while waiting:
        low, high = waiting.pop()
        last = low - 1
        try:
            for number, *cells in source.execute(query, (low, high)):
                if number <= last:
                    raise sqlite3.DatabaseError
                last = number
                yield number, dict(zip(names, cells, strict=True))
        except _DAMAGED:
            failures += 1
            if low < high and failures < _MOST_FAILURES:
                half = (low + high) // 2
                waiting += [(half + 1, high), (low, half)]


def _ends(source: sqlite3.Connection, table: Table) -> tuple[int, int]:
    """The lowest and the highest number in a table, as far as they can be read."""
    ends = [-_FURTHEST, _FURTHEST]
    for place, end in enumerate(("min", "max")):
        with contextlib.suppress(*_DAMAGED):
            query = f"SELECT {end}(rowid) FROM {table.name} NOT INDEXED"  # noqa: S608 - our own names
            ends[place] = source.execute(query).fetchone()[0] or 0
    return ends[0], ends[1]


def _paths(source: sqlite3.Connection) -> Iterator[Row]:
    """The names of scopes as the index on them has them, up to where it is damaged."""
    with contextlib.suppress(*_DAMAGED):
        query = "SELECT id, path FROM scopes INDEXED BY sqlite_autoindex_scopes_1 ORDER BY path"
        for number, path in source.execute(query):
            yield {"id": number, "path": path}


def _is_json(row: Row, column: str) -> bool:
    return isinstance(row[column], bytes) or isinstance(json.loads(row[column]), dict)


def _mend_header(file: Path, *, with_log: bool) -> None:
    """Give a database file the first bytes that every ledger has."""
    with contextlib.closing(sqlite3.connect(":memory:")) as sound:
        sound.execute(f"PRAGMA page_size = {_PAGE_SIZE}")
        sound.execute("CREATE TABLE any_table (any_column)")
        header = bytearray(sound.serialize()[:_HEADER_BYTES])
    header[18:20] = b"\x02\x02" if with_log else b"\x01\x01"
    header[28:32] = (file.stat().st_size // _PAGE_SIZE).to_bytes(4, "big")
    with file.open("r+b") as opened:
        opened.write(header)


def _check(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("SELECT name FROM sqlite_master").fetchall()
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except _DAMAGED as error:
        raise DataDamagedError(
            f"nothing of the ledger can be read ({getattr(error, 'sqlite_errorname', 'damaged')}); "
            "restore a backup"
        ) from error
    if found is None or found[0] != FORMAT:
        raise FormatError("only a ledger of the present format can be salvaged; restore a backup")
