"""Looks for pieces of what was erased in every byte of every file of a memory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import numpy as np

from commonplace.maintenance.present import files_below
from commonplace.maintenance.receipt import Scan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_LONGEST: Final = 32
_SHORTEST: Final = 8
_TELLING: Final = 4
_MOST_PIECES = 12
_MOST_PATTERNS = 200_000
_CHUNK = 1 << 22
_BATCH = 1 << 20


class Patterns:
    """Pieces of texts and vectors that are to be looked for.

    Texts of fewer than eight bytes are not, nor are runs of one byte: they say too little to be
    told from chance.

    Args:
        enabled: whether there is to be a search at all; else nothing is kept.
    """

    def __init__(self, *, enabled: bool = True) -> None:
        self._pieces: set[bytes] = set()
        self._enabled = enabled

    def __len__(self) -> int:
        return len(self._pieces)

    def see(self, part: str | bytes | None) -> None:
        """Take a text or a vector whose traces are to be found."""
        if part and self._enabled and len(self._pieces) < _MOST_PATTERNS:
            self._pieces.update(_pieces(part.encode() if isinstance(part, str) else part))

    def scan(self, directory: Path | None, survivors: Iterable[str | bytes]) -> Scan | None:
        """Look for them in all files of a directory; None if nothing was to be looked for.

        Args:
            directory: where; None for a memory without files.
            survivors: all that may rightly be there.
        """
        if not self._enabled:
            return None
        files = [] if directory is None else list(_files(directory))
        unread: list[Path] = []
        found = {file: self._in_file(file, unread) for file in files}
        hits = set[bytes]().union(*found.values())
        shared = _Finder(hits).find(_batches(survivors)) if hits else set[bytes]()
        traces = {
            str(file.relative_to(directory or file)): len(pieces - shared)
            for file, pieces in found.items()
            if pieces - shared
        }
        return Scan(
            patterns=len(self._pieces),
            files=len(files),
            size=sum(_size(file) for file in files),
            shared=len(shared),
            traces=traces,
            unread=tuple(str(file.relative_to(directory or file)) for file in unread),
        )

    def _in_file(self, file: Path, unread: list[Path]) -> set[bytes]:
        try:
            return _Finder(self._pieces).find(_chunks(file))
        except FileNotFoundError:  # it was removed meanwhile
            return set()
        except OSError:
            unread.append(file)
            return set()


class _Finder:
    """Finds which of many pieces occur in bytes.

    Every piece is known by its last eight bytes. Tables of two bytes each rule out nearly all
    places before those are compared.

    Args:
        pieces: what to find, of 8 to 32 bytes each.
    """

    def __init__(self, pieces: set[bytes]) -> None:
        self._by_end: dict[bytes, list[bytes]] = {}
        for piece in pieces:
            self._by_end.setdefault(piece[-_SHORTEST:], []).append(piece)
        ends = np.frombuffer(b"".join(self._by_end), dtype="<u8")
        self._ends = np.sort(ends)
        self._tables = [np.zeros(65_536, dtype=bool) for _ in range(_SHORTEST // 2)]
        for number, table in enumerate(self._tables):
            table[(ends >> np.uint64(16 * number)) & np.uint64(0xFFFF)] = True

    def find(self, parts: Iterable[bytes]) -> set[bytes]:
        """Those of the pieces that occur in the parts."""
        found: set[bytes] = set()
        if self._by_end:
            for part in parts:
                found |= self._in(part)
        return found

    def _in(self, part: bytes) -> set[bytes]:
        found: set[bytes] = set()
        left = {end: list(pieces) for end, pieces in self._by_end.items()}
        for start in self._places(part).tolist():
            end = start + _SHORTEST
            known = part[start:end]
            if pieces := left[known]:
                here = [piece for piece in pieces if part.endswith(piece, 0, end)]
                found.update(here)
                left[known] = [piece for piece in pieces if piece not in here]
        return found

    def _places(self, part: bytes) -> NDArray[np.int64]:
        """Where the last eight bytes of a piece stand."""
        if len(part) < _SHORTEST:
            return np.zeros(0, dtype=np.int64)
        octets = np.frombuffer(part, dtype=np.uint8)
        pairs = octets[:-1].astype(np.uint16) | (octets[1:].astype(np.uint16) << 8)
        last = len(part) - _SHORTEST + 1
        places = np.flatnonzero(self._tables[0][pairs[:last]])
        for number, table in enumerate(self._tables[1:], 1):
            places = places[table[pairs[places + 2 * number]]]
        ends = pairs[places[:, None] + np.arange(0, _SHORTEST, 2)].astype("<u2").view("<u8")[:, 0]
        near = np.searchsorted(self._ends, ends)
        return places[self._ends[np.minimum(near, len(self._ends) - 1)] == ends]


def _pieces(part: bytes) -> Iterator[bytes]:
    """The beginning, the end, and some of what is between."""
    if len(part) < _SHORTEST:
        return
    last = max(0, len(part) - _LONGEST)
    step = max(_LONGEST, last // _MOST_PIECES + 1)
    for start in {*range(0, last + 1, step), last}:
        piece = part[start : start + _LONGEST].rstrip(b"\0")
        if len(set(piece[-_SHORTEST:])) >= _TELLING and len(piece) >= _SHORTEST:
            yield piece


def _files(directory: Path) -> Iterator[Path]:
    yield from sorted(file for file, _ in files_below(directory))


def _size(file: Path) -> int:
    try:
        return os.stat(file).st_size  # noqa: PTH116 - a file that is gone has no size
    except OSError:
        return 0


def _chunks(file: Path) -> Iterator[bytes]:
    """The bytes of a file, with what is before each stretch, so that no piece is cut."""
    before = b""
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield before + chunk
            before = chunk[1 - _LONGEST :]


def _batches(parts: Iterable[str | bytes]) -> Iterator[bytes]:
    """Texts and vectors as bytes, many together, none of which runs into the next."""
    held: list[bytes] = []
    size = 0
    for part in parts:
        if isinstance(part, str):  # the full-text index has its words in small letters
            held += [part.encode(), part.lower().encode()]
            size += 2 * len(part)
        else:
            held.append(part)
            size += len(part)
        if size > _BATCH:
            yield b"\xff".join(held)
            held, size = [], 0
    yield b"\xff".join(held)
