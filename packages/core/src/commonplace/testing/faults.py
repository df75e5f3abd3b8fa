"""Faults: damaged files, full disks, rights taken away. For tests, on copies.

Everything that is random comes from a seed, so that a case that fails can be run again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import resource
import shutil
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

_BLOCK = 4096
NOBODY = 65_534
"""The id of the user without rights that `become_nobody` becomes."""


def flip(path: Path, *, places: int, seed: int) -> None:
    """Invert single bits of a file; nothing happens to an empty one.

    Args:
        path: the file.
        places: how many bits.
        seed: which ones.
    """
    chance = random.Random(seed)  # noqa: S311 - a fault must be repeatable, not unpredictable
    data = bytearray(path.read_bytes())
    for _ in range(places if data else 0):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def truncate(path: Path, *, seed: int) -> None:
    """Cut a file off at a random place; at least one byte is lost if there is one."""
    size = path.stat().st_size
    chance = random.Random(seed)  # noqa: S311 - as above
    os.truncate(path, chance.randrange(size) if size else 0)


def zero(path: Path, *, seed: int) -> None:
    """Overwrite a block of 4,096 bytes with zeros, as a lost write of a disk leaves it."""
    data = bytearray(path.read_bytes())
    start = _block(data, random.Random(seed))  # noqa: S311 - as above
    data[start : start + _BLOCK] = bytes(len(data[start : start + _BLOCK]))
    path.write_bytes(data)


def swap(path: Path, *, seed: int) -> None:
    """Exchange two blocks of 4,096 bytes, as misdirected writes do; a small file is reversed."""
    data = bytearray(path.read_bytes())
    chance = random.Random(seed)  # noqa: S311 - as above
    blocks = [bytes(data[at : at + _BLOCK]) for at in range(0, len(data), _BLOCK)]
    if len(blocks) < 3:  # noqa: PLR2004 - the last block may be shorter than the others
        path.write_bytes(data[::-1])
        return
    one, other = chance.sample(range(len(blocks) - 1), 2)
    blocks[one], blocks[other] = blocks[other], blocks[one]
    path.write_bytes(b"".join(blocks))


def empty(path: Path) -> None:
    """Cut a file to nothing."""
    os.truncate(path, 0)


def delete(path: Path) -> None:
    """Remove a file, or a directory with all that is in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


@dataclass(frozen=True, slots=True)
class Damage:
    """One way to damage a file.

    Attributes:
        name: what it is called.
        apply: does it to a file, by a seed.
        random: whether different seeds make a difference.
    """

    name: str
    apply: Callable[[Path, int], None]
    random: bool = True


_ALL = (
    Damage("flip 1", lambda path, seed: flip(path, places=1, seed=seed)),
    Damage("flip 10", lambda path, seed: flip(path, places=10, seed=seed)),
    Damage("flip 100", lambda path, seed: flip(path, places=100, seed=seed)),
    Damage("zero", lambda path, seed: zero(path, seed=seed)),
    Damage("swap", lambda path, seed: swap(path, seed=seed)),
    Damage("truncate", lambda path, seed: truncate(path, seed=seed)),
    Damage("empty", lambda path, _: empty(path), random=False),
    Damage("delete", lambda path, _: delete(path), random=False),
)
DAMAGES: Mapping[str, Damage] = {damage.name: damage for damage in _ALL}
"""Every way to damage a file, by name."""


@contextlib.contextmanager
def file_size_limit(size: int) -> Generator[None]:
    """No file of this process can grow beyond a size: writing more fails, as on a full disk.

    For child processes: it holds for all their threads, and a process that was started meanwhile
    keeps it. Any user may do this. The error is `EFBIG`, where a full disk gives `ENOSPC`; SQLite
    tells of both as of a full disk or a failed write.

    Args:
        size: in bytes.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Set from another thread than the main one, a handler is refused; the signal ends the process.
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@contextlib.contextmanager
def small_disk(path: Path, size: int) -> Generator[Path]:
    """A file system in memory of a few bytes, at an empty directory, until the block ends.

    Args:
        path: the directory.
        size: in bytes.

    Raises:
        PermissionError: this user may not mount; only root may, and not everywhere.
    """
    mount = shutil.which("mount")
    if os.getuid() != 0 or mount is None:
        raise PermissionError(errno.EPERM, "mounting takes root", str(path))
    options = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
    done = subprocess.run([mount, *options], capture_output=True, check=False)  # noqa: S603 - no shell
    if done.returncode:
        raise PermissionError(errno.EPERM, "mounting was refused", str(path))
    try:
        yield path
    finally:
        unmount = shutil.which("umount") or "umount"
        subprocess.run([unmount, "-l", str(path)], check=True)  # noqa: S603 - as above


@contextlib.contextmanager
def fill_disk(directory: Path, *, leave: int = 0) -> Generator[Path]:
    """A file that takes all the space there is on a small disk; removed when the block ends.

    Args:
        directory: on the disk. Meant for `small_disk`: on a real one this fills it.
        leave: how many bytes to leave free.
    """
    ballast = directory / "ballast"
    found = os.statvfs(directory)
    free = max(found.f_bavail * found.f_frsize - leave, 0)
    with ballast.open("wb") as file, contextlib.suppress(OSError):
        file.write(bytes(free))
    try:
        yield ballast
    finally:
        ballast.unlink()


@contextlib.contextmanager
def rights(path: Path, mode: int) -> Generator[None]:
    """A file or directory with other rights, for as long as the block lasts. Root minds none.

    Args:
        path: what.
        mode: the rights, such as 0o400.
    """
    before = path.stat().st_mode & 0o7777
    path.chmod(mode)
    try:
        yield
    finally:
        if path.exists():
            path.chmod(before)


def become_nobody() -> None:
    """Give up the rights of root, for good: rights of files then count. For child processes.

    What needs a right, such as importing, comes before. Does nothing for other users.
    """
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def _block(data: bytearray, chance: random.Random) -> int:
    """Where a random block begins."""
    return chance.randrange(max((len(data) - 1) // _BLOCK + 1, 1)) * _BLOCK
