"""Migrating: a whole memory, from one ledger to another, whatever databases they are.

The source is read in one transaction, so that the copy is what it was at one moment. The target is
written a lot of rows at a time, with a mark that says how far it has come, in the same transaction:
a run that follows a killed one sees whether the source still begins with what was copied, and goes
on there.
"""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from commonplace.clock import SystemClock, from_micros, new_id
from commonplace.errors import ConflictError, InvalidInputError
from commonplace.failpoints import reach
from commonplace.ledger import COPIED, Ledger, Mark, StoredRows, Sum
from commonplace.moving.places import check_target, place_of

if TYPE_CHECKING:
    from pathlib import Path

    from commonplace.moving.reports import Progress

_ROWS_AT_ONCE = 2_000
_BYTES_AT_ONCE = 8 << 20
_TOLD_EVERY = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReport:
    """What became of one table.

    Attributes:
        name: what it is called.
        rows: how many rows the source has.
        rows_there: how many the target has.
        digest: the sum of the BLAKE2b digests of the source's rows, modulo 2**256.
        digest_there: the same of the target's.
    """

    name: str
    rows: int
    rows_there: int
    digest: str
    digest_there: str

    @property
    def ok(self) -> bool:
        """Whether both have the same rows."""
        return (self.rows, self.digest) == (self.rows_there, self.digest_there)


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationReport:
    """What came of a migration.

    Attributes:
        source: what was copied.
        target: where to.
        source_id: the identity of the source.
        ledger_id: the identity of the target, which is its own.
        tables: what became of each table, by its name.
        resumed: how many rows an earlier run had copied that did not have to be again.
        restarted: whether an earlier run had begun that was of no use: the source was changed
            since, or the copy was not equal.
        failures: what is wrong with the target, and why; empty if all is well.
    """

    source: str
    target: str
    source_id: str
    ledger_id: str
    tables: dict[str, TableReport]
    resumed: int
    restarted: bool
    failures: list[str]

    @property
    def ok(self) -> bool:
        """Whether the target holds what the source held. If not, it cannot be opened."""
        return not self.failures

    @property
    def rows(self) -> int:
        """How many rows of all tables the source has."""
        return sum(table.rows for table in self.tables.values())

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        return {**asdict(self), "ok": self.ok, "rows": self.rows}


def migrate(
    source: str | Path, target: str | Path, *, progress: Progress | None = None
) -> MigrationReport:
    """Copy a whole memory from one ledger into another, and compare them.

    All of it comes over: records with their history, vectors of every space, links, threads,
    journal, cursors, receipts of erasures, what audit files tell of, quotas, and what is encrypted
    as it is, without a key. The full-text index is built on the way; a vector index is built from
    the vectors when the memory is first used; nothing is embedded.

    The copy is what the source was at the moment this began. Others may read and write the source
    meanwhile; what they write later is not in the copy. A source of an older format is brought to
    the present one first, as by every opening.

    Called again after it was stopped or killed at any moment, it goes on where it was. If the
    source was changed since, it begins anew. Until a copy is whole and found equal nothing but
    this opens it.

    The copy is a memory of its own, with an identity of its own, as a restored backup is.

    Args:
        source: the directory of the memory, or the URL of its database.
        target: the directory of the copy, or the URL of its database; it is not there or empty, or
            an unfinished copy of the same memory.
        progress: told how many rows are copied (`"copying"`) and then compared (`"verifying"`).

    Returns:
        What was copied, and what failed and why: look at its `ok`.

    Raises:
        NotFoundError: there is no memory at `source`.
        FormatTooNewError: a newer version of Commonplace wrote the source.
        ConflictError: `target` holds a memory, or something else.
        InvalidInputError: both are the same place, or one is in memory, or the source is encrypted
            and the target on a server.
        StorageFullError: there is too little room; nothing was written, if that was clear before.
        StoreLockedError: a process has the target open, or took over this migration.
    """
    origin_place, copy_place = place_of(source, "source"), place_of(target, "target")
    with contextlib.ExitStack() as stack:
        origin = Ledger.open(origin_place, create=False)
        stack.callback(origin.close)
        check_target(copy_place, origin_place)
        copy = Ledger.open(copy_place, durability="full", unfinished=True)
        stack.callback(copy.close)
        _check_pair(origin, copy)
        rows = stack.enter_context(origin.stored())
        return _Migration(origin, copy, rows, progress).run()


class _Migration:
    """One run.

    Args:
        source: what is copied.
        target: where to.
        rows: the rows of the source, at one moment.
        progress: see `migrate`.
    """

    def __init__(
        self, source: Ledger, target: Ledger, rows: StoredRows, progress: Progress | None
    ) -> None:
        self._source = source
        self._target = target
        self._rows = rows
        self._told = _Told(progress, sum(map(rows.count, COPIED.values())))
        self._began = SystemClock().now()
        self._mark = Mark(source.id, new_id())

    def run(self) -> MigrationReport:
        began = self._begin()
        sums = self._copied()
        restarted = began.failed or sums is None
        if sums is None:
            with self._target.arrivals() as arrivals:
                arrivals.clear(self._mark)
            reach("migrate.cleared")
            self._told.restart("copying")
            sums = self._copied()
            assert sums is not None  # noqa: S101 - nothing was there that could be unlike
        resumed = 0 if restarted else sum(one.rows for one in began.done.values())
        reach("migrate.copied")
        tables, failures = self._compared(sums)
        reach("migrate.compared")
        self._end(failures)
        reach("migrate.finished")
        return MigrationReport(
            source=_name(self._source),
            target=_name(self._target),
            source_id=self._source.id,
            ledger_id=self._target.id,
            tables=tables,
            resumed=resumed,
            restarted=restarted,
            failures=failures,
        )

    def _begin(self) -> Mark:
        """Take over the target; how far it had come."""
        with self._target.arrivals() as arrivals:
            known = arrivals.mark()
            try:
                self._mark = arrivals.begin(self._source.id, self._mark.run)
            except ConflictError as error:
                raise ConflictError(f"{_name(self._target)} cannot be the copy: {error}") from error
        reach("migrate.begun")
        return known or Mark(self._source.id, "")

    def _copied(self) -> dict[str, Sum] | None:
        """Copy what is not there; what all tables of the source add up to.

        Returns None if the source does not begin any more with what is there.
        """
        sums: dict[str, Sum] = {}
        for name in COPIED:
            found = self._copied_table(name)
            if found is None:
                return None
            sums[name] = found
            reach("migrate.table")
        return sums

    def _copied_table(self, name: str) -> Sum | None:
        there, found = self._mark.done.get(name, Sum()), Sum()
        known, lot = Sum(there.rows, there.digest), _Lot()
        for row in self._rows.rows(COPIED[name]):
            found.add(row)
            self._told.one()
            if found.rows <= known.rows:
                if found.rows == known.rows and found != known:
                    return None
                continue
            lot.add(row)
            if lot.is_full:
                self._write(name, lot, found)
        if found.rows < known.rows:
            return None
        if lot.rows:
            self._write(name, lot, found)
        return found

    def _write(self, name: str, lot: _Lot, found: Sum) -> None:
        self._mark.done[name] = Sum(found.rows, found.digest)
        with self._target.arrivals() as arrivals:
            arrivals.insert(COPIED[name], lot.rows, self._mark)
        lot.clear()
        reach("migrate.lot")

    def _compared(self, sums: dict[str, Sum]) -> tuple[dict[str, TableReport], list[str]]:
        """Read the target from one end to the other; what there is, and what is wrong."""
        self._told.restart("verifying")
        tables: dict[str, TableReport] = {}
        with self._target.stored() as there:
            for name, table in COPIED.items():
                found = Sum()
                for row in there.rows(table):
                    found.add(row)
                    self._told.one()
                wanted = sums[name]
                tables[name] = TableReport(
                    name=name,
                    rows=wanted.rows,
                    rows_there=found.rows,
                    digest=wanted.text,
                    digest_there=found.text,
                )
            missing, extra = there.text_differences()
        failures = [_failure(table) for table in tables.values() if not table.ok]
        if missing or extra:
            failures.append(f"full text: {missing} texts missing, {extra} entries too many")
        return tables, failures

    def _end(self, failures: list[str]) -> None:
        origin = {
            "ledger_id": self._source.id,
            "made_at": from_micros(self._began).isoformat(),
            "migrated": True,
        }
        with self._target.arrivals() as arrivals:
            if failures:
                arrivals.fail(self._mark)
            else:
                arrivals.finish(self._mark, self._rows.numbers(), origin)


class _Lot:
    """Rows that are written together."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        return len(self.rows) >= _ROWS_AT_ONCE or self._bytes >= _BYTES_AT_ONCE

    def add(self, row: tuple[Any, ...]) -> None:
        self.rows.append(row)
        self._bytes += sum(len(value) for value in row if isinstance(value, str | bytes))

    def clear(self) -> None:
        self.rows.clear()
        self._bytes = 0


class _Told:
    """Tells of progress now and then."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._step = "copying"
        self._done = 0

    def one(self) -> None:
        self._done += 1
        if self._done % _TOLD_EVERY == 0 or self._done == self._total:
            self._tell()

    def restart(self, step: str) -> None:
        self._step, self._done = step, 0
        self._tell()

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self._step, self._done, self._total)


def _check_pair(source: Ledger, target: Ledger) -> None:
    """Refuse what can only be seen once both are open; nothing is written."""
    if source.id == target.id:
        raise InvalidInputError(f"{_name(target)} is the source itself; name another place")
    if source.key_names() and not target.seals:
        raise InvalidInputError(
            f"{_name(source)} is encrypted, and {_name(target)} cannot be; migrate into a directory"
        )


def _name(ledger: Ledger) -> str:
    return ledger.name if ledger.path is None else str(ledger.path.parent)


def _failure(table: TableReport) -> str:
    if table.rows != table.rows_there:
        return (
            f"{table.name}: {table.rows:,} rows in the source, {table.rows_there:,} in the target"
        )
    return f"{table.name}: rows of the target are not as those of the source"
