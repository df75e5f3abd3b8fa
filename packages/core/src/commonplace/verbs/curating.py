"""Curating: `supersede`, `share`, `unshare`, `maintain`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from commonplace.arguments import checked_flag, checked_id
from commonplace.clock import from_micros, to_micros
from commonplace.drafts import draft, fields_of
from commonplace.errors import InvalidInputError, NotFoundError
from commonplace.maintenance import Policy
from commonplace.parts import checked_reason
from commonplace.verbs.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from commonplace.drafts import Draft
    from commonplace.maintenance import MaintenanceReport
    from commonplace.record import Record
    from commonplace.scope import ScopeLike

_SHARED_FROM = "shared_from"


class Curating(Handle):
    """The verbs that keep a memory true and small, and lend parts of it to others."""

    def supersede(
        self,
        old: str,
        new: str | Mapping[str, Any],
        *,
        reason: str | None = None,
        at: datetime | None = None,
    ) -> Record:
        """Let a new fact take the place of an old one, which stays as what was true before.

        In one step the old record is closed (its `valid_to` is set), the new one is written unless
        it is there already, and a link of type `supersedes` leads from the new one to the old one.
        Searches, lists and counts leave the old one out from then on, unless
        `include_closed=True` or a `valid_at` before that moment is given.

        To call it again with the record that took the old one's place only renews the link.

        Args:
            old: the id of the record that no longer holds.
            new: the id of the record that holds now, or a dict of `content` and the fields of
                `add`; without a scope it goes where the old one lies, without `valid_from` it is
                true from `at` on. It must be writable from this view, as a link leads from it.
            reason: why, kept with the link.
            at: when the one began to hold and the other ended; now if left out.

        Returns:
            The new record.

        Raises:
            NotFoundError: one of them cannot be seen, or the old one not written, from this view.
            ConflictError: the old one is closed already, by another record or by its own
                `valid_to`; the message names the record that took its place, if it can be seen.
            InvalidInputError: a part is malformed, or the old one is only true from later on.
        """
        moment = None if at is None else from_micros(to_micros(at, "at"))
        made = checked_id(new, "new") if isinstance(new, str) else self._successor(old, new)
        return self._store.writer.supersede(
            checked_id(old, "old"),
            made,
            self._selection(),
            self._view.may_write,
            reason=checked_reason(reason),
            at=moment,
        )

    def share(self, id: str, scope: ScopeLike) -> Record:  # noqa: A002 - the field's name
        """Put a copy of a record into another scope, for those who read that scope.

        The copy has an id of its own, says in its metadata which record it was taken from, and
        does not follow it: sharing again brings it up to date, `unshare` takes it back.

        Args:
            id: the record to share; it must be seen from this view.
            scope: where to; it must be writable.

        Returns:
            The copy.

        Raises:
            NotFoundError: the record cannot be seen from this view.
            OutsideViewError: the scope lies outside what this view writes.
        """
        place = self._view.writable(scope)
        name = checked_id(id)
        original = self._store.reader.by_id([name], self._selection()).get(name)
        if original is None:
            raise NotFoundError(f"no record {name!r} can be seen from this view")
        found = self._store.reader.findable(name)
        fields = fields_of(original) | {
            "id": None,
            "scope": place,
            "key": _shared_key(name),
            "metadata": {**original.metadata, _SHARED_FROM: name},
            "vectors": found.vectors,
            "embed": found.by_words,
        }
        copy = draft(
            original.content,
            fields,  # pyright: ignore[reportArgumentType] - the fields of a record
            scope=place,
            now=self._store.now(),
            fresh_id=self._store.new_id(),
        )
        copied = replace(copy, copied=True)
        return self._store.writer.put([copied], if_exists="replace", dedupe=False)[0]

    def unshare(self, id: str, scope: ScopeLike | None = None) -> int:  # noqa: A002 - as in `share`
        """Take back the copies of a record that `share` made.

        Args:
            id: the record that was shared; it may be gone by now.
            scope: only from this scope and below it; everything this view writes if left out.

        Returns:
            How many copies were removed.
        """
        selection = self._selection(
            [self._view.writable(scope)],
            filter={"@key": _shared_key(checked_id(id)), _SHARED_FROM: id},
        )
        return self._store.writer.delete(None, selection)

    def maintain(self, policy: Policy, *, dry_run: bool = False) -> MaintenanceReport:
        """Do what a policy asks for with the records that this view may write.

        Nothing of this ever happens by itself.

        Args:
            policy: what may be forgotten, merged or removed.
            dry_run: only say what would be done, record by record, and why.

        Returns:
            The steps that were taken; with `dry_run` those that would be.

        Raises:
            InvalidInputError: the policy makes no sense.
            OutsideViewError: this view only reads.
        """
        if not isinstance(policy, Policy):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
            raise InvalidInputError("maintain takes a commonplace.Policy")
        selection = self._selection([self._view.writable(None)])
        checked = policy.checked()
        return self._store.maintain(selection, checked, dry_run=checked_flag(dry_run, "dry_run"))

    def _successor(self, old: str, new: object) -> Draft:
        """The draft of the record that takes another's place."""
        if not isinstance(new, dict):
            raise InvalidInputError("new is the id of a record, or a dict of its fields")
        fields = cast("dict[str, Any]", dict(new))  # pyright: ignore[reportUnknownArgumentType] - as above
        present = self._store.reader.by_id([checked_id(old, "old")], self._selection()).get(old)
        home = self._view.writable(None) if present is None else present.scope
        content = fields.pop("content", "")
        now = self._store.now()
        made = draft(content, fields, scope=home, now=now, fresh_id=self._store.new_id())  # pyright: ignore[reportArgumentType] - checked by `draft`
        self._view.writable(made.record.scope)
        return made


def _shared_key(name: str) -> str:
    return f"shared:{name}"
