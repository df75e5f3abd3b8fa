"""`Listener`: the thread that hears of every commit, by whichever host, and says so."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from commonplace.errors import CommonplaceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection

_LOOK_SECONDS = 0.5
"""How often it looks whether it is to end."""
_RETRY_SECONDS = 1.0
_END_SECONDS = 5.0
"""How long closing waits for it: it may be asking a server that is gone without a word."""


class Listener:
    """Calls something after every commit that the journal tells of, once for several at a time.

    What is committed while the server is gone is called for when it is back.

    Args:
        connect: opens a connection of the driver's, which is the listener's alone.
        channel: what is notified.
        call: what is called; it returns at once.
    """

    def __init__(
        self, connect: Callable[[], Connection[Any]], channel: str, call: Callable[[], None]
    ) -> None:
        self._connect = connect
        self._channel = channel
        self._call = call
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="commonplace-listener", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening. Idempotent."""
        self._ending.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(_END_SECONDS)

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                with self._connect() as connection:
                    self._listen(connection)
            except (psycopg.Error, CommonplaceError):
                self._ending.wait(_RETRY_SECONDS)

    def _listen(self, connection: Connection[Any]) -> None:
        connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
        self._call()  # for what was committed before
        while not self._ending.is_set():
            heard = list(connection.notifies(timeout=_LOOK_SECONDS, stop_after=1))
            if heard and not self._ending.is_set():
                self._call()
