"""`Subscription`: a handler's place in the journal, as its owner sees it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from commonplace.arguments import checked_number, checked_offset
from commonplace.errors import InvalidInputError
from commonplace.events.dispatcher import CLOSE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from commonplace.events.delivery import Delivery, HandlerErrors


class Subscription:
    """A handler that is being told of events. Made by `Memory.on`.

    Usable as a context manager. It ends with `close()`, and with its memory.
    """

    def __init__(self, delivery: Delivery, head: Callable[[], int]) -> None:
        self._delivery = delivery
        # A bound method of the store: a subscription that is held keeps its memory open.
        self._head = head

    @property
    def position(self) -> int:
        """The sequence number up to which everything is handled."""
        return self._delivery.position

    @property
    def lag(self) -> int:
        """How many events there are that are not yet handled.

        Raises:
            ClosedStoreError: the memory is closed.
        """
        self._head()
        return self._delivery.lag()

    @property
    def errors(self) -> HandlerErrors:
        """How often the handler failed, and the type of the last error."""
        return self._delivery.errors

    @property
    def stopped(self) -> bool:
        """Whether the handler is called no more and no call is under way.

        So it is after `close()`, after an error with `on_error="stop"`, and in a forked child.
        """
        return self._delivery.stopped

    def wait(self, *, seq: int | None = None, timeout: float | None = None) -> bool:
        """Wait until every event up to `seq` is handled.

        Args:
            seq: a sequence number; the newest one there is now, by default.
            timeout: how many seconds at most; None for as long as it takes.

        Returns:
            Whether they are. False after the timeout, when the subscription stopped before, and at
            once from its own handler, whose event is not handled until it returns.

        Raises:
            InvalidInputError: an argument is malformed.
            ClosedStoreError: the memory is closed.
        """
        head = self._head()
        target = head if seq is None else checked_offset(seq, "seq")
        return self._delivery.wait(target, _checked_timeout(timeout))

    def close(self) -> None:
        """Call the handler no more, and keep its position. Idempotent.

        A call that is under way is waited for, five seconds at most; from the handler itself, not
        at all: its event counts as handled when it returns.
        """
        if not self._delivery.stopped:
            self._delivery.end()
        self._delivery.join(CLOSE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "stopped" if self.stopped else "open"
        return f"<{type(self).__name__} at {self.position}, {state}>"


def _checked_timeout(timeout: float | None) -> float | None:
    if timeout is None:
        return None
    seconds = checked_number(timeout, "timeout")
    if seconds < 0:
        raise InvalidInputError("timeout is a number of seconds from 0 on, or None")
    return min(seconds, threading.TIMEOUT_MAX)
