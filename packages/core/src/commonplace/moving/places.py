"""Places that memories are migrated from and to: what they may be, and whether one can be taken."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from commonplace.errors import ConflictError, InvalidInputError, StorageFullError, StoreLockedError
from commonplace.ledger import LEDGER_FILE, SIGN_FILE, beside, in_use, is_url
from commonplace.masking import masked
from commonplace.moving.files import checked_path, translated_errors

if TYPE_CHECKING:
    from pathlib import Path

_IN_MEMORY = ":memory:"
_OURS = {LEDGER_FILE, f"{LEDGER_FILE}-wal", f"{LEDGER_FILE}-shm", "index", "index.lock", SIGN_FILE}


def place_of(given: str | Path, name: str) -> Path | str:
    """Where a memory is, as `Ledger.open` takes it.

    Args:
        given: its directory, or the URL of its database.
        name: which argument that is.

    Raises:
        InvalidInputError: it is none.
    """
    if given == _IN_MEMORY:
        raise InvalidInputError(f"{name} is in memory; name a directory, or use `export`")
    if isinstance(given, str) and is_url(given):
        return given
    if "://" in str(given):
        raise InvalidInputError(f"{name} is no directory: {masked(str(given))}")
    return checked_path(given)


def check_target(target: Path | str, source: Path | str) -> None:
    """Refuse a directory that cannot become the copy of a memory; nothing is written.

    What is on a server is looked at once it is open.

    Raises:
        ConflictError: something else is there.
        InvalidInputError: it is the source.
        StorageFullError: the disk has clearly less room than the source takes.
        StoreLockedError: a process has it open.
    """
    if isinstance(target, str):
        return
    with translated_errors(target):
        if target.exists():
            _check_directory(target, source)
    if not isinstance(source, str):
        _check_space(target, source)


def _check_directory(target: Path, source: Path | str) -> None:
    if not target.is_dir():
        raise ConflictError(f"{target} is a file; a memory is a directory")
    if not isinstance(source, str) and target.samefile(source):
        raise InvalidInputError(f"{target} is the source itself; name another place")
    held = {entry.name for entry in target.iterdir()}
    if held and not held & _OURS:
        raise ConflictError(f"{target} is not empty and holds no memory; name another place")
    if in_use(target / LEDGER_FILE):
        raise StoreLockedError(f"{target} is open; close it everywhere first")


def _check_space(target: Path, source: Path) -> None:
    needed = _size(source / LEDGER_FILE) - _size(target / LEDGER_FILE)
    disk = next(place for place in (target, *target.parents) if place.exists())
    with translated_errors(disk):
        free = shutil.disk_usage(disk).free
    if free < needed:
        raise StorageFullError(
            f"{target}: the copy takes about {needed:,} bytes, and {free:,} are free; free space, "
            "or name another place"
        )


def _size(ledger: Path) -> int:
    files = (ledger, beside(ledger, "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
