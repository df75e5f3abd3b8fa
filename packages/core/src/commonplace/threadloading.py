"""`ThreadLoader`: writes the conversations that a file tells, and nothing that is there already."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from commonplace.clock import from_micros, new_id, to_micros
from commonplace.errors import ConflictError, InvalidInputError, RefusedError, ThreadEndedError
from commonplace.jsonvalue import dump_json
from commonplace.ledger import Place, Window
from commonplace.moving.conversations import (
    BrokenConversationError,
    Conversation,
    Said,
    digest_of,
)
from commonplace.moving.reports import Refusal, ThreadImportReport
from commonplace.parts import checked_record_id
from commonplace.record import Source
from commonplace.threads.drafts import message_draft
from commonplace.writing import entries

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

    from commonplace.clock import Clock
    from commonplace.embedding import OwnModel, Vectoriser
    from commonplace.ledger import Entry, Ledger, Placed, Snapshot, ThreadRow, Transaction
    from commonplace.middleware import Chain
    from commonplace.moving.conversations import Head, Read
    from commonplace.scope import Scope
    from commonplace.threads.drafts import MessageDraft
    from commonplace.view import View

_MESSAGES_AT_ONCE = 1_000
_CHARACTERS_AT_ONCE = 8_000_000
_LARGEST_POSITION = 2**31 - 1
_REFUSED = (InvalidInputError, ConflictError, RefusedError)


@dataclass(frozen=True, slots=True, eq=False)
class _Arriving:
    """A message that may be written: its draft, its id, and where and as what record it stood."""

    draft: MessageDraft
    id: str
    position: int
    record_id: str | None

    @property
    def created_at(self) -> int:
        return to_micros(self.draft.draft.record.created_at, "created_at")


class _Part(NamedTuple):
    """Some messages of a conversation, and whether they are its last."""

    head: Head
    scope: Scope
    messages: list[_Arriving]
    first: bool
    last: bool


class _Sorted(NamedTuple):
    """Messages that a thread lacks; how many it has; how many it will not have."""

    fresh: list[_Arriving]
    unchanged: int
    skipped: int


class ThreadLoader:
    """Writes conversations of files into one ledger.

    Args:
        ledger: where to.
        model: makes the vectors of messages.
        chain: changes or refuses what is written.
        clock: tells the time.
        written: called after every transaction.
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

    def check(self, read: Read, place: Placing, *, strict: bool) -> Checked:
        """Look at all conversations and write nothing.

        Args:
            read: the conversations.
            place: where they go.
            strict: whether one that is refused is an error.

        Raises:
            InvalidInputError: one was refused, with `strict`.
        """
        checked = Checked()
        number = 0
        for one in read:
            found = self._looked_at(one, place) if isinstance(one, Conversation) else one
            if isinstance(found, Refusal):
                if strict:
                    raise InvalidInputError(
                        f"line {found.line}: {found.reason}; nothing was imported"
                    )
                checked.refused.append(found)
            else:
                _add(checked.all, found)
            if isinstance(one, Conversation):
                if isinstance(found, Refusal) or not (found.added or found.extended):
                    checked.done.add(number)
                    _add(checked.left, found)
                number += 1
        return checked

    def load(
        self, read: Read, place: Placing, report: ThreadImportReport, done: Container[int]
    ) -> None:
        """Write the conversations, about a thousand messages in one transaction.

        Args:
            read: the conversations, as they were checked.
            place: where they go.
            report: what becomes of them; true at any moment, also when an error ends the work.
            done: the numbers of those for which there is nothing to do, in the order of the file.
        """
        tally = _Tallying(report)
        conversations = (one for one in read if isinstance(one, Conversation))
        good = (one for number, one in enumerate(conversations) if number not in done)
        parts = (part for one in good for part in self._parts(one, place))
        for batch in _batches(parts):
            for part, (made, found) in zip(batch, self._write(batch), strict=True):
                tally.add(part, found, made=made)

    def _looked_at(self, one: Conversation, place: Placing) -> ThreadImportReport | Refusal:
        """What would become of a conversation, or why it cannot be written."""
        report = ThreadImportReport(format="")
        tally = _Tallying(report)
        try:
            for part in self._parts(one, place):
                with self._ledger.read() as snapshot:
                    row = self._row(snapshot, part)
                    found = self._sorted(snapshot, row, part)
                tally.add(part, found, made=row is None and part.first)
        except BrokenConversationError as error:
            return error.refusal
        except _REFUSED as error:
            return Refusal(line=one.line, field=None, reason=str(error))
        ends = one.head.expires_at
        if ends is not None and ends <= self._clock.now():
            return ThreadImportReport(format="", skipped=1)
        return report

    def _parts(self, one: Conversation, place: Placing) -> Iterator[_Part]:
        """A conversation in parts that are written at once; all of it checked."""
        scope = place.view.writable(one.head.scope or place.home)
        some: list[_Arriving] = []
        first, size = True, 0
        for index, said in enumerate(one.messages):
            if len(some) == _MESSAGES_AT_ONCE or size > _CHARACTERS_AT_ONCE:
                yield _Part(one.head, scope, some, first, last=False)
                some, first, size = [], False, 0
            some.append(self._arriving(one.head, scope, said, index, embed=place.embed))
            size += len(some[-1].draft.draft.record.content)
        yield _Part(one.head, scope, some, first, last=True)

    def _arriving(
        self, head: Head, scope: Scope, said: Said, index: int, *, embed: bool
    ) -> _Arriving:
        message: Any = said.message
        beside = cast("dict[str, Any]", message if isinstance(said.message, dict) else {})
        try:
            made = message_draft(
                message,
                scope=scope,
                now=self._clock.now(),
                fresh_id=new_id(),
                source=Source() if "source" in beside else Source(thread=head.name),
                embed=embed,
            )
            record_id = beside.get("record_id")
            return _Arriving(
                replace(made, draft=self._chain.draft(made.draft)),
                made.id or digest_of(head.name, index, _timeless(message)),
                _position(beside.get("position")),
                None if record_id is None else checked_record_id(record_id),
            )
        except _REFUSED as error:
            refusal = Refusal(line=said.line, field=None, reason=str(error))
            raise BrokenConversationError(refusal) from None

    def _write(self, parts: Sequence[_Part]) -> list[tuple[bool, _Sorted]]:
        def put(vectoriser: Vectoriser) -> list[tuple[bool, _Sorted]]:
            with self._ledger.read() as snapshot:
                found = [self._sorted(snapshot, self._row(snapshot, part), part) for part in parts]
            wanted = [one for some in found for one in some.fresh]
            drafts = [one.draft.draft for one in wanted]
            own = vectoriser.own_vectors(drafts)
            with self._ledger.write() as transaction:
                made = entries(transaction, vectoriser, drafts, own, self._clock.now())
                ready = dict(zip(wanted, made, strict=True))
                return [self._put(transaction, part, ready) for part in parts]

        outcome = self._model.use(put)
        self._written()
        return outcome

    def _put(
        self, transaction: Transaction, part: _Part, ready: dict[_Arriving, Entry]
    ) -> tuple[bool, _Sorted]:
        row = self._row(transaction, part)
        found = self._sorted(transaction, row, part)
        if not ready.keys() >= set(found.fresh):
            raise ConflictError("threads changed while they were imported; import again to go on")
        thread = row or self._make(transaction, part)
        if found.fresh:
            self._append(transaction, thread, part, [(one, ready[one]) for one in found.fresh])
        if part.last and (found.fresh or row is None):
            self._finish(transaction, thread, part.head)
        return row is None, found

    def _row(self, snapshot: Snapshot, part: _Part) -> ThreadRow | None:
        """The thread, if it is there: at that scope, and not one elsewhere that has such an id."""
        for scope_id in snapshot.scope_ids([part.scope]):
            row = snapshot.threads.find(part.head.name, scope_id, now=self._clock.now())
            return row if row is not None and row.scope_id == scope_id else None
        return None

    def _sorted(self, snapshot: Snapshot, row: ThreadRow | None, part: _Part) -> _Sorted:
        now = from_micros(self._clock.now())
        held: dict[str, Placed] = {}
        oldest: int | None = None
        if row is not None:
            held = snapshot.threads.named(row.id, [one.id for one in part.messages])
            oldest = _oldest(snapshot, row)
        fresh: dict[str, _Arriving] = {}
        unchanged = skipped = 0
        for one in part.messages:
            there = held[one.id].record if one.id in held else None
            if one.id in fresh:
                there = fresh[one.id].draft.draft.record
            ends = one.draft.draft.record.expires_at
            if there is not None:
                same = _says_the_same(one, there)
                unchanged, skipped = unchanged + same, skipped + (not same)
            elif (ends is not None and ends <= now) or (
                oldest is not None and one.created_at < oldest
            ):
                skipped += 1
            else:
                fresh[one.id] = one
        if fresh and row is not None and row.ended_at is not None:
            raise ThreadEndedError(
                f"thread {part.head.name!r} has ended and lacks messages; reopen it first"
            )
        return _Sorted(list(fresh.values()), unchanged, skipped)

    def _make(self, transaction: Transaction, part: _Part) -> ThreadRow:
        head = part.head
        taken = head.id is None or bool(transaction.threads.by_id([head.id]))
        thread_id = new_id() if taken else cast("str", head.id)
        created = head.created_at
        if created is None:
            created = min((one.created_at for one in part.messages), default=self._clock.now())
        transaction.threads.insert(
            {
                "id": thread_id,
                "scope_id": transaction.scope_id(part.scope),
                "key": head.name if taken else head.key,
                "metadata": dump_json(head.metadata),
                "created_at": created,
                "updated_at": created if head.updated_at is None else head.updated_at,
                "ended_at": None,
                "expires_at": head.expires_at,
                "max_messages": head.max_messages,
                "message_ttl": head.message_ttl,
            }
        )
        return transaction.threads.by_id([thread_id])[thread_id]

    def _append(
        self,
        transaction: Transaction,
        row: ThreadRow,
        part: _Part,
        fresh: Sequence[tuple[_Arriving, Entry]],
    ) -> None:
        now = self._clock.now()
        taken = set(transaction.pks_by_id([one.record_id for one, _ in fresh if one.record_id]))
        ready: list[Entry] = []
        places: list[Place] = []
        position = row.next_position
        for one, entry in fresh:
            record = replace(entry.record, expires_at=_ends(one, row, now))
            if one.record_id is not None and one.record_id not in taken:
                record = replace(record, id=one.record_id)
                taken.add(one.record_id)
            ready.append(replace(entry, record=record))
            position = max(position, one.position)
            places.append(_place(one, position))
            position += 1
        transaction.put(ready, if_exists="error", dedupe=False, now=now)
        pks = transaction.pks_by_id([entry.record.id for entry in ready])
        numbered = [
            (pks[entry.record.id], place) for entry, place in zip(ready, places, strict=True)
        ]
        newest = max(one.created_at for one, _ in fresh)
        active = newest if part.head.updated_at is None else part.head.updated_at
        transaction.threads.append(row, numbered, now=active)
        transaction.threads.change(row.id, {"next_position": position})

    def _finish(self, transaction: Transaction, row: ThreadRow, head: Head) -> None:
        """End a thread that had ended, and keep only as many messages as it keeps."""
        if head.ended_at is not None:
            transaction.threads.change(row.id, {"ended_at": head.ended_at})
        if row.max_messages is not None:
            held = transaction.threads.by_id([row.id])[row.id].messages
            if held > row.max_messages:
                pks = transaction.threads.oldest(row.id, held - row.max_messages)
                transaction.remove(pks, operation="expire", now=self._clock.now())


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """Where conversations go.

    Attributes:
        view: what may be written.
        home: the scope of those that name none.
        embed: whether their messages are found by a search.
    """

    view: View
    home: Scope
    embed: bool


@dataclass(slots=True)
class Checked:
    """What was found in a file before anything of it is written.

    Attributes:
        refused: the conversations that cannot be written.
        all: what would become of the others.
        left: what becomes of those for which there is nothing to do.
        done: the numbers of the latter and of the refused ones, in the order of the file.
    """

    refused: list[Refusal] = field(default_factory=list[Refusal])
    all: ThreadImportReport = field(default_factory=lambda: ThreadImportReport(format=""))
    left: ThreadImportReport = field(default_factory=lambda: ThreadImportReport(format=""))
    done: set[int] = field(default_factory=set[int])


class _Tallying:
    """Counts what becomes of conversations, whose parts come one after the other."""

    def __init__(self, report: ThreadImportReport) -> None:
        self._report = report
        self._made = False
        self._added = 0

    def add(self, part: _Part, found: _Sorted, *, made: bool) -> None:
        if part.first:
            self._made, self._added = False, 0
        self._made |= made
        self._added += len(found.fresh)
        messages = self._report.messages
        messages.added += len(found.fresh)
        messages.unchanged += found.unchanged
        messages.skipped += found.skipped
        if not part.last:
            return
        if self._made:
            self._report.added += 1
        elif self._added:
            self._report.extended += 1
        else:
            self._report.unchanged += 1


def _add(report: ThreadImportReport, more: ThreadImportReport | Refusal) -> None:
    if isinstance(more, Refusal):
        return
    report.skipped += more.skipped
    report.added += more.added
    report.extended += more.extended
    report.unchanged += more.unchanged
    report.messages.added += more.messages.added
    report.messages.unchanged += more.messages.unchanged
    report.messages.skipped += more.messages.skipped


def _batches(parts: Iterable[_Part]) -> Iterator[list[_Part]]:
    batch: list[_Part] = []
    held = size = 0
    for part in parts:
        batch.append(part)
        held += 1 + len(part.messages)
        size += sum(len(one.draft.draft.record.content) for one in part.messages)
        if held >= _MESSAGES_AT_ONCE or size > _CHARACTERS_AT_ONCE:
            yield batch
            batch, held, size = [], 0, 0
    if batch:
        yield batch


def _timeless(message: object) -> object:
    """The message without the time at which it was written: moved to another, it is the same."""
    if not isinstance(message, dict):
        return message
    said = cast("dict[str, Any]", message)
    return {name: part for name, part in said.items() if name != "created_at"}


def _position(given: object) -> int:
    """The place that a message had, if a file says a sensible one."""
    if isinstance(given, bool) or not isinstance(given, int):
        return 0
    return given if 0 <= given < _LARGEST_POSITION else 0


def _oldest(snapshot: Snapshot, row: ThreadRow) -> int | None:
    """When the oldest message was written in a thread that forgets older ones."""
    if row.max_messages is None or row.messages < row.max_messages:
        return None
    first = snapshot.threads.messages(row.id, Window(limit=1, latest=False), now=-1)
    return to_micros(first[0].record.created_at, "created_at") if first else None


def _says_the_same(one: _Arriving, there: Any) -> bool:
    record = one.draft.draft.record
    return all(
        getattr(record, name) == getattr(there, name) for name in ("content", "value", "metadata")
    )


def _place(one: _Arriving, position: int) -> Place:
    draft = one.draft
    return Place(position, one.id, draft.role, draft.role_type, draft.name, draft.token_count)


def _ends(one: _Arriving, row: ThreadRow, now: int) -> Any:
    """When a message is over: when it says so, or else as its thread says; with that at last."""
    ends = one.draft.draft.record.expires_at
    if ends is None and row.message_ttl is not None:
        ends = from_micros(now + row.message_ttl)
    if row.expires_at is None:
        return ends
    over = from_micros(row.expires_at)
    return over if ends is None else min(ends, over)
