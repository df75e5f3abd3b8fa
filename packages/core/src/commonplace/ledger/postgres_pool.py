"""`Pool`: connections to a server, lent out one transaction at a time."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from typing import TYPE_CHECKING

from commonplace.errors import StoreUnavailableError
from commonplace.ledger.postgres_wire import WireError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from commonplace.errors import CommonplaceError
    from commonplace.ledger.postgres_wire import Wire

_WAIT_SECONDS = 10.0


class Pool:
    """Connections; the one just used is lent out first, as the server has its plans at hand.

    Args:
        make: opens one.
        most: how many there are at most.
        translate: the error of ours for one of the wire's.
        where: what errors call the server.
    """

    def __init__(
        self,
        make: Callable[[], Wire],
        most: int,
        translate: Callable[[WireError], CommonplaceError],
        where: str,
    ) -> None:
        self._make = make
        self._translate = translate
        self._where = where
        self._idle: deque[Wire] = deque()
        self._free = threading.Semaphore(most)
        self._closed = False

    @contextlib.contextmanager
    def lent(self) -> Generator[Wire]:
        """A connection; if the block raises, what was begun on it is undone.

        Raises:
            StoreUnavailableError: every connection was in use for ten seconds, or none can be had.
        """
        if not self._free.acquire(timeout=_WAIT_SECONDS):
            raise StoreUnavailableError(
                f"{self._where}: every connection was in use for {_WAIT_SECONDS:.0f} s; try again, "
                "or allow more with pool_size= in the URL"
            )
        try:
            wire = self._taken()
            try:
                yield wire
            except Exception:
                self._undo(wire)
                raise
            except BaseException:  # it may have been interrupted between a question and its answer
                wire.close()
                raise
            self._give_back(wire)
        finally:
            self._free.release()

    def close(self) -> None:
        """Close every connection; those that are lent out when they come back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _taken(self) -> Wire:
        while self._idle:
            try:
                wire = self._idle.pop()
            except IndexError:
                break
            if wire.alive():
                return wire
            wire.close()
        return self._make()

    def _undo(self, wire: Wire) -> None:
        try:
            wire.undo()
        except WireError:
            wire.close()
        except BaseException:  # interrupted: the server ends the transaction with its connection
            wire.close()
            raise
        else:
            self._give_back(wire)

    def _give_back(self, wire: Wire) -> None:
        if self._closed:
            wire.close()
        else:
            self._idle.append(wire)
