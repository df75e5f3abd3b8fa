"""How the records of a `ReferenceMemory` change, each change whole or not at all."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from commonplace.arguments import checked_choice
from commonplace.clock import from_micros
from commonplace.drafts import Draft, RecordFields, draft
from commonplace.errors import ConflictError, InvalidInputError
from commonplace.scope import Scope
from commonplace.testing.held import Held, Wanted, copied, texts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
    from datetime import datetime

    from commonplace.clock import Clock
    from commonplace.embedders import Embedder
    from commonplace.record import Record

IfExists: TypeAlias = Literal["replace", "keep", "error"]
"""See `Memory.add`."""


class States:
    """Present and former states of records, in plain Python.

    Args:
        embedder: makes vectors; None for none.
        clock: tells the time.
        ids: makes the ids of records that are given none.
    """

    def __init__(self, embedder: Embedder | None, clock: Clock, ids: Callable[[], str]) -> None:
        self.ids = ids
        self._embedder: Embedder | None = embedder
        self._clock = clock
        self._held: dict[str, Held] = {}
        self._former: list[Held] = []

    def _now(self) -> datetime:
        return from_micros(self._clock.now())

    def _live(self, now: datetime) -> dict[str, Held]:
        return {name: one for name, one in self._held.items() if not one.is_over(now)}

    def _seen(self, wanted: Wanted, now: datetime) -> list[Held]:
        return [one for one in self._live(now).values() if wanted.holds(one.record, now)]

    def _states(self, name: str) -> list[Held]:
        """The former states of an id, oldest first."""
        states = (one for one in self._former if one.record.id == name)
        return sorted(states, key=lambda one: one.record.version)

    @contextlib.contextmanager
    def _whole_or_not(self) -> Generator[datetime]:
        held, former = dict(self._held), list(self._former)
        try:
            yield self._now()
        except BaseException:
            self._held, self._former = held, former
            raise

    def _drafts(self, given: Sequence[tuple[str, RecordFields]]) -> list[Draft]:
        drafts = [
            draft(content, fields, scope=Scope(), now=self._clock.now(), fresh_id=self.ids())
            for content, fields in given
        ]
        for made in drafts:
            refuse_vectors(made.vectors)
        return drafts

    def _put(
        self, given: Sequence[tuple[str, RecordFields]], if_exists: IfExists, *, dedupe: bool
    ) -> list[Record]:
        checked_choice(if_exists, ("replace", "keep", "error"), "if_exists")
        drafts = self._drafts(given)
        with self._whole_or_not() as now:
            return self._put_drafts(drafts, if_exists, now, dedupe=dedupe)

    def _put_drafts(
        self, drafts: Sequence[Draft], if_exists: IfExists, now: datetime, *, dedupe: bool
    ) -> list[Record]:
        for made in drafts:
            self._drop_expired(lambda record, made=made: _is_named(record, made), now)
        standing = [self._standing(made, now, dedupe=dedupe) for made in drafts]
        names = [
            _identity(made, one, dedupe=dedupe) for made, one in zip(drafts, standing, strict=True)
        ]
        last = {name: number for number, name in enumerate(names)}
        kept = {
            number
            for number in last.values()
            if (one := standing[number]) is not None
            and (if_exists == "keep" or (dedupe and _says_the_same(drafts[number], one)))
        }
        written = [number for number in sorted(last.values()) if number not in kept]
        check_keys_differ([drafts[number].record for number in written])
        fresh = [
            drafts[n].record.id for n in written if standing[n] is None and drafts[n].chosen_id
        ]
        if len(fresh) > len(set(fresh)):
            raise ConflictError("one id is given to records of different scopes or keys")
        outcomes: dict[int, Record] = {n: one.record for n in kept if (one := standing[n])}
        for number in sorted(written, key=lambda n: standing[n] is not None):  # new ones first
            outcomes[number] = self._write(drafts[number], standing[number], if_exists, now)
        return [copied(outcomes[last[name]]) for name in names]

    def _standing(self, made: Draft, now: datetime, *, dedupe: bool) -> Held | None:
        """What a draft would replace."""
        record = made.record
        named = self._held.get(record.id) if made.chosen_id else None
        keyed = self._keyed(record.scope, record.key)
        if named is not None and named.record.scope != record.scope:
            raise ConflictError(f"id {record.id!r} is taken")
        if made.chosen_id and keyed is not None and keyed.record.id != record.id:
            raise ConflictError("id and key name two different records")
        place = (record.scope, record.kind, record.content)
        same = [
            one
            for one in self._live(now).values()
            if dedupe and (one.record.scope, one.record.kind, one.record.content) == place
        ]
        return named or keyed or (same[-1] if same else None)

    def _keyed(self, scope: Scope, key: str | None) -> Held | None:
        if key is None:
            return None
        found = (one for one in self._held.values() if one.record.key == key)
        return next((one for one in found if one.record.scope == scope), None)

    def _write(self, made: Draft, old: Held | None, if_exists: IfExists, now: datetime) -> Record:
        if old is None:
            return self._begin(made, now)
        if if_exists == "error":
            raise ConflictError(f"record {old.record.id!r} exists already")
        record = replace(
            made.record,
            id=old.record.id,
            version=old.record.version + 1,
            key=old.record.key if made.record.key is None else made.record.key,
            created_at=old.record.created_at,
            updated_at=max(now, old.record.updated_at),
        )
        self._keep(old, "update", now)
        self._held[record.id] = self._state(record, made.embed)
        return record

    def _begin(self, made: Draft, now: datetime) -> Record:
        given = made.record
        versions = [one.record.version for one in self._states(given.id)] if made.chosen_id else []
        fresh = given.created_at == given.updated_at  # no time was named
        record = replace(
            given,
            version=max(versions, default=0) + 1,
            created_at=now if fresh else given.created_at,
            updated_at=now,
        )
        self._held[record.id] = self._state(record, made.embed)
        return record

    def _write_whole(self, made: Draft, now: datetime) -> Record:
        old = self._held.get(made.record.id)
        if old is None:
            return self._begin(made, now)
        given = made.record
        kept_key = given.key is None and given.scope == old.record.scope
        timed = given.created_at != given.updated_at
        record = replace(
            given,
            version=old.record.version + 1,
            key=old.record.key if kept_key else given.key,
            created_at=given.created_at if timed else old.record.created_at,
            updated_at=max(now, old.record.updated_at),
        )
        self._keep(old, "update", now)
        state = self._state(record, made.embed)
        self._held[record.id] = replace(state, texts=old.texts) if made.embed == () else state
        return record

    def _change(self, one: Held, by: str, now: datetime, **changes: Any) -> Record:
        old = one.record
        record = replace(
            old, version=old.version + 1, updated_at=max(now, old.updated_at), **changes
        )
        self._check_key_free(record, now)
        self._keep(one, by, now)
        self._held[record.id] = replace(one, record=record)
        return record

    def _restored(self, state: Held, present: Held | None, now: datetime) -> Record:
        numbers = [one.record.version for one in self._states(state.record.id)]
        numbers += [] if present is None else [present.record.version]
        ended = state.replaced_at or now
        record = replace(
            state.record,
            version=max(numbers) + 1,
            updated_at=max(now, ended),
            archived_at=None,
            expires_at=None if state.is_over(now) else state.record.expires_at,
        )
        self._check_key_free(record, now)
        if present is not None:
            self._keep(present, "restore", now)
        self._held[record.id] = replace(state, record=record, replaced_at=None, replaced_by=None)
        return record

    def _state(
        self, record: Record, embed: tuple[str, ...] | None, old: Held | None = None
    ) -> Held:
        """A state of a record; what it is found by is that of the old one, if one is given."""
        if old is not None:
            return replace(old, record=record)
        longest = None if self._embedder is None else self._embedder.passage_length
        texts = texts_of(record.content, embed, longest)
        return Held(record=record, texts=texts, worded=embed != () and bool(record.content.strip()))

    def _keep(self, one: Held, by: str, now: datetime) -> None:
        """Keep a state as a former one."""
        ended = max(now, one.record.updated_at)
        self._former.append(replace(one, replaced_at=ended, replaced_by=by))

    def _drop_expired(self, which: Callable[[Record], bool], now: datetime) -> int:
        """Forget records that expired, with their histories; how many."""
        gone = [one.record for one in self._held.values() if one.is_over(now) and which(one.record)]
        for record in gone:
            del self._held[record.id]
            self._former = [one for one in self._former if not one.is_of(record)]
        return len(gone)

    def _check_key_free(self, record: Record, now: datetime) -> None:
        place = (record.scope, record.key)
        if record.key is not None:
            self._drop_expired(lambda other: (other.scope, other.key) == place, now)
            holder = self._keyed(*place)
            if holder is not None and holder.record.id != record.id:
                raise ConflictError(f"key {record.key!r} is taken in this scope; choose another")


def _is_named(record: Record, made: Draft) -> bool:
    """Whether a draft says that it is this record."""
    place = (made.record.scope, made.record.key)
    keyed = made.record.key is not None and (record.scope, record.key) == place
    return keyed or (made.chosen_id and record.id == made.record.id)


def _identity(made: Draft, old: Held | None, *, dedupe: bool) -> object:
    """What makes two drafts of one batch the same record."""
    record = made.record
    if old is not None:
        return old.record.id
    if record.key is not None:
        return record.scope, "key", record.key
    if dedupe:
        return record.scope, record.kind, "content", record.content
    return record.scope, "id", record.id


def _says_the_same(made: Draft, old: Held) -> bool:
    return (made.record.kind, made.record.content) == (old.record.kind, old.record.content)


def check_keys_differ(records: Iterable[Record]) -> None:
    """Refuse one key, at one scope, for two records."""
    keys = [(record.scope, record.key) for record in records if record.key is not None]
    if len(keys) > len(set(keys)):
        raise ConflictError("one key is given to two records of a scope; give it to one of them")


def refuse_vectors(vectors: Mapping[str, object]) -> None:
    """Refuse vectors of the caller's own."""
    if vectors:
        raise InvalidInputError("a ReferenceMemory embeds contents; it takes no vectors")
