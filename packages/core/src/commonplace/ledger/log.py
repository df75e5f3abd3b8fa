"""Whether a ledger that was left open still has its whole write-ahead log.

SQLite takes a log that is cut or damaged for one that ends there: what was committed after is lost
without a word. But the log's index, the `-shm` file, outlives a killed process, and says how much
was committed. So the log is held against it before SQLite opens it, when nobody else has it open.

The files are described at https://sqlite.org/walformat.html.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import struct
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from commonplace.errors import DataDamagedError, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from numpy.typing import NDArray

_LOG = logging.getLogger("commonplace")
_IN_USE_BYTE = 128  # who has the database open holds a shared lock on this byte of the index
_HEADER = struct.Struct("=3I2BH2I2I8s2I")
_HEADER_BYTES = 48
_BACKFILLED_AT = 96
_LOG_HEADER_BYTES = 32
_FRAME_HEADER_BYTES = 24
_FRAMES_AT_ONCE = 512
_MAGIC = 0x377F0682
_WORDS = 2**32

_turn = threading.Lock()
_open: Counter[tuple[int, int]] = Counter()


class Claim:
    """That this process has a ledger open. Made before it is opened; the first looks at its log.

    While this process has the files open through SQLite, it must not open them otherwise: closing
    them would drop SQLite's locks.

    Raises:
        DataDamagedError: committed changes are missing from its log.
    """

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        found = path.stat()
        self._file = (found.st_dev, found.st_ino)
        self._held = True
        with _turn:
            if not _open[self._file]:
                _check(path)
            _open[self._file] += 1

    def check(self) -> None:
        """Look whether the file still has its name: SQLite writes to one that nobody can find.

        Raises:
            StoreUnavailableError: it has not.
        """
        try:
            found = os.stat(self._path)  # noqa: PTH116 - before every write, and `Path.stat` is slower
            if (found.st_dev, found.st_ino) == self._file:
                return
        except OSError:
            pass
        raise StoreUnavailableError(
            f"{self._path} was removed or replaced while it was open; open the memory again"
        )

    def release(self) -> None:
        """It is closed. Idempotent."""
        with _turn:
            if self._held:
                self._held = False
                _open[self._file] -= 1


class LogState(NamedTuple):
    """A log, held against its index.

    Attributes:
        committed: how many frames were committed.
        whole: how many of them are there and as they were written.
        in_ledger: how many of them the ledger's own file has already.
    """

    committed: int
    whole: int
    in_ledger: int

    @property
    def lost(self) -> int:
        """How many frames are in neither of the files."""
        return max(self.committed - max(self.whole, self.in_ledger), 0)


def in_use(path: Path) -> bool:
    """Whether this or another process has the ledger open."""
    with contextlib.suppress(FileNotFoundError):
        found = path.stat()
        with _turn:
            if _open[found.st_dev, found.st_ino]:
                return True
            with _alone(path) as alone:
                return not alone
    return False


def log_state(path: Path) -> LogState | None:
    """The log of a ledger that nobody has open; None if nothing can be told of it."""
    with _turn, _alone(path) as alone:
        return _state(path) if alone else None


def give_up_log(path: Path) -> None:
    """Go on without what is gone from the log of a ledger that nobody has open.

    The log is kept beside under another name. As much of it as is whole stays in use.
    """
    with _turn, _alone(path) as alone:
        state = _state(path) if alone else None
        if state is None or not state.lost:
            return
        log, kept = beside(path, "-wal"), beside(path, "-wal.damaged")
        if log.exists() and state.whole > state.in_ledger:
            shutil.copy2(log, kept)
        elif log.exists():
            log.replace(kept)
        beside(path, "-shm").unlink(missing_ok=True)


def beside(path: Path, suffix: str) -> Path:
    """The file that SQLite keeps beside a database: `-wal` or `-shm`."""
    return path.with_name(path.name + suffix)


def _check(path: Path) -> None:
    with _alone(path) as alone:
        state = _state(path) if alone else None
        if state is None or state.whole >= state.committed:
            return
        if not state.lost:
            beside(path, "-wal").unlink(missing_ok=True)  # else old pages would cover newer ones
            return
    if _restarted_since(beside(path, "-shm")):
        _LOG.warning("%s: the last changes before the machine stopped are lost", path)
        return
    raise DataDamagedError(
        f"{beside(path, '-wal')}: {state.lost} of {state.committed} committed pages of the "
        "write-ahead log are damaged or missing; restore a backup, or go on without the newest "
        "changes: `commonplace doctor --fix`"
    )


@contextlib.contextmanager
def _alone(path: Path) -> Generator[bool]:
    """Whether nobody has the database open; nobody can open it while the block lasts."""
    try:
        handle = os.open(beside(path, "-shm"), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        yield True
        return
    try:
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _IN_USE_BYTE)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


def _state(path: Path) -> LogState | None:
    try:
        index = beside(path, "-shm").read_bytes()[: _BACKFILLED_AT + 4]
    except OSError:
        return None
    if (
        len(index) < _BACKFILLED_AT + 4
        or index[:_HEADER_BYTES] != index[_HEADER_BYTES:_BACKFILLED_AT]
    ):
        return None
    fields = _HEADER.unpack(index[:_HEADER_BYTES])
    words = np.frombuffer(index[: _HEADER_BYTES - 8], "=u4")[None]
    if not fields[3] or tuple(_checksums(words, np.zeros((1, 2), np.uint32))[0]) != fields[-2:]:
        return None
    committed, salt = fields[6], fields[10]
    (in_ledger,) = struct.unpack("=I", index[_BACKFILLED_AT:])
    whole = _whole(beside(path, "-wal"), committed, salt) if committed else 0
    return LogState(committed, whole, min(in_ledger, committed))


def _whole(log: Path, committed: int, salt: bytes) -> int:
    """How many frames are as they were written, of so many with this salt."""
    try:
        file = log.open("rb")
    except OSError:
        return 0
    with file:
        header = file.read(_LOG_HEADER_BYTES)
        if len(header) < _LOG_HEADER_BYTES or header[16:24] != salt:
            return 0
        magic, _, page = struct.unpack(">3I", header[:12])
        order = ">u4" if magic & 1 else "<u4"
        stored = np.frombuffer(header[24:], ">u4")[None].astype(np.uint32)
        words = np.frombuffer(header[:24], order)[None]
        if magic & ~1 != _MAGIC or (_checksums(words, stored * 0) != stored).any():
            return 0
        done = 0
        while done < committed:
            count = min(_FRAMES_AT_ONCE, committed - done)
            data = file.read(count * (_FRAME_HEADER_BYTES + page))
            good, stored = _good(data, page, order, salt, stored)
            done += good
            if good < count:
                break
        return done


def _good(
    data: bytes, page: int, order: str, salt: bytes, before: NDArray[np.uint32]
) -> tuple[int, NDArray[np.uint32]]:
    """How many frames from the first on are right, and the checksum of the last one."""
    size = _FRAME_HEADER_BYTES + page
    frames = np.frombuffer(data, np.uint8)[: len(data) // size * size].reshape(-1, size)
    if not len(frames):
        return 0, before
    stored = np.ascontiguousarray(frames[:, 16:24]).view(">u4").astype(np.uint32)
    summed = np.concatenate([frames[:, :8], frames[:, _FRAME_HEADER_BYTES:]], axis=1)
    previous = np.concatenate([before, stored[:-1]])
    right = (_checksums(summed.view(order), previous) == stored).all(axis=1)
    right &= (frames[:, 8:16] == np.frombuffer(salt, np.uint8)).all(axis=1)
    good = len(right) if right.all() else int(np.argmin(right))
    return good, stored[-1:]


def _checksums(words: NDArray[np.uint32], start: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """SQLite's checksum of each row of words, begun with each row of two.

    Two words at a time, it is `a += x + b; b += y + a`. That is linear: the sum over all words of
    each times a power of one matrix, modulo 2**32, as 32-bit integers are.
    """
    first, second = words[:, 0::2].astype(np.uint32), words[:, 1::2].astype(np.uint32)
    steps = first.shape[1]
    powers = _powers(steps)
    given = np.stack([first, first + second])
    last = powers[steps - 1 :: -1] if steps else powers[:0]
    found = [
        (last[:, row, 0] * given[0]).sum(axis=1, dtype=np.uint32)
        + (last[:, row, 1] * given[1]).sum(axis=1, dtype=np.uint32)
        + powers[steps, row, 0] * start[:, 0]
        + powers[steps, row, 1] * start[:, 1]
        for row in (0, 1)
    ]
    return np.stack(found, axis=1)


def _powers(most: int) -> NDArray[np.uint32]:
    """The powers of `[[1, 1], [1, 2]]` from the zeroth on."""
    rows = [(1, 0, 0, 1)]
    for _ in range(most):
        a, b, c, d = rows[-1]
        rows.append(
            ((a + c) % _WORDS, (b + d) % _WORDS, (a + 2 * c) % _WORDS, (b + 2 * d) % _WORDS)
        )
    return np.array(rows, np.uint32).reshape(-1, 2, 2)


def _restarted_since(file: Path) -> bool:
    """Whether the machine was started after a file was last written to; True if unknown."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return True
    try:
        written = file.stat().st_mtime
    except OSError:
        return True
    return written < time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
