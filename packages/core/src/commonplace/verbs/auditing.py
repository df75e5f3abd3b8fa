"""The journal for auditors: `audit`, `check_audit`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonplace.errors import OutsideViewError
from commonplace.moving.auditing import check_audit_file, write_audit
from commonplace.moving.files import checked_path
from commonplace.verbs.handle import Handle
from commonplace.view import View

if TYPE_CHECKING:
    from pathlib import Path

    from commonplace.moving.auditing import AuditReport


class Auditing(Handle):
    """The verbs that write the journal for others to check."""

    def audit(self, path: str | Path, *, after: str | Path | None = None) -> AuditReport:
        """Write the journal into a file in which no entry can be changed, added or left out unseen.

        JSON Lines: a header, an entry a line with the hash of all before it, and a summary. An
        entry says what happened to which record, when and where, and never a record's text. Later
        files go on where an earlier one ended. Entries that were erased are there by their digest
        alone; see `erase`.

        Args:
            path: the file, for its owner alone; compressed if its name ends in `.gz`. It takes the
                place of a file of that name.
            after: an earlier audit file of this memory, to write only what came after it.

        Returns:
            What the file holds, with the hash that stands for all of it.

        Raises:
            OutsideViewError: this is a view; the journal is of the whole memory.
            FileDamagedError: the earlier file does not check.
            DataDamagedError: the journal is no longer what the earlier file says it was; the
                message names the first entry that differs.
        """
        self._whole_journal()
        earlier = None if after is None else checked_path(after)
        return write_audit(self._store.ledger, checked_path(path), earlier)

    def check_audit(self, path: str | Path) -> AuditReport:
        """Check an audit file by itself, and against this memory's journal.

        Raises:
            OutsideViewError: this is a view; the journal is of the whole memory.
            NotFoundError: there is no such file.
        """
        self._whole_journal()
        return check_audit_file(checked_path(path), self._store.ledger)

    def _whole_journal(self) -> None:
        if self._view != View():
            raise OutsideViewError(
                "an audit is of the whole memory; ask the memory that was opened"
            )


def check_audit(path: str | Path) -> AuditReport:
    """Check an audit file by itself: that nothing in it was changed, added or left out.

    Whether it is what the memory's journal says, `Memory.check_audit` tells.

    Raises:
        NotFoundError: there is no such file.
    """
    return check_audit_file(checked_path(path))
