"""Care: `flush`, `verify`, `repair`, `reindex`, `backup`, `stats`, `close`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commonplace.arguments import checked_flag, checked_function, checked_size
from commonplace.embedders import as_embedder
from commonplace.errors import OutsideViewError
from commonplace.moving.files import checked_path
from commonplace.verbs.handle import Handle
from commonplace.view import View

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from commonplace.maintenance import ReindexReport, Report, Stats
    from commonplace.moving import Progress
    from commonplace.moving.backing import BackupReport


class Care(Handle):
    """The verbs that look after the store."""

    def flush(self) -> None:
        """Bring the index up to date with every write so far. Writes are safe without it.

        Where another process writes the index, that one is waited for as long as it goes on.

        Raises:
            IndexUnavailableError: its server cannot be used, or its process died again and again
                or stands still; searches are answered from the ledger.
        """
        self._store.flush()

    def verify(self) -> Report:
        """What is wrong with the store, if anything; nothing is changed."""
        return self._store.verify()

    def repair(self) -> Report:
        """Mend what `verify` finds, from the ledger; what was mended and what was not."""
        return self._store.repair()

    def reindex(
        self,
        embedder: Any,
        *,
        keep_old: bool = False,
        batch: int = 256,
        progress: Callable[[int, int], None] | None = None,
        dry_run: bool = False,
    ) -> ReindexReport:
        """Move the memory to another embedder: embed every record anew, then switch over.

        Meanwhile the memory is read and written with the old embedder, by this and by other
        processes. Former states of records are embedded too, so that searches with `as_of` go on.
        Records without vectors stay without; the spaces of other models are not touched.

        After the switch this memory and its views use the new embedder. Others that are open with
        the old one get a `ModelMismatchError` from their next search or write of content. Stopped
        or killed, it goes on where it was when it is called again with an embedder of the same
        identity; with another it starts over.

        What is embedded is the content. Vectors that the caller brought, or that were made from
        the texts of `embed=[...]`, are replaced by those of the content, and the report counts
        them; records that have no content lose theirs. `keep_old=True` keeps them all aside.

        Args:
            embedder: the new one, as for `Memory`. With the one in use there is nothing to do, and
                what another reindex left half done is dropped.
            keep_old: whether the old vectors stay, in a space named as their embedder's identity:
                `search(vector=..., space=identity)` finds them. Nothing is added to them.
            batch: how many records are read, embedded and written at once.
            progress: called after every batch, from this thread, with how many states of records
                are done and how many there are. What it raises stops the reindex.
            dry_run: only count what would be embedded; nothing is changed.

        Raises:
            OutsideViewError: this is a view; only the whole memory has an embedder.
            InvalidInputError: an argument is malformed.
            EmbedderError: the new embedder failed. What was done is kept; call it again.
            ConflictError: another reindex took the place of this one, or with `keep_old` a space
                has that name already.
        """
        if self._view != View():
            raise OutsideViewError(
                "a view cannot be reindexed; call reindex on the memory that was opened"
            )
        return self._store.reindex(
            as_embedder(embedder),
            keep_old=checked_flag(keep_old, "keep_old"),
            batch=checked_size(batch, "batch"),
            progress=checked_function(progress, "progress"),
            dry_run=checked_flag(dry_run, "dry_run"),
        )

    def backup(
        self,
        target: str | Path,
        *,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> BackupReport:
        """Write the whole memory, as it is at one moment, into one file that can be checked.

        It holds every write that was acknowledged before the call. Others, in this and in other
        processes, read and write on meanwhile, and do not make it take longer. The file is there
        when it is whole and on the disk, and only its owner can read it. The index is not in it:
        it is built again from the ledger. `restore_backup` makes a memory of the file.

        Args:
            target: the file; not in the memory's own directory.
            overwrite: whether it may take the place of a file.
            progress: told how many pages of the ledger are copied.

        Raises:
            OutsideViewError: this is a view; a backup is of the whole memory. See `export`.
            ConflictError: there is a file of that name.
            NotFoundError: there is no such directory.
            DataDamagedError: the ledger is damaged; nothing is left of the file.
            StorageFullError: the disk is full; nothing is left of the file.
        """
        if self._view != View():
            raise OutsideViewError(
                "a view cannot be backed up; call backup on the memory that was opened, or export"
            )
        return self._store.backup(
            checked_path(target),
            overwrite=checked_flag(overwrite, "overwrite"),
            progress=checked_function(progress, "progress"),
        )

    def stats(self) -> Stats:
        """Counts of what this view reads; sizes and the state of the index of the whole memory."""
        return self._store.stats(self._selection())

    def close(self) -> None:
        """Finish what is under way and release every file and thread. Idempotent.

        Calls of event handlers that are under way are waited for, five seconds at most.
        """
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
