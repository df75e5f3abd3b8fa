"""`Conversations`: writes and reads the threads of a ledger."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from commonplace.clock import new_id
from commonplace.errors import ConflictError, NotFoundError, ThreadEndedError
from commonplace.jsonvalue import dump_json
from commonplace.ledger import Window
from commonplace.message import summary_key
from commonplace.moving.threadexporting import write_threads
from commonplace.threadbatch import Batch, is_over, remove_messages
from commonplace.threads.drafts import info_of, message_of
from commonplace.writing import entries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from commonplace.analytics import ThreadStats
    from commonplace.clock import Clock
    from commonplace.embedding import OwnModel, Vectoriser
    from commonplace.ledger import (
        Ledger,
        Placed,
        Selection,
        Snapshot,
        ThreadRow,
        Transaction,
        Wanted,
    )
    from commonplace.message import Message, ThreadInfo
    from commonplace.middleware import Chain
    from commonplace.moving.reports import Progress, ThreadExportReport
    from commonplace.scope import Scope
    from commonplace.threads.drafts import MessageDraft
    from commonplace.view import View

_REMOVED_AT_ONCE = 1000
_NOTHING: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Which thread is meant: the one with a key at a scope, or with an id anywhere in a view.

    Attributes:
        name: the key or the id.
        home: the scope of the key, where the thread is made if there is none; None for none.
        view: what may be read and written.
    """

    name: str
    home: Scope | None
    view: View


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadSettings:
    """How a new thread is to be; see `ThreadInfo`. Times are in microseconds."""

    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    expires_at: int | None = None
    max_messages: int | None = None
    message_ttl: int | None = None
    created_at: int | None = None
    ended_at: int | None = None


PLAIN = ThreadSettings()


class Conversations:
    """Writes and reads the threads of one ledger.

    Args:
        ledger: where they are.
        model: makes the vectors of messages.
        chain: changes or refuses what is written, and changes what is read.
        clock: tells the time.
        written: called after every transaction that changed something.
    """

    def __init__(
        self,
        ledger: Ledger,
        model: OwnModel,
        chain: Chain,
        clock: Clock,
        written: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._model = model
        self._chain = chain
        self._clock = clock
        self._written = written

    def add(
        self,
        target: Target,
        drafts: Sequence[MessageDraft],
        *,
        settings: ThreadSettings = PLAIN,
        instead: bool = False,
        expected: Mapping[str, int] | None = None,
    ) -> list[Message]:
        """Write messages to a thread, which is made if it is new, in one transaction.

        Args:
            target: which thread.
            drafts: the messages. One whose id is in the thread already takes its place there.
            settings: how the thread is to be, if it is new.
            instead: whether the other messages go.
            expected: the version that the records of some messages, by id, must have.

        Raises:
            ThreadEndedError: the thread takes no more messages.
            ConflictError: a message is not in the expected state.
        """

        def thread(transaction: Transaction, now: int) -> ThreadRow:
            return self._writable_or_new(transaction, target, settings, now)

        written = self._put(thread, drafts, instead=instead, expected=expected or {})
        return [self._message(placed) for placed in written]

    def begin(
        self, target: Target, drafts: Sequence[MessageDraft], settings: ThreadSettings
    ) -> None:
        """Make a thread with its messages, in one transaction.

        Raises:
            ConflictError: there is one of this name.
        """

        def thread(transaction: Transaction, now: int) -> ThreadRow:
            return self._make(transaction, target, settings, now)

        self._put(thread, drafts)

    def create(self, target: Target, settings: ThreadSettings) -> ThreadInfo | None:
        """Make a thread; None if there is one already."""
        with self._ledger.write() as transaction:
            now = self._clock.now()
            if _find(transaction, target, now) is not None:
                return None
            return _info(transaction, self._make(transaction, target, settings, now))

    def info(self, target: Target) -> ThreadInfo | None:
        """What is known of a thread, or None."""
        with self._ledger.read() as snapshot:
            row = _find(snapshot, target, self._clock.now())
            return None if row is None else _info(snapshot, row)

    def extracted(self, target: Target) -> int:
        """The first position from which no facts were taken yet."""
        with self._ledger.read() as snapshot:
            row = _find(snapshot, target, self._clock.now())
            return 0 if row is None else row.extracted

    def messages(self, target: Target, window: Window) -> list[Message]:
        """The messages of a thread that a window shows, in order; none if there is no thread."""
        with self._ledger.read() as snapshot:
            now = self._clock.now()
            row = _find(snapshot, target, now)
            found = [] if row is None else snapshot.threads.messages(row.id, window, now=now)
        return [self._message(placed) for placed in found]

    def message(self, target: Target, message_id: str) -> tuple[Message, int] | None:
        """A message of a thread and the version of its record, or None."""
        with self._ledger.read() as snapshot:
            now = self._clock.now()
            row = _find(snapshot, target, now)
            found = {} if row is None else snapshot.threads.named(row.id, [message_id])
        placed = found.get(message_id)
        if placed is None or is_over(placed, now):
            return None
        return self._message(placed), placed.record.version

    def around(self, record_ids: Sequence[str], number: int) -> dict[str, list[Message]]:
        """For each record that is a message, it and its neighbours in order.

        Args:
            record_ids: the records, proven to be seen; so may be the rest of their threads.
            number: how many messages to give on either side.
        """
        found: dict[str, list[Message]] = {}
        with self._ledger.read() as snapshot:
            now = self._clock.now()
            for record_id, (thread_id, placed) in snapshot.threads.of_records(record_ids).items():
                position = placed.place.position
                earlier = Window(before=position, limit=number)
                later = Window(after=position, limit=number, latest=False)
                near = [
                    snapshot.threads.messages(thread_id, window, now=now)
                    for window in (earlier, later)
                ]
                found[record_id] = [self._message(one) for one in [*near[0], placed, *near[1]]]
        return found

    def change(self, target: Target, changes: Mapping[str, Any]) -> ThreadInfo:
        """Change columns of a thread.

        Raises:
            NotFoundError: there is no such thread that may be written.
        """
        with self._ledger.write() as transaction:
            now = self._clock.now()
            row = _writable(transaction, target, now)
            new_key = changes.get("key")
            if new_key is not None and new_key != row.key:
                self._check_key_free(transaction, new_key, row.scope_id, now)
            transaction.threads.change(row.id, {"updated_at": now, **changes})
            return _info(transaction, transaction.threads.by_id([row.id])[row.id])

    def mark_extracted(self, target: Target, position: int) -> None:
        """Remember that facts were taken from the messages before a position."""
        with self._ledger.write() as transaction:
            row = _writable(transaction, target, self._clock.now())
            transaction.threads.change(row.id, {"extracted": max(position, row.extracted)})

    def remove(self, target: Target, ids: Sequence[str]) -> list[Message]:
        """Remove messages from a thread; those that were there."""
        with self._ledger.write() as transaction:
            now = self._clock.now()
            row = _writable(transaction, target, now)
            _check_running(row)
            found = [
                placed
                for placed in transaction.threads.named(row.id, ids).values()
                if not is_over(placed, now)
            ]
            remove_messages(transaction, row.id, found, now)
        self._written()
        return [self._message(placed) for placed in found]

    def pop(self, target: Target) -> Message | None:
        """Remove the last message of a thread and give it back; None if it has none."""
        with self._ledger.write() as transaction:
            now = self._clock.now()
            row = _find(transaction, target, now)
            if row is None:
                return None
            _check_writable(transaction, target, row)
            _check_running(row)
            last = transaction.threads.messages(row.id, Window(limit=1), now=now)
            remove_messages(transaction, row.id, last, now)
        self._written()
        return self._message(last[0]) if last else None

    def clear(self, target: Target) -> int:
        """Remove every message of a thread, which stays; how many there were."""
        with self._ledger.write() as transaction:
            now = self._clock.now()
            row = _find(transaction, target, now)
            if row is None:
                return 0
            _check_writable(transaction, target, row)
            _check_running(row)
            removed = _empty(transaction, row.id, "delete", now)
            transaction.threads.change(row.id, {"updated_at": now})
        self._written()
        return removed

    def delete(self, target: Target) -> bool:
        """Remove a thread with its messages and its summary; whether it was there."""
        with self._ledger.write() as transaction:
            now = self._clock.now()
            row = _find(transaction, target, now)
            if row is None:
                return False
            _check_writable(transaction, target, row)
            _delete(transaction, [row.id], "delete", now)
        self._written()
        return True

    def delete_idle(self, selection: Selection, before: int) -> int:
        """Remove the threads of the selected scopes that were idle since a moment; how many."""
        with self._ledger.write() as transaction:
            ids = [row.id for row in transaction.threads.idle(selection, before=before)]
            _delete(transaction, ids, "delete", self._clock.now())
        self._written()
        return len(ids)

    def sweep(self, selection: Selection) -> int:
        """Remove the threads of the selected scopes whose time is over; how many."""
        with self._ledger.write() as transaction:
            ids = [row.id for row in transaction.threads.expired(selection)]
            _delete(transaction, ids, "expire", selection.now)
        if ids:
            self._written()
        return len(ids)

    def page(
        self, selection: Selection, wanted: Wanted, *, limit: int, offset: int
    ) -> list[ThreadInfo]:
        """Some of the threads in the selected scopes."""
        with self._ledger.read() as snapshot:
            rows = snapshot.threads.page(selection, wanted, limit=limit, offset=offset)
            return [_info(snapshot, row) for row in rows]

    def count(self, selection: Selection, wanted: Wanted) -> int:
        """How many threads the selected scopes have."""
        with self._ledger.read() as snapshot:
            return snapshot.threads.count(selection, wanted)

    def export(
        self,
        path: Path,
        selection: Selection,
        wanted: Wanted,
        *,
        openai: bool,
        progress: Progress | None,
    ) -> ThreadExportReport:
        """Write the threads of the selected scopes into a file; see `write_threads`."""
        return write_threads(
            self._ledger,
            self._chain,
            path,
            selection,
            wanted,
            openai=openai,
            progress=progress,
        )

    def stats(self, selection: Selection, thread_id: str | None = None) -> ThreadStats:
        """The numbers of the threads in the selected scopes, or of one of them."""
        with self._ledger.read() as snapshot:
            return snapshot.analytics.of_threads(selection, thread_id)

    def _put(
        self,
        thread: Callable[[Transaction, int], ThreadRow],
        drafts: Sequence[MessageDraft],
        *,
        instead: bool = False,
        expected: Mapping[str, int] = _NOTHING,
    ) -> list[Placed]:
        """Write messages to the thread that is found or made at the moment of writing."""
        passed = [replace(one, draft=self._chain.draft(one.draft)) for one in drafts]
        made = [one.draft for one in passed]

        def put(vectoriser: Vectoriser) -> list[Placed]:
            own = vectoriser.own_vectors(made)
            with self._ledger.write() as transaction:
                now = self._clock.now()
                batch = Batch(transaction, thread(transaction, now), now)
                ready = entries(transaction, vectoriser, made, own, now)
                if instead:
                    batch.clear_but({one.id for one in passed if one.id is not None})
                batch.check(expected)
                return batch.put(passed, ready)

        written = self._model.use(put)
        self._written()
        return written

    def _writable_or_new(
        self, transaction: Transaction, target: Target, settings: ThreadSettings, now: int
    ) -> ThreadRow:
        row = _find(transaction, target, now)
        if row is None:
            return self._make(transaction, target, settings, now)
        _check_writable(transaction, target, row)
        _check_running(row)
        return row

    def _make(
        self, transaction: Transaction, target: Target, settings: ThreadSettings, now: int
    ) -> ThreadRow:
        scope = target.view.readable(target.view.writable(target.home))
        scope_id = transaction.scope_id(scope)
        self._check_key_free(transaction, target.name, scope_id, now)
        thread_id = new_id()
        created = now if settings.created_at is None else settings.created_at
        transaction.threads.insert(
            {
                "id": thread_id,
                "scope_id": scope_id,
                "key": target.name,
                "metadata": dump_json(settings.metadata),
                "created_at": created,
                "updated_at": now,
                "ended_at": settings.ended_at,
                "expires_at": settings.expires_at,
                "max_messages": settings.max_messages,
                "message_ttl": settings.message_ttl,
            }
        )
        return transaction.threads.by_id([thread_id])[thread_id]

    def _check_key_free(self, transaction: Transaction, key: str, scope_id: int, now: int) -> None:
        """Refuse a key that another thread of the scope has; one whose time is over gives way."""
        row = transaction.threads.find(key, scope_id, now=-1)
        if row is None or row.key != key:
            return
        if row.expires_at is None or row.expires_at > now:
            raise ConflictError(f"thread key {key!r} is taken in this scope; choose another")
        _delete(transaction, [row.id], "expire", now)

    def _message(self, placed: Placed) -> Message:
        return message_of(self._chain.read(placed.record), placed.place)


def _find(snapshot: Snapshot, target: Target, now: int) -> ThreadRow | None:
    """The thread that is meant, if it may be read."""
    known = () if target.home is None else snapshot.scope_ids([target.home])
    row = snapshot.threads.find(target.name, known[0] if known else None, now=now)
    if row is None or not target.view.may_read(snapshot.scope(row.scope_id)):
        return None
    return row


def _writable(transaction: Transaction, target: Target, now: int) -> ThreadRow:
    row = _find(transaction, target, now)
    if row is None:
        raise NotFoundError(f"no thread {target.name!r} can be seen from this view")
    _check_writable(transaction, target, row)
    return row


def _check_writable(transaction: Transaction, target: Target, row: ThreadRow) -> None:
    if not target.view.may_write(transaction.scope(row.scope_id)):
        raise NotFoundError(f"thread {target.name!r} cannot be written from this view")


def _check_running(row: ThreadRow) -> None:
    if row.ended_at is not None:
        raise ThreadEndedError(
            f"thread {row.key or row.id!r} has ended; reopen() it, or begin another"
        )


def _info(snapshot: Snapshot, row: ThreadRow) -> ThreadInfo:
    return info_of(row, snapshot.scope(row.scope_id))


def _empty(transaction: Transaction, thread_id: str, operation: str, now: int) -> int:
    """Remove the messages of a thread and its summary; how many messages there were."""
    pks = transaction.threads.pks(thread_id)
    for start in range(0, len(pks), _REMOVED_AT_ONCE):
        some = pks[start : start + _REMOVED_AT_ONCE]
        transaction.remove(some, operation=operation, now=now)
    row = transaction.threads.by_id([thread_id])[thread_id]
    key = summary_key(thread_id)
    summary = transaction.ids_by_key(row.scope_id, [key]).values()
    gone = transaction.pks_by_id(list(summary)).values()
    transaction.remove(list(gone), operation=operation, now=now)
    return len(pks)


def _delete(transaction: Transaction, ids: Sequence[str], operation: str, now: int) -> None:
    for thread_id in ids:
        _empty(transaction, thread_id, operation, now)
    transaction.threads.remove(ids)
