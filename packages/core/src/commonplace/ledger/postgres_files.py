"""`PostgresFiles`: the tables of a ledger on a server, cleaned of what removed rows left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from commonplace.ledger.postgres_errors import meaning
from commonplace.ledger.schema import metadata

if TYPE_CHECKING:
    from psycopg import Connection

_TEXTS = ("full_text", "version_text")


class PostgresFiles:
    """The tables of a ledger, seen from a connection without a transaction; see `LedgerFiles`.

    The server keeps what it wrote in its own log and in its backups; neither is within reach.

    Args:
        connection: the driver's.
        where: what errors call the server.
    """

    def __init__(self, connection: Connection[Any], where: str) -> None:
        self._connection = connection
        self._where = where

    def merge_texts(self) -> None:
        """Take removed texts out of the indexes of words."""
        for name in _TEXTS:
            self._run(f"VACUUM {name}")

    def vacuum(self) -> None:
        """Free what removed rows took, for other rows; nobody is held up."""
        for name in metadata.tables:
            self._run(f"VACUUM (ANALYZE) {name}")

    def truncate_log(self, *, wait: bool = True) -> bool:  # noqa: ARG002 - as for a file
        """Nothing: the log is the server's."""
        return True

    def _run(self, statement: str) -> None:
        try:
            self._connection.execute(statement.encode())
        except psycopg.Error as error:
            raise meaning(error.sqlstate or "", self._where) from None
