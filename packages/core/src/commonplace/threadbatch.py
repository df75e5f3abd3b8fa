"""`Batch`: the messages of one call, as they are written to a thread."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from commonplace.clock import from_micros, from_micros_if_any
from commonplace.errors import ConflictError
from commonplace.failpoints import reach
from commonplace.jsonvalue import dump_json
from commonplace.ledger import Place, Placed, Window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from commonplace.ledger import Entry, ThreadRow, Transaction
    from commonplace.threads.drafts import MessageDraft


class Batch:
    """The messages of one call, as they are written to a thread.

    Args:
        transaction: in which they are.
        row: the thread.
        now: the present moment in microseconds.
    """

    def __init__(self, transaction: Transaction, row: ThreadRow, now: int) -> None:
        self._transaction = transaction
        self._row = row
        self._now = now
        self._scope = transaction.scope(row.scope_id)

    def clear_but(self, ids: set[str]) -> None:
        """Remove the messages with other ids."""
        threads = self._transaction.threads
        held = threads.messages(self._row.id, Window(), now=-1)
        others = [
            placed for placed in held if (placed.place.message_id or placed.record.id) not in ids
        ]
        remove_messages(self._transaction, self._row.id, others, self._now)

    def check(self, expected: Mapping[str, int]) -> None:
        """Refuse messages that are gone, or have changed."""
        held = self._transaction.threads.named(self._row.id, list(expected))
        for message_id, version in expected.items():
            if message_id not in held or held[message_id].record.version != version:
                raise ConflictError(
                    f"message {message_id!r} was changed meanwhile; read it and decide anew"
                )

    def put(self, drafts: Sequence[MessageDraft], ready: Sequence[Entry]) -> list[Placed]:
        """Write them; as they now are, in the order given."""
        known = self._known([one.id for one in drafts if one.id is not None])
        last = {one.id or number: number for number, one in enumerate(drafts)}
        outcome: dict[int, Placed] = {}
        fresh: list[tuple[int, MessageDraft, Entry]] = []
        for number in last.values():  # in the order in which they were first named
            one, entry = drafts[number], ready[number]
            if one.id is not None and one.id in known:
                outcome[number] = self._replace(known[one.id], one, entry)
            else:
                fresh.append((number, one, self._at_home(entry, self._until)))
        outcome |= self._append(fresh)
        reach("thread.after_append")
        self._trim(len(fresh))
        return [outcome[last[one.id or number]] for number, one in enumerate(drafts)]

    def _known(self, ids: Sequence[str]) -> dict[str, Placed]:
        found = self._transaction.threads.named(self._row.id, ids)
        gone = [placed for placed in found.values() if is_over(placed, self._now)]
        remove_messages(self._transaction, self._row.id, gone, self._now, operation="expire")
        return {name: placed for name, placed in found.items() if placed not in gone}

    @property
    def _until(self) -> datetime | None:
        """Until when the thread keeps a message that is written now."""
        return from_micros_if_any(self._row.message_ttl and self._now + self._row.message_ttl)

    def _at_home(self, entry: Entry, until: datetime | None) -> Entry:
        """The entry at the thread's scope, and living no longer than the thread and `until`."""
        ends = (entry.record.expires_at, from_micros_if_any(self._row.expires_at), until)
        first = min((moment for moment in ends if moment is not None), default=None)
        return replace(entry, record=replace(entry.record, scope=self._scope, expires_at=first))

    def _replace(self, old: Placed, one: MessageDraft, given: Entry) -> Placed:
        """Write a message anew where it stands, with the time that it had unless it says another.

        Nothing is written where nothing changes.
        """
        kept = old.record.expires_at if self._row.message_ttl else None
        entry = self._at_home(given, self._until if given.record.expires_at else kept)
        place = _place(one, old.place.position)._replace(message_id=old.place.message_id)
        if place == old.place and _says_the_same(entry, old):
            return old
        again = replace(entry, record=replace(entry.record, id=old.record.id), chosen_id=True)
        written = self._transaction.put([again], if_exists="replace", dedupe=False, now=self._now)[
            0
        ]
        pk = self._transaction.pks_by_id([old.record.id])[old.record.id]
        before = old.place.token_count
        self._transaction.threads.put_place(pk, self._row.id, place, before=before, now=self._now)
        return Placed(written.record, place)

    def _append(self, fresh: Sequence[tuple[int, MessageDraft, Entry]]) -> dict[int, Placed]:
        if not fresh:
            return {}
        written = self._transaction.insert_fresh([entry for *_, entry in fresh], now=self._now)
        places = [
            _place(one, position)
            for position, (_, one, _) in enumerate(fresh, self._row.next_position)
        ]
        numbered = [(pk, place) for (pk, _), place in zip(written, places, strict=True)]
        self._transaction.threads.append(self._row, numbered, now=self._now)
        return {
            number: Placed(record, place)
            for (number, *_), (_, record), place in zip(fresh, written, places, strict=True)
        }

    def _trim(self, added: int) -> None:
        """Forget the oldest messages, as far as there are too many."""
        most = self._row.max_messages
        if most is None or not added:
            return
        if self._excess(most) > 0:  # those whose time is over go first
            over = self._transaction.threads.over(self._row.id, now=self._now)
            self._transaction.remove(over, operation="expire", now=self._now)
        if (excess := self._excess(most)) > 0:
            pks = self._transaction.threads.oldest(self._row.id, excess)
            self._transaction.remove(pks, operation="expire", now=self._now)

    def _excess(self, most: int) -> int:
        return self._transaction.threads.by_id([self._row.id])[self._row.id].messages - most


def is_over(placed: Placed, now: int) -> bool:
    """Whether the time of a message is over, though it was not swept."""
    ends = placed.record.expires_at
    return ends is not None and ends <= from_micros(now)


def remove_messages(
    transaction: Transaction,
    thread_id: str,
    found: Sequence[Placed],
    now: int,
    *,
    operation: str = "delete",
) -> None:
    """Remove messages from a thread."""
    if found:
        pks = transaction.pks_by_id([placed.record.id for placed in found]).values()
        transaction.remove(list(pks), operation=operation, now=now)
        transaction.threads.change(thread_id, {"updated_at": now})


def _place(one: MessageDraft, position: int) -> Place:
    return Place(position, one.id, one.role, one.role_type, one.name, one.token_count)


def _says_the_same(entry: Entry, old: Placed) -> bool:
    new, former = entry.record, old.record
    return (new.content, new.expires_at) == (former.content, former.expires_at) and all(
        dump_json(getattr(new, name)) == dump_json(getattr(former, name))  # True is not 1
        for name in ("value", "metadata")
    )
