"""Removing an index from the disk, whoever owns it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from commonplace.index.follower import start_over
from commonplace.index.manifest import INDEX_DIRECTORY, LOCK_FILE, read_manifest, remove

if TYPE_CHECKING:
    from pathlib import Path

    from commonplace.ledger import Ledger

_LOOK_EVERY = 0.05


def removed(ledger: Ledger, home: Path, epoch: int, *, wait: float) -> bool:
    """Remove the embedded index of a memory, or wait for its owner to do so.

    Args:
        ledger: what it was made from.
        home: the memory's directory.
        epoch: how many erasures there were; an index that was begun after them may stay.
        wait: for how many seconds the owner is waited for. It looks ten times a second, unless it
            is stopped.

    Returns:
        Whether nothing is left that was made before.
    """
    deadline = time.monotonic() + wait
    while True:
        if _removed(ledger, home, epoch):
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(_LOOK_EVERY)


def _removed(ledger: Ledger, home: Path, epoch: int) -> bool:
    directory = home / INDEX_DIRECTORY
    if _is_after(directory, epoch):
        return True
    if not (directory.exists() or directory.is_symlink()) and not (home / LOCK_FILE).exists():
        return True  # there never was one
    try:
        with FileLock(home / LOCK_FILE, timeout=0, mode=0o600):
            if directory.exists() or directory.is_symlink():
                start_over(ledger)
                remove(directory)
            return not directory.exists()
    except Timeout:
        return _is_after(directory, epoch) or _is_on_a_server(ledger, directory, epoch)


def _is_on_a_server(ledger: Ledger, directory: Path, epoch: int) -> bool:
    """Whether the owner keeps the index on a server, and has begun it anew there."""
    if directory.exists():
        return False
    with ledger.read() as snapshot:
        return snapshot.erasures.followed() >= epoch


def _is_after(directory: Path, epoch: int) -> bool:
    manifest = read_manifest(directory)
    return manifest is not None and manifest.epoch >= epoch
