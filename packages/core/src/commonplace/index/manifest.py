"""What an embedded index says of itself: whose it is, and how its files looked when closed."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LOCK_FILE = "index.lock"
INDEX_DIRECTORY = "index"
NOT_OWNER = 3
"""The exit code of an index process that found the index owned by another."""

_FILE = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Written beside Chroma's files.

    Attributes:
        ledger_id: the ledger the index was made from.
        chroma: the version of Chroma that wrote it.
        epoch: how many erasures the ledger had seen when it was begun; after another one it may
            hold what was erased.
        generation: what the ledger calls this index; another one that was begun since, here or on
            a server, is what the ledger's account of how far it has come is about.
        digests: the files and their BLAKE2b digests as they were at a clean close; None while the
            index is in use, and so after an unclean stop.
    """

    ledger_id: str
    chroma: str
    epoch: int = 0
    generation: str = ""
    digests: dict[str, str] | None = None


def read_manifest(directory: Path) -> Manifest | None:
    """The manifest of an index, or None if there is none that can be read."""
    try:
        found = json.loads((directory / _FILE).read_text())
        return Manifest(**found)
    except (OSError, ValueError, TypeError):
        return None


def chroma_versions(directory: Path) -> tuple[str | None, str]:
    """The version of Chroma that wrote the index of a memory, if any did, and the one installed."""
    found = read_manifest(directory / INDEX_DIRECTORY)
    return None if found is None else found.chroma, importlib.metadata.version("chromadb")


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Put a manifest in place, whole or not at all."""
    draft = directory / (_FILE + ".new")
    with draft.open("w") as file:
        json.dump(asdict(manifest), file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(directory / _FILE)


def digests(directory: Path) -> dict[str, str]:
    """The BLAKE2b digest of every file of the index but the manifest."""
    files = (file for file in sorted(directory.rglob("*")) if file.is_file())
    return {
        str(file.relative_to(directory)): _digest(file)
        for file in files
        if not file.name.startswith(_FILE)
    }


def remove(directory: Path) -> None:
    """Remove the index, whatever state it is in."""
    if directory.is_symlink() or directory.is_file():
        directory.unlink()
    shutil.rmtree(directory, ignore_errors=True)


def clear(directory: Path) -> None:
    """Remove the index, whatever state it is in, and make its directory anew."""
    remove(directory)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "blake2b").hexdigest()
