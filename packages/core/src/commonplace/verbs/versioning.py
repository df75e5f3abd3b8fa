"""The past of a record: `history`, `restore`, `purge`, `archive`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from commonplace.arguments import checked_flag, checked_id, checked_ids, checked_offset
from commonplace.clock import to_micros
from commonplace.errors import ConflictError, InvalidInputError, NotFoundError
from commonplace.verbs.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from commonplace.record import Record, Version
    from commonplace.scope import Scope, ScopeLike


class Versioning(Handle):
    """The verbs for former states: what a record was, and how it comes back."""

    def history(self, id: str) -> list[Version]:  # noqa: A002 - the field's name everywhere
        """Every state of a record that is kept, oldest first; the last one may be the present one.

        Updates, deletes and whatever else changes a record keep the state before. States that lay
        in scopes outside this view are left out. A record that expired has no history.

        Returns:
            The states; empty if there is no such record and never was.
        """
        return self._store.reader.history(checked_id(id), self._selection())

    def restore(self, id: str, version: int | None = None) -> Record:  # noqa: A002 - the field's name
        """Bring a record back: a deleted or archived one as it last was, or any former version.

        The state is written again as the newest version, with the vectors and full text it had:
        nothing is embedded. An expiry that has passed meanwhile is taken off. Its links are not
        brought back.

        Args:
            id: which record.
            version: which of its versions; None brings back a deleted or an archived record.

        Raises:
            NotFoundError: no such version can be seen and written from this view.
            ConflictError: the record is there already, or another one has its key by now.
        """
        name = checked_id(id)
        if version is not None:
            checked_offset(version, "version")
        else:
            present = self._store.reader.by_id([name], self._selection()).get(name)
            if present is not None and present.archived_at is None:
                raise ConflictError(
                    f"record {name!r} is neither deleted nor archived; name the version to restore"
                )
            if present is not None:
                return self._unarchived(name)
        restored = self._store.writer.restore(name, version, self._allowed)
        if restored is None:
            wanted = "former state" if version is None else f"version {version}"
            raise NotFoundError(f"no {wanted} of {name!r} can be seen and written from this view")
        return restored

    def archive(self, ids: str | Iterable[str]) -> int:
        """Put records aside: out of searches, lists and counts until `restore` or asked for.

        `get`, `update`, `delete` and `include_archived=True` still reach them.

        Returns:
            How many were archived by this call; unknown ones and archived ones do not count.
        """
        selection = self._selection([self._view.writable(None)])
        changed = self._store.writer.change(
            checked_ids(ids), selection, _archived, operation="archive"
        )
        return len(changed)

    def purge(
        self,
        ids: str | Iterable[str] | None = None,
        *,
        scope: ScopeLike | None = None,
        before: datetime | None = None,
        everything: bool = False,
        dry_run: bool = False,
    ) -> int:
        """Forget former states for good: `history`, `restore` and `as_of` no longer know them.

        The present states of records stay.

        Args:
            ids: of these records, deleted ones included.
            scope: of states that lay at this scope or below it; one that is all this view writes,
                such as the root, says nothing by itself.
            before: only states that ended before this moment.
            everything: of everything that this view may write.
            dry_run: only count them.

        Returns:
            How many states were forgotten; with `dry_run` how many would be.

        Raises:
            InvalidInputError: nothing was named.
            OutsideViewError: the view only reads, or the scope lies outside it.
        """
        target = self._view.writable(scope)
        named = ids is not None or self._view.narrowed_by(target) or before is not None
        if not named and not checked_flag(everything, "everything"):
            raise InvalidInputError(
                "say what to forget: ids, a scope within this view or before; or everything=True"
            )
        wanted = None if ids is None else checked_ids(ids)
        moment = None if before is None else to_micros(before, "before")
        selection = self._selection([target])
        if checked_flag(dry_run, "dry_run"):
            return self._store.reader.former_count(wanted, selection, before=moment)
        return self._store.writer.purge(wanted, selection, before=moment)

    def _unarchived(self, name: str) -> Record:
        selection = self._selection([self._view.writable(None)])
        changed = self._store.writer.change([name], selection, _unarchived, operation="restore")
        if not changed:
            raise NotFoundError(f"record {name!r} cannot be written from this view")
        return changed[0]

    def _allowed(self, scope: Scope) -> bool:
        return self._view.may_read(scope) and self._view.may_write(scope)


def _archived(record: Record, now: datetime) -> Record:
    return record if record.archived_at else replace(record, archived_at=now)


def _unarchived(record: Record, _: datetime) -> Record:
    return replace(record, archived_at=None)
