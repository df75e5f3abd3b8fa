"""The files there are just now, beside processes that make and remove some."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def below(directory: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """All that is below a directory, and what `lstat` says of it; links are not followed.

    An index process writes journals and removes them, or the index as a whole, at any moment. What
    is gone by the time that it is looked at is passed over, where `Path.rglob` raises.
    """
    for place, folders, files in os.walk(directory):
        for path in (Path(place, name) for name in (*folders, *files)):
            try:
                found = path.lstat()
            except (FileNotFoundError, NotADirectoryError):
                continue
            yield path, found


def files_below(directory: Path) -> Iterator[tuple[Path, int]]:
    """The files below a directory, and their sizes in bytes; links are neither given nor followed.

    As `below`: what others remove meanwhile is passed over.
    """
    for path, found in below(directory):
        if stat.S_ISREG(found.st_mode):
            yield path, found.st_size
