"""Writing: `add`, `add_many`, `put_many`, `note_reading`, `update`, `delete`, `sweep`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Unpack

from commonplace.arguments import (
    checked_choice,
    checked_flag,
    checked_id,
    checked_ids,
    checked_iterable,
    checked_number,
    checked_offset,
)
from commonplace.clock import from_micros, to_micros
from commonplace.drafts import RecordChanges, RecordFields, Revision
from commonplace.errors import ConflictError, InvalidInputError, NotFoundError
from commonplace.repeats import Repeats
from commonplace.verbs.handle import Handle, fields_given

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from commonplace.record import Record
    from commonplace.repeats import OnDuplicate
    from commonplace.scope import ScopeLike
    from commonplace.verbs.handle import FilterLike

_LEAST_ALIKE = 0.5


class Writing(Handle):
    """The verbs that add, change and remove records."""

    def add(
        self,
        content: str = "",
        *,
        if_exists: Literal["replace", "keep", "error"] = "replace",
        dedupe: bool = False,
        on_duplicate: OnDuplicate = "keep",
        similar_at: float | None = None,
        **fields: Unpack[RecordFields],
    ) -> Record:
        """Remember something. When it returns, it survives the process being killed.

        Args:
            content: the text that is searched, at most 1,000,000 characters.
            if_exists: what to do when a record has this `id`, or this `key` in this scope:
                replace it (it keeps its id and `created_at`), keep it as it is, or refuse.
            dedupe: return the record of the same scope, kind and content if there is one.
            on_duplicate: what to do if a record of this scope and kind says the same: `keep` both;
                `skip` this one and return that; `merge` this one into that, which keeps its id and
                gets this content, both's tags and metadata, and lives as long as both; `supersede`
                that one by this. A record does not repeat the one that it replaces by its `id` or
                `key`, and that two have no text does not make them alike.
            similar_at: from which cosine on two records say the same, 0.5 to 1; None for equal
                texts alone. Embedders put a sentence and its negation close together, and the
                built-in one does not see the order of words: try it on your own data first.
                Records of several vectors are compared by their texts alone.
            **fields: `id`, `scope`, `key`, `kind`, `value` (any JSON), `tags`, `metadata`,
                `importance` (0 to 1), `source`, `created_at`, `expires_at` or `ttl` (seconds or
                timedelta), `valid_from`, `valid_to`; `vector` (in the memory's own space),
                `vectors` (by space name, one or several each), and `embed`: False to keep the
                record out of search, or the texts to embed in place of the content.

        Returns:
            The record as `get` gives it.

        Raises:
            InvalidInputError: a part is malformed or too large; nothing was written.
            RefusedError: middleware does not let it be written; nothing was written.
            OutsideViewError: the scope lies outside what this view writes; or, where a record that
                is there may be returned or merged, outside what it reads.
            ConflictError: the id is taken, or `if_exists="error"`.
        """
        repeats = _repeats(on_duplicate, similar_at)
        return self._put([(content, fields)], if_exists, dedupe=dedupe, repeats=repeats)[0]

    def add_many(
        self,
        records: Iterable[str | Record | Mapping[str, Any]],
        *,
        if_exists: Literal["replace", "keep", "error"] = "replace",
        dedupe: bool = False,
        on_duplicate: OnDuplicate = "keep",
        similar_at: float | None = None,
        scope: ScopeLike | None = None,
    ) -> list[Record]:
        """Remember many things in one transaction: all of them or none.

        Args:
            records: texts, dicts of `content` and the fields of `add`, or records read elsewhere.
            if_exists: as in `add`.
            dedupe: as in `add`; also within the batch.
            on_duplicate: as in `add`; also within the batch.
            similar_at: as in `add`.
            scope: where those go that name none.

        Returns:
            The stored records in the order given. Where two name the same record, the last wins.

        Raises:
            InvalidInputError: one of them is malformed; nothing was written.
            RefusedError: middleware does not let one of them be written; nothing was written.
        """
        default: RecordFields = {} if scope is None else {"scope": scope}
        given = [fields_given(one, default) for one in checked_iterable(records, "records")]
        repeats = _repeats(on_duplicate, similar_at)
        return self._put(given, if_exists, dedupe=dedupe, repeats=repeats)

    def put_many(self, records: Iterable[Record | Mapping[str, Any]]) -> list[Record]:
        """Write whole records by their ids in one transaction: all of them or none.

        Where `add_many` keeps the place and the `created_at` of a record that it replaces, this
        makes it what is given, wherever in this view it lay. What is not given stays as it was: its
        `created_at`, its key, and its vectors in spaces that are not named.

        Args:
            records: dicts of `content` and the fields of `add`, or records read elsewhere.

        Returns:
            The stored records in the order given. Of two with one id the last wins.

        Raises:
            InvalidInputError: one of them is malformed; nothing was written.
            RefusedError: middleware does not let one of them be written; nothing was written.
            ConflictError: an id is taken outside what this view writes, or a key is taken.
        """
        given = [fields_given(one, {}) for one in checked_iterable(records, "records")]
        return self._store.writer.put_whole(self._drafts(given), self._view.may_write)

    def note_reading(self, ids: Iterable[str], *, app: str, at: datetime | None = None) -> int:
        """Note when records were last shown, in their values: `value[app]["last_accessed"]`.

        This is no change of a record: its version, its `updated_at`, its history and the journal
        stay as they are. Records that another app wrote, and those whose value holds something
        else under this name, are left alone.

        Args:
            ids: which; those that this view does not write are left out.
            app: the `source.app` that wrote them.
            at: when; now if left out.

        Returns:
            How many were noted.
        """
        moment = from_micros(self._store.now() if at is None else to_micros(at, "at"))
        selection = self._selection([self._view.writable(None)])
        return self._store.writer.note_reading(
            checked_ids(ids), selection, app=checked_id(app, "app"), at=moment
        )

    def update(
        self,
        id: str,  # noqa: A002 - the field's name everywhere
        *,
        expected_version: int | None = None,
        **changes: Unpack[RecordChanges],
    ) -> Record:
        """Change the named parts of a record; the others stay. Its version rises by one.

        Changed content is embedded anew in the memory's own space; vectors of other spaces stay
        unless new ones are given. `embed` alone changes what is embedded: True the content again,
        False nothing any more, texts those.

        Args:
            id: which record.
            expected_version: refuse if the record has another version by now.
            **changes: `content`, `scope` (moves it), `key`, `kind`, `value`, `tags`, `metadata`,
                `importance`, `source`, `expires_at`, `valid_from`, `valid_to`, `vector`,
                `vectors`, `embed`: each as in `add`; None empties what may be empty.

        Raises:
            NotFoundError: no such record can be seen and written from this view.
            ConflictError: the version is not the expected one, or the key is taken.
            InvalidInputError: nothing to change was named, or a part is malformed; nothing was
                written.
            RefusedError: middleware does not let the new state be written; nothing was written.
        """
        if not changes:
            raise InvalidInputError("say what to change, such as content= or importance=")
        revision = Revision.of(changes, now=self._store.now())
        if revision.scope is not None:
            self._view.writable(revision.scope)

        def check(record: Record) -> None:
            if not self._view.may_write(record.scope):
                raise _not_found(id)
            if expected_version is not None and record.version != expected_version:
                raise ConflictError(
                    f"record {id!r} has version {record.version}, not {expected_version}; "
                    "read it again and decide anew"
                )

        if expected_version is not None:
            checked_offset(expected_version, "expected_version")
        revised = self._store.writer.revise(checked_id(id), self._selection(), check, revision)
        if revised is None:
            raise _not_found(id)
        return revised

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
        """Delete records by id, or all that match, or with `everything=True` all in the view.

        An empty list of ids matches nothing. Several conditions must all hold. A scope that is
        all this view writes, such as the root, is no condition. The last state of each record
        stays in its history, for `restore` and `as_of`, until `purge`; its links do not.

        Returns:
            How many were deleted.

        Raises:
            InvalidInputError: nothing was named; deleting all takes `everything=True`.
            OutsideViewError: the view only reads, or the scope lies outside it.
        """
        target = self._view.writable(scope)
        selection = self._selection([target], filter=filter, kinds=kinds, tags=tags)
        named = ids is not None or self._view.narrowed_by(target) or selection.narrowed
        if not named and not checked_flag(everything, "everything"):
            raise InvalidInputError(
                "say what to delete: ids, a scope within this view, filter, kinds or tags; "
                "or everything=True"
            )
        wanted = None if ids is None else checked_ids(ids)
        return self._store.writer.delete(wanted, selection)

    def sweep(self) -> int:
        """Remove expired records and threads that this view may write for good; how many records.

        The messages of a thread expire with it.
        """
        selection = self._selection([self._view.writable(None)])
        swept = self._store.writer.sweep(selection)
        self._store.conversations.sweep(selection)
        return swept

    def _put(
        self,
        given: Sequence[tuple[str, RecordFields]],
        if_exists: Literal["replace", "keep", "error"],
        *,
        dedupe: bool,
        repeats: Repeats | None,
    ) -> list[Record]:
        checked_choice(if_exists, ("replace", "keep", "error"), "if_exists")
        if checked_flag(dedupe, "dedupe") and repeats is not None:
            raise InvalidInputError("give dedupe or on_duplicate, not both")
        drafts = self._drafts(given)
        if if_exists == "keep" or dedupe or (repeats and repeats.action != "supersede"):
            for made in drafts:  # what is there may be given back, or a part of it
                self._view.readable(made.record.scope)
        return self._store.writer.put(drafts, if_exists=if_exists, dedupe=dedupe, repeats=repeats)


def _repeats(on_duplicate: str, similar_at: float | None) -> Repeats | None:
    checked_choice(on_duplicate, ("keep", "skip", "merge", "supersede"), "on_duplicate")
    if similar_at is not None and not (
        _LEAST_ALIKE <= checked_number(similar_at, "similar_at") <= 1
    ):
        raise InvalidInputError(f"similar_at is a number from {_LEAST_ALIKE} to 1")
    if on_duplicate == "keep":
        return None
    return Repeats(action=on_duplicate, least=similar_at)  # pyright: ignore[reportArgumentType] - checked


def _not_found(record_id: str) -> NotFoundError:
    return NotFoundError(f"no record {record_id!r} can be seen and written from this view")
