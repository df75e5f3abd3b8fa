"""`ReferenceMemory`: a memory in plain Python, to compare with."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Unpack

from commonplace.arguments import (
    checked_choice,
    checked_ids,
    checked_limit,
    checked_offset,
    checked_order,
    checked_query,
)
from commonplace.clock import SystemClock, new_id
from commonplace.drafts import RecordChanges, RecordFields, Revision
from commonplace.errors import ConflictError, InvalidInputError, NotFoundError
from commonplace.filters import parse_filter
from commonplace.parts import checked_kinds, checked_tags
from commonplace.record import Hit, Hits, Record, ScopeInfo, Version
from commonplace.scope import Scope
from commonplace.testing.held import (
    Held,
    Wanted,
    by_meaning,
    by_words,
    copied,
    ordered,
    texts_of,
)
from commonplace.testing.states import IfExists, States, check_keys_differ, refuse_vectors
from commonplace.verbs.handle import fields_given

if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from commonplace.clock import Clock
    from commonplace.embedders import Embedder
    from commonplace.scope import ScopeLike
    from commonplace.verbs.handle import FilterLike


class ReferenceMemory(States):
    """What a memory is to do, in dicts and loops: the verbs of `Memory`, with equal results.

    It has no file, no index and no cache, and finds what is asked for by looking at every record.
    Tests hold a `Memory` against it. What it leaves out it does not take: links, threads, views,
    vectors of the caller's own, `as_of`, hybrid searches.

    Args:
        embedder: makes vectors for `mode="dense"`.
        clock: tells the time; give both memories one `FakeClock(step=0)` for equal times.
        ids: makes the ids of records that are given none.

    Attributes:
        ids: as above; may be changed.
    """

    def __init__(
        self,
        embedder: Embedder | None = None,
        *,
        clock: Clock | None = None,
        ids: Callable[[], str] = new_id,
    ) -> None:
        super().__init__(embedder, SystemClock() if clock is None else clock, ids)

    # Writing

    def add(
        self,
        content: str = "",
        *,
        if_exists: IfExists = "replace",
        dedupe: bool = False,
        **fields: Unpack[RecordFields],
    ) -> Record:
        """See `Memory.add`."""
        return self._put([(content, fields)], if_exists, dedupe=dedupe)[0]

    def add_many(
        self,
        records: Iterable[str | Record | Mapping[str, Any]],
        *,
        if_exists: IfExists = "replace",
        dedupe: bool = False,
        scope: ScopeLike | None = None,
    ) -> builtins.list[Record]:
        """See `Memory.add_many`."""
        default: RecordFields = {} if scope is None else {"scope": scope}
        given = [fields_given(one, default) for one in records]
        return self._put(given, if_exists, dedupe=dedupe)

    def put_many(self, records: Iterable[Record | Mapping[str, Any]]) -> builtins.list[Record]:
        """See `Memory.put_many`."""
        drafts = self._drafts([fields_given(one, {}) for one in records])
        with self._whole_or_not() as now:
            last = {made.record.id: made for made in drafts}
            self._drop_expired(lambda record: record.id in last, now)
            for made in last.values():
                self._check_key_free(made.record, now)
            check_keys_differ([made.record for made in last.values()])
            written = {name: self._write_whole(made, now) for name, made in last.items()}
            return [copied(written[made.record.id]) for made in drafts]

    def update(
        self,
        id: str,  # noqa: A002 - the field's name everywhere
        *,
        expected_version: int | None = None,
        **changes: Unpack[RecordChanges],
    ) -> Record:
        """See `Memory.update`."""
        if not changes:
            raise InvalidInputError("say what to change, such as content= or importance=")
        with self._whole_or_not() as now:
            revision = Revision.of(changes, now=self._clock.now())
            refuse_vectors(revision.vectors)
            old = self._held.get(id)
            if old is None or old.is_over(now):
                raise NotFoundError(f"no record {id!r} can be seen and written from this view")
            if expected_version is not None and old.record.version != expected_version:
                raise ConflictError(f"record {id!r} has version {old.record.version}")
            revision = revision.about(old.record)
            new = replace(revision.applied(old.record), updated_at=max(now, old.record.updated_at))
            self._check_key_free(new, now)
            self._keep(old, "update", now)
            self._held[id] = self._state(
                new, revision.embed, old if revision.content is None else None
            )
            return copied(new)

    def delete(
        self,
        ids: str | Iterable[str] | None = None,
        *,
        scope: ScopeLike | None = None,
        filter: FilterLike = None,  # noqa: A002 - the field's name everywhere
        kinds: Sequence[str] | str = (),
        tags: Sequence[str] | str = (),
        everything: bool = False,
    ) -> int:
        """See `Memory.delete`."""
        wanted = _wanted(scope, filter=filter, kinds=kinds, tags=tags)
        narrowed = wanted.scope != Scope() or wanted.kinds or wanted.tags or filter
        if ids is None and not narrowed and not everything:
            raise InvalidInputError("say what to delete")
        with self._whole_or_not() as now:
            named = None if ids is None else set(checked_ids(ids))
            gone = [
                one for one in self._seen(wanted, now) if named is None or one.record.id in named
            ]
            for one in gone:
                self._keep(one, "delete", now)
                del self._held[one.record.id]
            return len(gone)

    def sweep(self) -> int:
        """See `Memory.sweep`."""
        now = self._now()
        return self._drop_expired(lambda _: True, now)

    def archive(self, ids: str | Iterable[str]) -> int:
        """See `Memory.archive`."""
        with self._whole_or_not() as now:
            live = self._live(now)
            chosen = [live[name] for name in dict.fromkeys(checked_ids(ids)) if name in live]
            fresh = [one for one in chosen if one.record.archived_at is None]
            for one in fresh:
                self._change(one, "archive", now, archived_at=now)
            return len(fresh)

    def restore(self, id: str, version: int | None = None) -> Record:  # noqa: A002 - the field's name
        """See `Memory.restore`."""
        with self._whole_or_not() as now:
            present = self._live(now).get(id)
            if version is None and present is not None:
                if present.record.archived_at is None:
                    raise ConflictError(f"record {id!r} is neither deleted nor archived")
                return copied(self._change(present, "restore", now, archived_at=None))
            self._drop_expired(lambda record: record.id == id, now)
            states = [one for one in self._states(id) if version in {None, one.record.version}]
            if states:
                return copied(self._restored(states[-1], present, now))
        raise NotFoundError(f"no former state of {id!r} can be seen from this view")

    def purge(
        self,
        ids: str | Iterable[str] | None = None,
        *,
        scope: ScopeLike | None = None,
        before: datetime | None = None,
        everything: bool = False,
        dry_run: bool = False,
    ) -> int:
        """See `Memory.purge`."""
        root = Scope.of(scope or "")
        if ids is None and root == Scope() and before is None and not everything:
            raise InvalidInputError("say what to forget")
        named = None if ids is None else set(checked_ids(ids))
        stay = [
            one
            for one in self._former
            if (named is not None and one.record.id not in named)
            or not root.contains(one.record.scope)
            or (before is not None and one.replaced_at is not None and one.replaced_at >= before)
        ]
        gone = len(self._former) - len(stay)
        if not dry_run:
            self._former = stay
        return gone

    def reindex(self, embedder: Embedder) -> None:
        """See `Memory.reindex`: the contents of all that has vectors are embedded anew."""
        former, self._embedder = self._embedder, embedder
        if former is not None and former.identity == embedder.identity:
            return

        def embedded(one: Held) -> Held:
            made = texts_of(one.record.content, None, embedder.passage_length)
            return replace(one, texts=made if one.texts else ())

        self._held = {name: embedded(one) for name, one in self._held.items()}
        self._former = [embedded(one) for one in self._former]

    # Reading

    def get(
        self,
        id: str | None = None,  # noqa: A002 - the field's name everywhere
        *,
        key: str | None = None,
        scope: ScopeLike | None = None,
    ) -> Record | None:
        """See `Memory.get`."""
        if (id is None) == (key is None):
            raise InvalidInputError("give an id, or a key and its scope")
        if id is not None:
            return self.get_many([id])[0]
        place = Scope.of(scope or "")
        found = (one for one in self._live(self._now()).values() if one.record.key == key)
        return next((copied(one.record) for one in found if one.record.scope == place), None)

    def get_many(self, ids: Iterable[str]) -> builtins.list[Record | None]:
        """See `Memory.get_many`."""
        live = self._live(self._now())
        found = (live.get(name) for name in checked_ids(ids))
        return [None if one is None else copied(one.record) for one in found]

    def list(
        self,
        *,
        order_by: str | Sequence[str] = "-created_at",
        limit: int = 100,
        offset: int = 0,
        **selected: Any,
    ) -> builtins.list[Record]:
        """See `Memory.list`."""
        now = self._now()
        found = [one.record for one in self._seen(_shown(**selected), now)]
        first, most = checked_offset(offset), checked_limit(limit)
        page = ordered(found, checked_order(order_by))[first : first + most]
        return [copied(record) for record in page]

    def count(self, **selected: Any) -> int:
        """See `Memory.count`."""
        return len(self._seen(_shown(**selected), self._now()))

    def scopes(self, *, scope: ScopeLike | None = None) -> builtins.list[ScopeInfo]:
        """See `Memory.scopes`."""
        held = self._seen(_wanted(scope), self._now())
        counts = Counter(one.record.scope for one in held)
        return [
            ScopeInfo(scope=place, records=number)
            for place, number in sorted(counts.items(), key=lambda pair: pair[0].path)
        ]

    def search(
        self,
        query: str,
        *,
        mode: Literal["dense", "lexical"] = "dense",
        limit: int = 10,
        offset: int = 0,
        **selected: Any,
    ) -> Hits:
        """See `Memory.search`; `lexical` gives what holds a word, newest first, without BM25.

        Raises:
            InvalidInputError: `dense` without an embedder, or another mode.
        """
        checked_choice(mode, ("dense", "lexical"), "mode")
        held = self._seen(_shown(**selected), self._now())
        words = checked_query(query) or ""
        hits: builtins.list[Hit]
        if mode == "lexical":
            hits = by_words(held, words)
        elif self._embedder is None:
            raise InvalidInputError("give ReferenceMemory an embedder to search by meaning")
        else:
            hits = by_meaning(held, words, self._embedder)
        return Hits(hits[offset : offset + limit])

    def history(self, id: str) -> builtins.list[Version]:  # noqa: A002 - the field's name
        """See `Memory.history`."""
        now = self._now()
        present = self._held.get(id)
        over = present.record if present is not None and present.is_over(now) else None
        former = [
            Version(
                record=copied(one.record), replaced_at=one.replaced_at, replaced_by=one.replaced_by
            )
            for one in self._states(id)
            if over is None or not one.is_of(over)
        ]
        live = self._live(now).get(id)
        return former if live is None else [*former, Version(record=copied(live.record))]


def _shown(
    *, include_closed: bool = False, include_archived: bool = False, **selected: Any
) -> Wanted:
    wanted = _wanted(**selected)
    return replace(wanted, include_closed=include_closed, include_archived=include_archived)


def _wanted(
    scope: ScopeLike | None = None,
    *,
    recursive: bool = True,
    filter: FilterLike = None,  # noqa: A002 - the field's name everywhere
    kinds: Sequence[str] | str = (),
    tags: Sequence[str] | str = (),
) -> Wanted:
    return Wanted(
        scope=Scope() if scope is None else Scope.of(scope),
        recursive=recursive,
        filter=parse_filter(filter),
        kinds=tuple(checked_kinds(kinds)),
        tags=tuple(checked_tags(tags)),
    )
