"""`Connections`: open connections to a ledger, lent out one transaction at a time.

A transaction begins and ends on the driver itself. Through SQLAlchemy, which also keeps the
connections, that costs several times what a look-up by key does.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import deque
from typing import TYPE_CHECKING, Any

from commonplace.ledger.sqlite import reraise

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from sqlalchemy import Connection, Engine

    from commonplace.errors import CommonplaceError

_MOST_KEPT = 8


class Connections:
    """Connections of an engine; the one just used is lent out first, as its cache is warm.

    Args:
        engine: makes them.
        translate: the error of ours for one of the driver's.
    """

    def __init__(
        self, engine: Engine, translate: Callable[[sqlite3.Error], CommonplaceError | None]
    ) -> None:
        self._engine = engine
        self._translate = translate
        self._idle: deque[Connection] = deque()
        self._closed = False

    @contextlib.contextmanager
    def transaction(self, begin: str) -> Generator[Connection]:
        """A connection in a transaction, committed when the block ends, undone if it raises.

        Args:
            begin: `BEGIN`, or `BEGIN IMMEDIATE` to write.
        """
        with self.lent() as connection:
            driver: Any = connection.connection.driver_connection
            self._run(driver, begin)
            yield connection
            self._run(driver, "COMMIT")
            connection.rollback()  # what SQLAlchemy began for statements of its own is over too

    @contextlib.contextmanager
    def lent(self) -> Generator[Connection]:
        """A connection, for single statements that SQLAlchemy has no part in."""
        connection = self._taken()
        try:
            yield connection
        except BaseException:
            connection.close()  # which undoes what was begun
            raise
        self._give_back(connection)

    def close(self) -> None:
        """Close every connection; those that are lent out when they come back."""
        self._closed = True
        self.drop_idle()
        self._engine.dispose()

    def drop_idle(self) -> None:
        """Close the connections that are not lent out."""
        while self._idle:
            self._idle.pop().close()

    def _taken(self) -> Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._engine.connect()

    def _give_back(self, connection: Connection) -> None:
        if self._closed or len(self._idle) >= _MOST_KEPT:
            connection.close()
        else:
            self._idle.append(connection)

    def _run(self, driver: Any, statement: str) -> None:
        try:
            driver.execute(statement)
        except sqlite3.Error as error:
            reraise(error, self._translate)
