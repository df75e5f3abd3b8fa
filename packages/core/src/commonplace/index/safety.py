"""Whether the files of an embedded index may be opened at all, whoever put them there.

Chroma keeps a pickle beside its vectors. Its reader makes plain values of it; this makes sure that
no reader, of whatever version, finds anything else in it.
"""

from __future__ import annotations

import pickletools
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_PLAIN = frozenset(
    {
        *("PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "MEMOIZE", "NONE"),
        *("NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"),
        *("FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE"),
        *("BINUNICODE8", "SHORT_BINUNICODE", "BINBYTES", "BINBYTES8", "SHORT_BINBYTES"),
        *("EMPTY_LIST", "APPEND", "APPENDS", "LIST", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2"),
        *("TUPLE3", "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS", "EMPTY_SET", "ADDITEMS"),
        *("GET", "BINGET", "LONG_BINGET", "PUT", "BINPUT", "LONG_BINPUT", "DUP"),
    }
)
"""The operations of a pickle that make numbers, texts, lists and dicts, and name no code."""


def is_safe(directory: Path) -> bool:
    """Whether an index holds plain files alone, and its pickles plain values alone."""
    if directory.is_symlink() or not directory.is_dir():
        return False
    for found in directory.rglob("*"):
        mode = found.lstat().st_mode
        if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
            return False
        if found.suffix == ".pickle" and not _is_plain(found):
            return False
    return True


def _is_plain(file: Path) -> bool:
    with file.open("rb") as stream:
        try:
            return all(
                operation.name in _PLAIN for operation, _, _ in pickletools.genops(stream)
            ) and not stream.read(1)
        except (ValueError, OverflowError):  # it is cut off, or no pickle
            return False
