"""Removing an index from the disk, whoever owns it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from commonplace.index.begun import EMBEDDED, Begun, place_of
from commonplace.index.follower import start_over
from commonplace.index.manifest import INDEX_DIRECTORY, LOCK_FILE, read_manifest, remove

if TYPE_CHECKING:
    from collections.abc import Callable
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
    return _comes_true(lambda: _removed(ledger, home, epoch), wait)


def dropped(ledger: Ledger, home: Path | None, epoch: int, *, wait: float) -> bool:
    """Wait for the owner of an index on a server to begin it anew, and to drop what was before.

    Args:
        ledger: what it was made from.
        home: the memory's directory, where an embedded index may be left over.
        epoch: how many erasures there were.
        wait: for how many seconds.

    Returns:
        Whether nothing is left that was made before.
    """
    return _comes_true(lambda: _dropped(ledger, home, epoch), wait)


def _comes_true(look: Callable[[], bool], wait: float) -> bool:
    deadline = time.monotonic() + wait
    while not look():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_LOOK_EVERY)
    return True


def _dropped(ledger: Ledger, home: Path | None, epoch: int) -> bool:
    if home is not None and (home / INDEX_DIRECTORY).exists():
        return False
    with ledger.read() as snapshot:
        return Begun.of(snapshot) is None or snapshot.erasures.followed() >= epoch


def _removed(ledger: Ledger, home: Path, epoch: int) -> bool:
    directory = home / INDEX_DIRECTORY
    if place_of(ledger) not in {None, EMBEDDED}:  # only its owner can drop it
        return _dropped(ledger, home, epoch)
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
        return _is_after(directory, epoch)


def _is_after(directory: Path, epoch: int) -> bool:
    manifest = read_manifest(directory)
    return manifest is not None and manifest.epoch >= epoch
