"""Backups: the ledger as it is at one moment, in one file that can be checked.

The file is a SQLite database, followed by two lines: a manifest in JSON, and the BLAKE2b digest of
everything before it. SQLite reads as many pages as the database has, and minds nothing after them.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Any

from commonplace.clock import from_iso, from_micros
from commonplace.errors import (
    ConflictError,
    FileDamagedError,
    FormatError,
    FormatTooNewError,
    InvalidInputError,
)
from commonplace.ledger import FORMAT
from commonplace.moving.files import checked_path, drafted, translated_errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from commonplace.ledger import Ledger
    from commonplace.moving.reports import Progress

_NAME = "commonplace-backup"
_LAYOUT = 1
_DIGEST_SIZE = 32
_CHUNK = 1 << 20
_TRAILER_AT_MOST = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReport:
    """What a backup holds.

    Attributes:
        path: the file.
        made_at: when it was begun; it holds everything that was acknowledged before.
        ledger_id: which memory it was made of.
        format: the format of its ledger.
        head: the newest journal entry in it.
        records: how many records.
        versions: how many former states.
        links: how many links.
        threads: how many threads.
        messages: how many messages.
        vectors: how many vectors, those of former states included.
        size: the size of the file in bytes.
        digest: BLAKE2b of all but the last line, as that line says it.
    """

    path: Path
    made_at: datetime
    ledger_id: str
    format: str
    head: int
    records: int
    versions: int
    links: int
    threads: int
    messages: int
    vectors: int
    size: int
    digest: str

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        return {**asdict(self), "path": str(self.path), "made_at": self.made_at.isoformat()}


def write_backup(
    ledger: Ledger, path: Path, *, now: int, overwrite: bool, progress: Progress | None
) -> BackupReport:
    """Copy a ledger into a file, which is there whole or not at all.

    Args:
        ledger: what is copied.
        path: the file.
        now: the present moment.
        overwrite: whether it may take the place of a file.
        progress: told how many bytes are copied.

    Raises:
        ConflictError: there is a file of that name.
    """
    with translated_errors(path):
        if path.exists() and not overwrite:
            raise ConflictError(f"{path} is there already; name another file, or overwrite it")
        if ledger.path is not None and path.resolve().parent == ledger.path.parent.resolve():
            raise InvalidInputError(
                f"{path} lies in the memory's own directory; a backup belongs elsewhere"
            )
    with drafted(path) as draft:
        found = ledger.copy(draft, _told(progress))
        manifest = {
            "file": _NAME,
            "layout": _LAYOUT,
            "made_at": from_micros(now).isoformat(),
            "ledger_id": ledger.id,
            "format": FORMAT,
            "head": found.head,
            "counts": found.counts,
            "database_bytes": draft.stat().st_size,
        }
        with draft.open("r+b") as file:
            digest = _digest(file, draft.stat().st_size)
            line = f"\n{json.dumps(manifest)}\n".encode()
            digest.update(line)
            file.write(line + digest.hexdigest().encode() + b"\n")
            size = file.tell()
    return _report(path, manifest, size, digest.hexdigest())


def check_backup(path: str | Path, *, progress: Progress | None = None) -> BackupReport:
    """What a backup holds, after every byte of it was checked.

    Args:
        path: the file.
        progress: told how many bytes are checked.

    Raises:
        NotFoundError: there is no such file.
        FormatError: it is no backup.
        FormatTooNewError: a newer version of Commonplace wrote it.
        FileDamagedError: it is truncated, or was altered.
    """
    place = checked_path(path)
    with translated_errors(place), place.open("rb") as file:
        return checked(file, place, progress)[0]


def checked(file: IO[bytes], path: Path, progress: Progress | None) -> tuple[BackupReport, int]:
    """What an open backup holds, and how many bytes of it are the database; see `check_backup`."""
    size = os.fstat(file.fileno()).st_size
    end = max(size - _TRAILER_AT_MOST, 0)
    file.seek(end)
    lines = file.read().rsplit(b"\n", 3)
    manifest = _manifest(lines, path)
    before_digest = size - len(lines[2]) - 1
    digest = _digest(file, before_digest, progress)
    if digest.hexdigest().encode() != lines[2]:
        raise FileDamagedError(f"{path} was altered since it was written; use another backup")
    try:
        return _report(path, manifest, size, digest.hexdigest()), manifest["database_bytes"]
    except (KeyError, TypeError, ValueError) as error:  # its digest is right: somebody made it so
        raise FormatError(f"{path} is no backup that Commonplace made") from error


def _manifest(lines: list[bytes], path: Path) -> dict[str, Any]:
    try:
        _, line, _, rest = lines
        manifest = json.loads(line)
        known = not rest and manifest["file"] == _NAME
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise FileDamagedError(f"{path} is no backup, or was cut off; use another") from error
    if not known:
        raise FileDamagedError(f"{path} is no backup, or was cut off; use another")
    if manifest.get("layout") != _LAYOUT or str(manifest.get("format")) > FORMAT:
        raise FormatTooNewError(
            f"{path} has layout {manifest.get('layout')} and format {manifest.get('format')}, this "
            f"version of commonplace reads up to {_LAYOUT} and {FORMAT}; upgrade commonplace"
        )
    return manifest


def _report(path: Path, manifest: dict[str, Any], size: int, digest: str) -> BackupReport:
    return BackupReport(
        path=path,
        made_at=from_iso(manifest["made_at"]),
        ledger_id=manifest["ledger_id"],
        format=manifest["format"],
        head=manifest["head"],
        **manifest["counts"],
        size=size,
        digest=digest,
    )


def _digest(file: IO[bytes], size: int, progress: Progress | None = None) -> Any:
    """The digest of the first bytes of a file, which is read up to there."""
    found = hashlib.blake2b(digest_size=_DIGEST_SIZE)
    file.seek(0)
    left = size
    while left and (chunk := file.read(min(left, _CHUNK))):
        found.update(chunk)
        left -= len(chunk)
        if progress is not None:
            progress("checking", size - left, size)
    return found


def _told(progress: Progress | None) -> Callable[[int, int], None]:
    def tell(done: int, total: int) -> None:
        if progress is not None:
            progress("copying", done, total)

    return tell
