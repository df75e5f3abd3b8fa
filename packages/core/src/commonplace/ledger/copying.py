"""A whole copy of a ledger, taken while others write, and what makes a copy a ledger of its own."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, update

from commonplace.clock import new_id
from commonplace.errors import DataDamagedError
from commonplace.ledger.auditing import keep_chain
from commonplace.ledger.schema import (
    index_state,
    journal,
    links,
    messages,
    records,
    settings,
    threads,
    vectors,
    version_vectors,
    versions,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Table

    from commonplace.ledger.driver import DriverConnection

_PAGES_AT_ONCE = 512
_COUNTED: dict[str, tuple[Table, ...]] = {
    "records": (records,),
    "versions": (versions,),
    "links": (links,),
    "threads": (threads,),
    "messages": (messages,),
    "vectors": (vectors, version_vectors),
}
_VERSIONS_IN_HEADER = 18
_NO_LOG = b"\x01\x01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a ledger holds at one moment.

    Attributes:
        head: the newest journal entry.
        counts: how many records, versions, links, threads, messages and vectors.
    """

    head: int
    counts: dict[str, int]


def contents(connection: DriverConnection) -> Contents:
    """What the ledger holds, as the transaction sees it."""
    return Contents(
        head=connection.execute(select(func.max(journal.c.seq))).scalar() or 0,
        counts={
            name: sum(
                connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in tables
            )
            for name, tables in _COUNTED.items()
        },
    )


def copy_pages(source: Any, path: Path, told: Callable[[int, int], object]) -> None:
    """Copy what a connection sees into an empty file, which needs no other file beside it.

    The connection is in a transaction that has read. It goes on seeing that moment, so the copy
    never starts over, however much others write meanwhile, and it holds up none of them.

    Args:
        source: the driver's connection.
        path: the file, which is there and empty.
        told: called with how many pages are copied, and how many there are.

    Raises:
        DataDamagedError: what was copied is damaged.
    """

    def advance(_status: int, left: int, total: int) -> None:
        told(total - left, total)

    with contextlib.closing(sqlite3.connect(path)) as target:
        # The whole file is written before anybody may use it: no journal, one sync at the end.
        target.execute("PRAGMA journal_mode = OFF")
        target.execute("PRAGMA synchronous = OFF")
        source.backup(target, pages=_PAGES_AT_ONCE, progress=advance)
    with path.open("r+b") as file:
        file.seek(_VERSIONS_IN_HEADER)
        file.write(_NO_LOG)
    check_file(path)


def check_file(path: Path) -> None:
    """Look through the pages of a database file that nobody writes to.

    Raises:
        DataDamagedError: it is damaged.
    """
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as copy:
        try:
            (found,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.DatabaseError as error:
            found = str(error)
    if found != "ok":
        raise DataDamagedError(f"the ledger is damaged ({found}); run `commonplace doctor`")


def begin_anew(connection: DriverConnection, origin: dict[str, Any]) -> str:
    """Make a copy a ledger of its own; its new id.

    What follows a ledger goes by its id and by numbers of its journal: an index on a server, a
    memory that is synchronised from it. A copy of an earlier state gives those numbers out again,
    for other changes. Under the old id they would be taken for known. Audit files are for good, and
    the chain of the copy goes on from them; where two copies went on differently, that shows.

    Args:
        connection: where to.
        origin: what to note of where the copy came from.
    """
    fresh = new_id()
    of_id = select(settings.c.value).where(settings.c.name == "ledger_id")
    keep_chain(connection, connection.execute(of_id).scalar_one())
    connection.execute(update(settings).where(settings.c.name == "ledger_id").values(value=fresh))
    connection.execute(delete(settings).where(settings.c.name == "restored"))
    connection.execute(settings.insert().values(name="restored", value=json.dumps(origin)))
    connection.execute(delete(index_state))
    connection.execute(delete(settings).where(settings.c.name.like("index\\_%", escape="\\")))
    return fresh
