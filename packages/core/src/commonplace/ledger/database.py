"""`Database`: where a ledger is, and all that depends on which kind of database that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import select

from commonplace.clock import new_id
from commonplace.errors import FormatError, FormatTooNewError
from commonplace.ledger.schema import FORMAT, settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sqlalchemy import Connection

    from commonplace.encryption import Keyring
    from commonplace.ledger.copying import Contents
    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.vector_tables import VectorTables


_URLS = ("postgresql://", "postgresql+psycopg://", "postgres://")


def is_url(place: str) -> bool:
    """Whether a ledger's place is the URL of a database on a server."""
    return place.lower().startswith(_URLS)


class Following(Protocol):
    """What calls after commits, until it is closed."""

    def close(self) -> None:
        """Call no more. Idempotent."""
        ...


class Cleaning(Protocol):
    """What frees a database of what removed rows left in it. Each step may be repeated."""

    def merge_texts(self) -> None:
        """Take the words of removed texts out of the full-text indexes."""
        ...

    def vacuum(self) -> None:
        """Free what removed rows took."""
        ...

    def truncate_log(self, *, wait: bool = True) -> bool:
        """Empty a log beside the database; whether it is empty now."""
        ...


class Database(Protocol):
    """Where a ledger is.

    Attributes:
        name: what people and errors call it; it holds no password.
        path: its file; None if it has none of its own.
        place: where `Ledger.open` finds it, which may hold a password; None if it is in memory.
        alone: whether it has one connection, so that readers take turns with writers.
        seals: whether it can store texts encrypted.
    """

    name: str
    path: Path | None
    place: Path | str | None
    alone: bool
    seals: bool

    @property
    def dialect(self) -> Dialect:
        """The SQL that it speaks."""
        ...

    def prepare(self) -> str:
        """Bring it to the present format, which makes it if it is new; the id of the ledger."""
        ...

    def reading(self, keyring: Keyring | None) -> AbstractContextManager[DriverConnection]:
        """A connection that sees one moment, which waits for no writer."""
        ...

    def writing(self, keyring: Keyring | None) -> AbstractContextManager[DriverConnection]:
        """A connection in the one write there is at a time, over all processes.

        It is committed when the block ends, and undone if it raises.
        """
        ...

    def asking(self, keyring: Keyring | None) -> AbstractContextManager[DriverConnection]:
        """A connection for single statements, each of which sees a moment of its own."""
        ...

    def follow(self, call: Callable[[], None]) -> Following | None:
        """Call something soon after every commit by any process; None if nothing tells of them."""
        ...

    def look_through(self, keyring: Keyring | None) -> None:
        """Let every connection open what is sealed from now on; None reads nothing in its place."""
        ...

    def files(self) -> AbstractContextManager[Cleaning]:
        """Its files or tables, to be cleaned."""
        ...

    def copy(self, path: Path, told: Callable[[int, int], object]) -> Contents:
        """Copy all that is there now into an empty file; what that is."""
        ...

    def vector_tables(self, where: str, timeout: float) -> VectorTables:
        """Tables of vectors beside its own."""
        ...

    def size(self) -> int:
        """How many bytes it takes."""
        ...

    def close(self) -> None:
        """Close every connection. Idempotent."""
        ...


def ledger_id(connection: Connection) -> str:
    """The id of a ledger of the present format."""
    query = select(settings.c.value).where(settings.c.name == "ledger_id")
    found: Any = connection.execute(query).scalar_one()
    return found


def migrated(
    connection: Connection,
    found: str | None,
    upgrade: Callable[[Connection], None],
    *,
    taken: bool,
) -> str:
    """Bring a ledger to the present format, within the caller's transaction; its id.

    Args:
        connection: where it is; no other process migrates it meanwhile.
        found: the format it has; None if it has none.
        upgrade: what runs the migrations.
        taken: whether there is something else.

    Raises:
        FormatTooNewError: a newer version wrote it.
        FormatError: something else is there.
    """
    if found == FORMAT:  # another process was faster
        return ledger_id(connection)
    if found is not None and found > FORMAT:
        raise FormatTooNewError(
            f"the ledger has format {found}, this version of commonplace reads up to {FORMAT}; "
            "upgrade commonplace"
        )
    if found is None and taken:
        raise FormatError("the database there is not a Commonplace ledger; choose another place")
    upgrade(connection)
    if found is None:
        connection.execute(settings.insert().values(name="ledger_id", value=new_id()))
    return ledger_id(connection)
