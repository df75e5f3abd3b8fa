"""Restoring: a memory made of a backup."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

from commonplace.arguments import checked_flag
from commonplace.errors import ConflictError, InvalidInputError, StoreLockedError
from commonplace.failpoints import reach
from commonplace.ledger import LEDGER_FILE, SIGN_FILE, Ledger, check_file, in_use
from commonplace.moving.backing import BackupReport, checked
from commonplace.moving.files import checked_path, sync, translated_errors

if TYPE_CHECKING:
    from pathlib import Path

    from commonplace.moving.reports import Progress

_CHUNK = 1 << 20
_IN_MEMORY = ":memory:"
_OURS = {LEDGER_FILE, f"{LEDGER_FILE}-wal", f"{LEDGER_FILE}-shm", "index", "index.lock", SIGN_FILE}


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreReport:
    """A memory that was made of a backup.

    Attributes:
        path: its directory.
        ledger_id: its identity, which is new.
        backup: what it was made of.
        previous: where the memory lies that was there before; None if there was none.
    """

    path: Path
    ledger_id: str
    backup: BackupReport
    previous: Path | None

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "path": str(self.path),
            "ledger_id": self.ledger_id,
            "backup": self.backup.to_dict(),
            "previous": None if self.previous is None else str(self.previous),
        }


def restore_backup(
    backup: str | Path,
    path: str | Path,
    *,
    replace: bool = False,
    progress: Progress | None = None,
) -> RestoreReport:
    """Make a memory of a backup, which `Memory.backup` wrote.

    Every byte of the backup is checked first. The memory is built beside its place and put there
    whole. It gets an identity of its own: an index on a Chroma server, and memories that are
    synchronised from it, begin anew with it instead of mixing two pasts. The index is built again
    from the ledger when the memory is first used; nothing is embedded.

    Args:
        backup: the file.
        path: the directory, which must be empty or not there.
        replace: whether it may take the place of a memory that no process has open. That one is
            kept beside it, whole; the report says where.
        progress: told how many bytes are checked and then restored.

    Raises:
        NotFoundError: there is no such file.
        FormatError: it is no backup.
        FormatTooNewError: a newer version of Commonplace wrote it.
        FileDamagedError: it is truncated, or was altered. Nothing was changed.
        ConflictError: the directory holds a memory, or something else.
        StoreLockedError: the memory in its place is open.
        StorageFullError: the disk is full. Nothing was changed.
    """
    checked_flag(replace, "replace")
    if path == _IN_MEMORY:
        raise InvalidInputError("a backup is restored to a directory; open that")
    place, directory = checked_path(backup), checked_path(path)
    with translated_errors(place), place.open("rb") as file:
        report, size = checked(file, place, progress)
        with translated_errors(directory):
            directory = directory.resolve()
            _check_place(directory, replace=replace)
            directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with draft_beside(directory) as draft:
                _unpack(file, draft / LEDGER_FILE, size, progress)
                identity = _adopted(draft, report)
                _check_place(directory, replace=replace)
                previous = _put(draft, directory)
    return RestoreReport(path=directory, ledger_id=identity, backup=report, previous=previous)


def _check_place(directory: Path, *, replace: bool) -> None:
    if not directory.exists():
        return
    if not directory.is_dir():
        raise ConflictError(f"{directory} is a file; a memory is a directory")
    held = {entry.name for entry in directory.iterdir()}
    if held and not held & _OURS:
        raise ConflictError(f"{directory} is not empty and holds no memory; name another directory")
    if held and not replace:
        raise ConflictError(
            f"{directory} holds a memory; name another directory, or say that it is to be replaced"
        )
    if in_use(directory / LEDGER_FILE):
        raise StoreLockedError(f"the memory in {directory} is open; close it everywhere first")


@contextlib.contextmanager
def draft_beside(directory: Path) -> Any:
    """A directory beside, removed when the block ends if it still has that name."""
    draft = directory.with_name(f".{directory.name}.{secrets.token_hex(8)}.tmp")
    draft.mkdir(mode=0o700)
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _unpack(file: IO[bytes], path: Path, size: int, progress: Progress | None) -> None:
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    file.seek(0)
    with os.fdopen(handle, "wb") as target:
        left = size
        while left and (chunk := file.read(min(left, _CHUNK))):
            target.write(chunk)
            left -= len(chunk)
            if progress is not None:
                progress("restoring", size - left, size)
    check_file(path)


def _adopted(draft: Path, report: BackupReport) -> str:
    """Bring the copy to the newest format, and make it a memory of its own."""
    ledger = Ledger.open(draft, durability="full", create=False)
    try:
        ledger.begin_anew({"ledger_id": report.ledger_id, "made_at": report.made_at.isoformat()})
    finally:
        ledger.close()
    for path in (draft / LEDGER_FILE, draft):
        sync(path)
    return ledger.id


def _put(draft: Path, directory: Path) -> Path | None:
    """Give the draft its name; where what had that name lies now."""
    reach("restore.before_swap")
    previous: Path | None = None
    if directory.exists() and any(directory.iterdir()):
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        previous = directory.with_name(f"{directory.name}.before-{stamp}")
        directory.rename(previous)
    reach("restore.between_swaps")
    try:
        draft.rename(directory)
    except BaseException:
        if previous is not None:
            previous.rename(directory)
        raise
    reach("restore.after_swap")
    sync(directory.parent)
    return previous
