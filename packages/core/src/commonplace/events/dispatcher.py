"""`Dispatcher`: starts the deliveries of a memory, wakes them after commits, and ends them."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from commonplace.errors import ClosedStoreError, ConflictError
from commonplace.events.delivery import Delivery

if TYPE_CHECKING:
    from commonplace.events.delivery import Watch
    from commonplace.ledger import Following, Ledger

CLOSE_SECONDS = 5.0
"""How long closing waits for the calls of handlers that are under way."""


class Dispatcher:
    """The deliveries of one memory.

    Args:
        ledger: where the journal is.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        # Replaced, never changed, so that a writer goes through it without a lock.
        self._deliveries: tuple[Delivery, ...] = ()
        self._turn = threading.RLock()
        self._following: Following | None = None
        self._closed = False

    def start(self, watch: Watch) -> Delivery:
        """A new delivery, from where the watch says.

        Raises:
            ConflictError: its name is in use in this memory.
            ClosedStoreError: the memory is closing.
        """
        with self._turn:
            if self._closed:
                raise ClosedStoreError("the memory is closing; open it again")
            if watch.name is not None and watch.name in {
                one.watch.name for one in self._deliveries
            }:
                raise ConflictError(
                    "a subscription of this name is open on this view; close it first, or choose "
                    "another name"
                )
            delivery = Delivery(self._ledger, watch, self._first(watch), self._forget)
            delivery.start()
            self._deliveries = (*self._deliveries, delivery)
            if self._following is None:
                self._following = self._ledger.follow(self.nudge)
        return delivery

    def nudge(self) -> None:
        """Called after writes."""
        for delivery in self._deliveries:
            delivery.nudge()

    def delivering(self) -> bool:
        """Whether this is called from one of its handlers."""
        return any(delivery.is_current for delivery in self._deliveries)

    def close(self) -> None:
        """End all deliveries. A handler that goes on for over five seconds is left behind.

        Idempotent: the second time nobody is waited for again.
        """
        with self._turn:
            if self._closed:
                return
            self._closed = True
            deliveries = self._deliveries
        for delivery in deliveries:
            delivery.end()
        if self._following is not None:
            self._following.close()
        deadline = time.monotonic() + CLOSE_SECONDS
        for delivery in deliveries:
            if not delivery.join(max(0.0, deadline - time.monotonic())):
                delivery.abandon()

    def _first(self, watch: Watch) -> int:
        """The sequence number to start after; under a name, it is kept from now on."""
        if watch.name is None:
            return self._head() if watch.after is None else watch.after
        with self._ledger.write() as transaction:
            kept = transaction.cursors.position(watch.name)
            asked = kept if watch.after is None else watch.after
            first = transaction.head() if asked is None else asked
            if first != kept:
                transaction.cursors.keep(watch.name, first)
        return first

    def _head(self) -> int:
        with self._ledger.read() as snapshot:
            return snapshot.head()

    def _forget(self, delivery: Delivery) -> None:
        with self._turn:
            self._deliveries = tuple(one for one in self._deliveries if one is not delivery)
