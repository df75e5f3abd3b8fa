"""`Delivery`: the thread that follows the journal for one handler."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from commonplace.errors import CommonplaceError
from commonplace.pauses import doubled
from commonplace.record import Event

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from commonplace.ledger import Ledger, Snapshot
    from commonplace.scope import Scope

_LOG = logging.getLogger("commonplace")

Handler: TypeAlias = Callable[[Event], object]
"""What is called with every event: a function, or a coroutine function."""
OnError = Literal["skip", "stop"]

_POLL = 0.2
"""Seconds between two looks for what other processes wrote."""
_PAUSE = 0.01
"""Seconds between two looks at least, so that a burst of writes shares one."""
_WINDOW = 200
"""Journal entries that are read at once."""
_SAVE_EVERY = 0.1
"""Seconds between two keepings of a position, while events come without a full window."""
_SKIPPED_WORTH_SAVING = 1000
_LONGEST_RETRY = 10.0

_CURRENT: contextvars.ContextVar[Delivery | None] = contextvars.ContextVar("delivery", default=None)
"""The delivery whose handler this code runs in. Unlike the thread, a handler's `await` of another
thread takes it along."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What a handler is to be told.

    Attributes:
        handler: what is called.
        scopes: only events in these scopes or below.
        operations: only these; empty for all.
        name: under which its position is kept; None to keep none.
        after: the sequence number it starts after; None to go on, or to start from now.
        on_error: whether an event that the handler fails at is skipped, or ends the delivery.
    """

    handler: Handler
    scopes: Sequence[Scope]
    operations: tuple[str, ...]
    name: str | None
    after: int | None
    on_error: OnError


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerErrors:
    """What a handler raised.

    Attributes:
        count: how often it did.
        last: the name of the last error's type, or None.
    """

    count: int = 0
    last: str | None = None


class Delivery:
    """A daemon thread that calls a handler with every event, in order, one at a time.

    It holds no lock and no transaction while the handler runs.

    Args:
        ledger: where the journal is.
        watch: what the handler is to be told.
        position: the sequence number it starts after.
        ended: called when the thread ends.
    """

    def __init__(
        self, ledger: Ledger, watch: Watch, position: int, ended: Callable[[Delivery], None]
    ) -> None:
        self.watch = watch
        self.position = position
        self.errors = HandlerErrors()
        self._ledger = ledger
        self._tell_ended = ended
        self._owner = os.getpid()
        # Re-entrant, for a memory that is collected as garbage in this very thread ends it there.
        self._changed = threading.Condition(threading.RLock())
        self._saving = threading.Lock()
        self._news = True
        self._ending = False
        self._abandoned = False
        self._over = threading.Event()
        self._failures = 0
        self._saved: int = position
        self._saved_at = time.monotonic()
        self._handled_since = False
        self._loop: asyncio.Runner | None = None
        self._thread = threading.Thread(target=self._run, name="commonplace-events", daemon=True)

    @property
    def is_current(self) -> bool:
        """Whether this is called from its own handler."""
        return _CURRENT.get() is self

    @property
    def stopped(self) -> bool:
        """Whether it has ended, or this is a forked child, in which it does not go on."""
        return self._over.is_set() or not self._is_ours

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def nudge(self) -> None:
        """Look at the journal at once."""
        with self._changed:
            self._news = True
            self._changed.notify_all()

    def end(self) -> None:
        """Deliver no more, after the call that is under way."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()

    def join(self, timeout: float) -> bool:
        """Wait for the end; whether it came. From its own handler it cannot, and is not awaited."""
        if not self.is_current:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def abandon(self) -> None:
        """Keep what was handled so far, and touch the ledger no more: it is about to be closed."""
        if self.is_current:
            self._save()
        self._abandoned = True

    def wait(self, seq: int, timeout: float | None) -> bool:
        """Whether everything up to `seq` is handled, waited for."""
        self.nudge()
        with self._changed:
            if not self.is_current:
                self._changed.wait_for(lambda: self.position >= seq or self._over.is_set(), timeout)
            return self.position >= seq

    def lag(self) -> int:
        """How many events are yet to be handled."""
        with self._ledger.read() as snapshot:
            scope_ids = snapshot.scope_ids(self.watch.scopes)
            return snapshot.journal.count(scope_ids, self.watch.operations, after=self.position)

    @property
    def _is_ours(self) -> bool:
        # A handler may fork, and its thread is the one that goes on in the child.
        return os.getpid() == self._owner

    @property
    def _goes_on(self) -> bool:
        return not self._ending and self._is_ours

    def _run(self) -> None:
        _CURRENT.set(self)
        try:
            while self._goes_on:
                self._follow()
        finally:
            if self._is_ours:
                self._finish()

    def _finish(self) -> None:
        try:
            self._save()
            if self._loop is not None:
                self._loop.close()
        finally:
            self._tell_ended(self)
            with self._changed:
                self._over.set()
                self._changed.notify_all()

    def _follow(self) -> None:
        """Handle what there is, then wait for more; if the ledger refuses, try again later."""
        try:
            while self._goes_on and self._step():
                pass
        except CommonplaceError as error:
            self._failures += 1
            _LOG.warning("events cannot be read, trying again: %s", type(error).__name__)
            self._rest(doubled(_POLL, self._failures, most=_LONGEST_RETRY))
        else:
            self._failures = 0
            if not self._goes_on:  # a forked child touches nothing that is its parent's
                return
            self._rest(_PAUSE)
            if not self._awaited_news(_POLL):
                self._save_if_worth_it()

    def _rest(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._ending, seconds)

    def _awaited_news(self, seconds: float) -> bool:
        """Whether somebody nudged, or told it to end."""
        with self._changed:
            found = self._changed.wait_for(lambda: self._news or self._ending, seconds)
            self._news = False
            return found

    def _step(self) -> bool:
        """Handle the next window of the journal; whether there is more."""
        with self._ledger.read() as snapshot:
            head = snapshot.head()
            if head <= self.position:
                return False
            upto = min(head, self.position + _WINDOW)
            events = self._read(snapshot, upto)
        for event in events:
            if not self._goes_on or not self._handled(event):
                return False
            self._reached(event.seq)
            self._handled_since = True
            self._save_if_due()
        self._reached(upto)
        if upto < head:
            self._save_if_worth_it()
            return True
        self._save_if_due()
        return False

    def _read(self, snapshot: Snapshot, upto: int) -> list[Event]:
        # A scope may be named before it holds its first record, so its id is looked up every time.
        scope_ids = snapshot.scope_ids(self.watch.scopes)
        return snapshot.journal.events(
            scope_ids, self.watch.operations, after=self.position, upto=upto
        )

    def _handled(self, event: Event) -> bool:
        """Call the handler; whether the event is done with, and the thread still the parent's."""
        try:
            result = self.watch.handler(event)
            if inspect.isawaitable(result):
                self._run_to_end(result)
        except BaseException as error:  # noqa: BLE001 - nobody is above it in this thread but us
            return self._is_ours and self._failed(event, error)
        return self._is_ours

    def _run_to_end(self, result: Awaitable[Any]) -> None:
        if self._loop is None:
            self._loop = asyncio.Runner()
        self._loop.run(_completed(result))

    def _failed(self, event: Event, error: BaseException) -> bool:
        """Take note of an error, by its type alone; whether to go on after it."""
        if not threading.main_thread().is_alive():
            # The interpreter ends; it refuses new threads, so the error may be of its making.
            self.end()
            return False
        kind = type(error).__name__
        self.errors = HandlerErrors(count=self.errors.count + 1, last=kind)
        if self.watch.on_error == "skip":
            _LOG.warning("a handler failed at event %d, which is skipped: %s", event.seq, kind)
            return True
        _LOG.error("a handler failed at event %d and is stopped: %s", event.seq, kind)
        self.end()
        return False

    def _reached(self, seq: int) -> None:
        with self._changed:
            self.position = seq
            self._changed.notify_all()

    def _save_if_due(self) -> None:
        if time.monotonic() - self._saved_at >= _SAVE_EVERY:
            self._save_if_worth_it()

    def _save_if_worth_it(self) -> None:
        if self._handled_since or self.position - self._saved >= _SKIPPED_WORTH_SAVING:
            self._save()

    def _save(self) -> None:
        """Keep the position, if it has a name; what cannot be kept now is kept next time."""
        if self._abandoned or not self._saving.acquire(blocking=False):
            return
        try:
            position = self.position
            if self.watch.name is not None and position != self._saved:
                with self._ledger.write() as transaction:
                    transaction.cursors.keep(self.watch.name, position)
            self._saved = position
            self._saved_at = time.monotonic()
            self._handled_since = False
        except CommonplaceError as error:
            _LOG.warning("a position cannot be kept now: %s", type(error).__name__)
        finally:
            self._saving.release()


async def _completed(result: Awaitable[Any]) -> None:
    await result
