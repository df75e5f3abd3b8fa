"""`files_below`: the files there are just now, beside processes that make and remove some."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def files_below(directory: Path) -> Iterator[tuple[Path, int]]:
    """The files below a directory, and their sizes in bytes; links are neither given nor followed.

    An index process writes journals and removes them, or the index as a whole, at any moment. What
    is gone by the time that it is looked at is passed over, where `Path.rglob` raises.
    """
    for place, _, names in os.walk(directory):
        for file in (Path(place, name) for name in names):
            try:
                found = file.lstat()
            except (FileNotFoundError, NotADirectoryError):
                continue
            if stat.S_ISREG(found.st_mode):
                yield file, found.st_size
