"""What a ledger stores sealed: how it is written, and how it is read.

A connection of a ledger that is encrypted reads `records`, `versions`, `threads` and `links`
through temporary views of the same names, which open what is sealed when it is looked at. So every
statement that reads, and every filter, means the same as without encryption; and what looks at no
text needs no key. Sealed texts are blobs, all others text: which of the two a cell is, is never a
matter of its content. Writers seal rows before they are stored, and triggers in the ledger itself
refuse whatever forgets to, from any process.
"""

from __future__ import annotations

import re
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from sqlalchemy import MetaData, select, text

from commonplace.encryption import NEVER_SEALED
from commonplace.errors import CommonplaceError
from commonplace.ledger.rows import checksum_beside
from commonplace.ledger.schema import (
    ROOT_SCOPE_ID,
    SEALED,
    links,
    records,
    settings,
    threads,
    versions,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Table

    from commonplace.encryption import Keyring
    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.scope_ids import ScopeIds

_STATE = ("content", "value", "metadata")
COLUMNS: dict[str, tuple[str, ...]] = {
    "records": _STATE,
    "versions": _STATE,
    "threads": ("metadata",),
    "links": ("reason", "metadata"),
}
"""The columns that are sealed, by table."""

_TABLES = {table.name: table for table in (records, versions, threads, links)}
_MAIN = MetaData(schema="main")
_STORED = {name: table.to_metadata(_MAIN) for name, table in _TABLES.items()}
_NAMES: dict[str, tuple[str, ...]] = {
    "records": ("id",),
    "versions": ("id",),
    "threads": ("id",),
    "links": ("source_id", "type", "target_id"),
}
_KINDS = {"records": "record", "versions": "record", "threads": "thread", "links": "link"}
_WRITES = re.compile(rf"\s*(?:INSERT INTO|UPDATE|DELETE FROM) (?=(?:{'|'.join(_TABLES)})\b)")
SEALING = "encryption"
"""The setting that says what is sealed."""
_GUARD = "commonplace_sealed"
_AT = "(SELECT scope_id FROM records WHERE id = {})"
_failed = threading.local()


def look_away(driver: Any) -> None:
    """Make a connection read what is stored, as it is."""
    for name in _TABLES:
        driver.execute(f"DROP VIEW IF EXISTS temp.{name}")


def stored_table(table: Table) -> Table:
    """A table as it is stored, and not the view that may stand before it."""
    return _STORED[table.name]


def stored(statement: str) -> str:
    """The statement, naming the table it writes to, and not the view that may stand before it."""
    if (found := _WRITES.match(statement)) is None:
        return statement
    return f"{statement[: found.end()]}main.{statement[found.end() :]}"


def look_through(driver: Any, keyring: Keyring | None) -> None:
    """Make a connection read what is sealed.

    Args:
        driver: the driver's connection.
        keyring: what opens it; None to read nothing in its place.
    """

    def opened(kind: str, column: str, cell: Any, *names: str) -> Any:
        if not isinstance(cell, bytes):
            return cell
        if keyring is None:
            return {"content": "", "metadata": "{}"}.get(column)
        try:
            return keyring.open(cell, column, kind, *names)
        except CommonplaceError as error:
            _failed.error = error
            raise

    driver.create_function("commonplace_open", -1, opened, deterministic=True)
    for table in _TABLES.values():
        shown = ", ".join(_shown(table, column.name) for column in table.c)
        driver.execute(f"CREATE TEMP VIEW {table.name} AS SELECT {shown} FROM main.{table.name}")  # noqa: S608 - our own names


def opened(keyring: Keyring | None, row: Any) -> Any:
    """A row of `records` or `versions` as it is stored, opened.

    Raises:
        KeyMissingError: its key was not given.
        DataDamagedError: it was altered.
    """
    if keyring is None:
        return row
    sealed = {name: cell for name in _STATE if isinstance(cell := getattr(row, name), bytes)}
    if not sealed:
        return row
    plain = {name: keyring.open(cell, name, "record", row.id) for name, cell in sealed.items()}
    return SimpleNamespace(**{**row._asdict(), **plain})


def is_sealed(connection: DriverConnection) -> bool:
    """Whether the ledger says that something is sealed."""
    asked = select(settings.c.name).where(settings.c.name == SEALING)
    return connection.execute(asked).first() is not None


def failure() -> CommonplaceError | None:
    """Why opening failed in the statement that just did, in this thread."""
    found: CommonplaceError | None = getattr(_failed, "error", None)
    _failed.error = None
    return found


def refuses(message: str) -> bool:
    """Whether a write was refused because it was not sealed."""
    return _GUARD in message


def guard(connection: DriverConnection, scope_ids: Sequence[int]) -> None:
    """Let the ledger refuse texts that are not sealed at these scopes and below, from now on."""
    for table, columns in COLUMNS.items():
        changed = [_changed(column) for column in columns]
        bare = " OR ".join(map(_bare, columns))
        moved = "NEW.scope_id IS NOT OLD.scope_id" if table == "records" else "0"
        unlike = " OR ".join(
            f"({change} OR {moved}) AND {_bare(column)}"
            for change, column in zip(changed, columns, strict=True)
        )
        place = _sealed_place(table, scope_ids)
        _trigger(connection, f"{table}_update", f"UPDATE ON {table}", f"({unlike}) AND {place}")
        if table != "versions":  # the states of records are copied there as they are
            _trigger(connection, f"{table}_insert", f"INSERT ON {table}", f"({bare}) AND {place}")


def _trigger(connection: DriverConnection, name: str, event: str, condition: str) -> None:
    trigger = f"main.sealed_{name}"
    connection.execute(text(f"DROP TRIGGER IF EXISTS {trigger}"))
    refused = f"BEGIN SELECT RAISE(ABORT, '{_GUARD}'); END"
    connection.execute(text(f"CREATE TRIGGER {trigger} BEFORE {event} WHEN {condition} {refused}"))


def _shown(table: Table, column: str) -> str:
    if column not in COLUMNS[table.name]:
        return column
    kind, names = _KINDS[table.name], ", ".join(_NAMES[table.name])
    return f"commonplace_open('{kind}', '{column}', {column}, {names}) AS {column}"


def _changed(column: str) -> str:
    return f"NEW.{column} IS NOT OLD.{column}"


def _bare(column: str) -> str:
    return f"(typeof(NEW.{column}) = 'text' AND NEW.{column} NOT IN ('', '{{}}'))"


def _sealed_place(table: str, scope_ids: Sequence[int]) -> str:
    if ROOT_SCOPE_ID in scope_ids:
        return "1"
    ends = ["NEW.scope_id"]
    if table == "links":
        ends = [_AT.format(f"NEW.{end}") for end in ("source_id", "target_id")]
    sealed = ", ".join(map(str, scope_ids))
    return (
        f"EXISTS (SELECT 1 FROM scope_tree WHERE scope_id IN ({', '.join(ends)}) "  # noqa: S608 - numbers and our own names
        f"AND ancestor_id IN ({sealed}))"
    )


class Sealer:
    """Seals rows that are about to be stored, within one transaction.

    Args:
        keyring: the keys.
        scope_ids: the scopes as the transaction sees them.
    """

    def __init__(self, keyring: Keyring, scope_ids: ScopeIds) -> None:
        self._keyring = keyring
        self._scopes = scope_ids

    def key_at(self, scope_id: int) -> str | None:
        """The name of the key for what is written at a scope; None if it is not sealed."""
        return self._keyring.key_at(self._scopes.scope(scope_id))

    def key_for(self, scope_ids: Iterable[int | None]) -> str | None:
        """The name of the key of the first of some scopes that is sealed; None if none is."""
        found = (self.key_at(scope_id) for scope_id in scope_ids if scope_id is not None)
        return next((name for name in found if name is not None), None)

    def opened(self, table: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row of a table as it was before it was stored."""
        belongs_to = (_KINDS[table], *(row[part] for part in _NAMES[table]))
        sealed = {name: row[name] for name in COLUMNS[table] if isinstance(row[name], bytes)}
        plain = {name: self._keyring.open(sealed[name], name, *belongs_to) for name in sealed}
        return {**row, **plain}

    def marked(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A plain row of `records` or `versions` that says how its content is to be found.

        Neither that nor its checksum tells anything of the content to who has no key.
        """
        name = self.key_at(row["scope_id"])
        if name is None:
            return dict(row)
        marked = dict(row)
        if row["content"] not in NEVER_SEALED:
            marked["content_hash"] = self._keyring.fingerprint(name, row["content"])
            marked["has_text"] = SEALED if row["has_text"] else 0
        return {**marked, "checksum": checksum_beside(marked)}

    def row(
        self, table: str, row: Mapping[str, Any], scope_ids: Iterable[int | None]
    ) -> Mapping[str, Any]:
        """A row of a table as it is stored, belonging to the first of the scopes that is sealed."""
        name = self.key_for(scope_ids)
        if name is None:
            return row
        belongs_to = [row[part] for part in _NAMES[table]]
        kind = _KINDS[table]
        sealed = {
            column: self._keyring.seal(name, row[column], column, kind, *belongs_to)
            for column in COLUMNS[table]
            if isinstance(row.get(column), str) and row[column] not in NEVER_SEALED
        }
        return {**row, **sealed}

    def state(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """A row of `records` or `versions` as it is stored."""
        return self.row("records", row, [row["scope_id"]])
