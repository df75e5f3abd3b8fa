"""`LedgerFiles`: writes the ledger's files anew, so that nothing is left between the rows."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from commonplace.ledger.sqlite import BUSY_TIMEOUT_MS, reraise

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonplace.errors import CommonplaceError

_TEXTS = ("full_text", "version_text")


class LedgerFiles:
    """The files of a ledger, seen from a connection without a transaction.

    Each step may be repeated.

    Args:
        driver: the connection.
        translate: the error of ours for one of the driver's.
    """

    def __init__(
        self, driver: Any, translate: Callable[[sqlite3.Error], CommonplaceError | None]
    ) -> None:
        self._driver = driver
        self._translate = translate

    def merge_texts(self) -> None:
        """Write both full-text indexes anew: words of removed texts stay in them until then.

        A deletion only adds a mark to the index. Merging all of it into one drops both.
        """
        for name in _TEXTS:
            self._run(f"INSERT INTO {name}({name}) VALUES ('optimize')")  # noqa: S608 - our own names

    def vacuum(self) -> None:
        """Write the database anew, without free pages.

        Raises:
            StoreLockedError: another process writes.
            StorageFullError: there is no room for a second copy.
        """
        self._run("VACUUM")

    def truncate_log(self, *, wait: bool = True) -> bool:
        """Bring the write-ahead log into the database and empty its file.

        Args:
            wait: whether readers are waited for, ten seconds at most.

        Returns:
            Whether it is empty now: not if another connection still reads an older state.
        """
        if not wait:
            self._run("PRAGMA busy_timeout = 0")
        try:
            return self._run("PRAGMA wal_checkpoint(TRUNCATE)")[0][0] == 0
        finally:
            self._run(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")

    def _run(self, statement: str) -> list[Any]:
        try:
            return self._driver.execute(statement).fetchall()
        except sqlite3.Error as error:
            reraise(error, self._translate)
