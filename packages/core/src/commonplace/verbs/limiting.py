"""Limiting: `set_quota`, `quotas`; and `rotate_keys`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonplace.arguments import checked_function, checked_size
from commonplace.errors import InvalidInputError, OutsideViewError
from commonplace.scope import Scope
from commonplace.verbs.handle import Handle
from commonplace.view import View

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonplace.maintenance import RotationReport
    from commonplace.quotas import Quota
    from commonplace.scope import ScopeLike

_MOST = 2**53


class Limiting(Handle):
    """The verbs that say how much a scope may hold, and with which keys."""

    def set_quota(self, scope: ScopeLike, records: int | None) -> None:
        """Say how many records there may be at a scope and below it.

        Every way of writing keeps to it, in every process, from the next write on: what would
        leave more raises `QuotaExceededError` and writes nothing. What is there already stays, and
        may be changed and deleted. Several quotas may bind one record: those of all the scopes that
        contain it. Expired records count until they are swept.

        Args:
            scope: which scope; the root for the whole memory.
            records: how many, 0 or more; None for any number.

        Raises:
            OutsideViewError: this is a view; only the whole memory sets quotas.
            InvalidInputError: an argument is malformed.
        """
        self._check_whole("set_quota")
        place = Scope.of(scope)
        if records is not None and (
            isinstance(records, bool)
            or not isinstance(records, int)  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
            or not 0 <= records <= _MOST
        ):
            raise InvalidInputError("records is a whole number from 0 on, or None for any number")
        self._store.writer.set_quota(place, records)

    def quotas(self) -> list[Quota]:
        """The quotas of the scopes that this view reads, by path, with what they hold."""
        return [one for one in self._store.reader.quotas() if self._view.may_read(one.scope)]

    def rotate_keys(
        self, *, batch: int = 500, progress: Callable[[int], None] | None = None
    ) -> RotationReport:
        """Encrypt everything with the active key: what another key, or none, encrypted before.

        Afterwards the other keys are needed no more. Others may read and write meanwhile, if they
        opened the memory with the same active key. Stopped or killed, call it again: it goes on
        with what is left. Where texts were not encrypted before, it also cleans the full-text index
        and builds the vector index anew; what the disk, backups and exports still hold of
        them is out of its reach.

        Args:
            batch: how many records are encrypted in one transaction.
            progress: called after every batch, with how many are done. What it raises stops it.

        Raises:
            EncryptionError: the memory is not encrypted.
            KeyMissingError: a key that something is encrypted with was not given.
            ConflictError: other programs go on writing with another key.
            OutsideViewError: this is a view; only the whole memory has keys.
        """
        self._check_whole("rotate_keys")
        return self._store.rotate_keys(
            batch=checked_size(batch, "batch"), progress=checked_function(progress, "progress")
        )

    def _check_whole(self, verb: str) -> None:
        if self._view != View():
            raise OutsideViewError(f"{verb} is for the memory that was opened, not for a view")
