"""Files that are whole or absent, and files that are read twice. Plain or gzip."""

from __future__ import annotations

import contextlib
import errno
import gzip
import os
import re
import secrets
import stat
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from commonplace.errors import (
    FileDamagedError,
    InvalidInputError,
    LimitExceededError,
    NotFoundError,
    PermissionDeniedError,
    StorageFullError,
    StoreUnavailableError,
)
from commonplace.jsonvalue import checked_text
from commonplace.limits import MAX_LINE_BYTES

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from io import BufferedReader

_GZIP = b"\x1f\x8b"
_LEVEL = 3  # vectors hardly compress: a higher level costs much and gains next to nothing
_BUFFER = 1 << 20
_CHUNK = 1 << 17
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # pathlib makes one / of two
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def checked_path(given: object) -> Path:
    """The path of a file.

    Raises:
        InvalidInputError: it is none.
    """
    if not isinstance(given, str | Path) or not str(given):
        raise InvalidInputError("a path is text or a Path, and not empty")
    text = checked_text(str(given), "path")
    if "\0" in text:
        raise InvalidInputError("a path may not hold a NUL character")
    return expanded(Path(text)).absolute()


def expanded(path: Path) -> Path:
    """The path, with the home directory in place of a `~` that it begins with.

    Raises:
        InvalidInputError: it is a URL, or begins with `~` and a name, and nobody has that name.
    """
    if scheme := _SCHEME.match(str(path)):  # what follows may hold a password
        raise InvalidInputError(
            f"a path is wanted here, and {scheme[0]}... is a URL; a memory itself may be at one, "
            "given as text: postgresql://user@host/database"
        )
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise InvalidInputError(
            "a path begins with ~ and a name, and there is no home directory of that name; write "
            "the path out"
        ) from error


@contextlib.contextmanager
def written_whole(path: Path) -> Generator[IO[bytes]]:
    """A file to write, which gets its name when the block ends well and else leaves no trace.

    It is for its owner alone, is compressed if its name ends in `.gz`, and takes the place of a
    file of that name.

    Raises:
        InvalidInputError: something else than a file has that name.
        NotFoundError: its directory is not there.
        StorageFullError: the disk is full.
    """
    with (
        drafted(path) as draft,
        draft.open("wb", buffering=_BUFFER) as raw,
        _compressed(raw, path) as file,
    ):
        yield file


@contextlib.contextmanager
def drafted(path: Path) -> Generator[Path]:
    """As `written_whole`, for what writes to a path: an empty file beside the one that is meant."""
    with translated_errors(path):
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            raise InvalidInputError(f"{path} is not a plain file; name another one")
        path = path.resolve()
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        try:
            yield temporary
            sync(temporary)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync(path.parent)


class Source:
    """A file that is open for reading, from its beginning as often as it takes.

    Args:
        raw: the open file; a pipe can be read once.
        path: what to call it.
    """

    def __init__(self, raw: BufferedReader, path: Path) -> None:
        self._raw = raw
        self.path = path
        self.size = os.fstat(raw.fileno()).st_size

    @property
    def position(self) -> int:
        """How many bytes of the file have been read since its beginning."""
        return self._raw.tell() if self._raw.seekable() else 0

    def state(self) -> tuple[int, int]:
        """What changes when somebody writes to the file."""
        found = os.fstat(self._raw.fileno())
        return found.st_size, found.st_mtime_ns

    def lines(self) -> Iterator[bytes]:
        """Its lines from the first on, each with its line feed if it has one.

        Raises:
            FileDamagedError: it is compressed, and damaged or cut off.
            LimitExceededError: a line is longer than any that is written.
        """
        with self._unpacked() as file:
            while line := file.readline(MAX_LINE_BYTES + 1):
                if len(line) > MAX_LINE_BYTES:
                    raise LimitExceededError(
                        f"{self.path}: a line has at most {MAX_LINE_BYTES:,} bytes; is it a file "
                        "of lines?"
                    )
                yield line

    def chunks(self) -> Iterator[bytes]:
        """What is in it from the beginning on, about a hundred thousand bytes at a time.

        Raises:
            FileDamagedError: it is compressed, and damaged or cut off.
        """
        with self._unpacked() as file:
            while chunk := file.read(_CHUNK):
                yield chunk

    @contextlib.contextmanager
    def _unpacked(self) -> Generator[IO[bytes]]:
        with translated_errors(self.path):
            if self._raw.seekable():
                self._raw.seek(0)
            packed = self._raw.peek(len(_GZIP)).startswith(_GZIP)
            try:
                file = gzip.GzipFile(fileobj=self._raw, mode="rb") if packed else self._raw
                yield cast("IO[bytes]", file)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise FileDamagedError(
                    f"{self.path} is damaged or was cut off; export or copy it again"
                ) from error


@contextlib.contextmanager
def opened(path: Path, *, twice: bool = False) -> Generator[Source]:
    """A file to read.

    Args:
        path: the file.
        twice: whether it must be read twice, which a pipe cannot be.

    Raises:
        NotFoundError: there is none.
        InvalidInputError: it is a directory, or it is to be read twice and cannot be.
        PermissionDeniedError: it may not be read.
    """
    with translated_errors(path):
        if path.is_dir() or (twice and path.exists() and not path.is_file()):
            raise InvalidInputError(f"{path} is not a plain file; save it as one first")
        with path.open("rb", buffering=_BUFFER) as raw:
            yield Source(cast("BufferedReader", raw), path)


@contextlib.contextmanager
def _compressed(raw: IO[bytes], path: Path) -> Generator[IO[bytes]]:
    if path.suffix != ".gz":
        yield raw
        return
    # Without a name and a time, so that equal content makes equal files.
    with gzip.GzipFile(
        filename="", mode="wb", compresslevel=_LEVEL, fileobj=raw, mtime=0
    ) as packed:
        yield cast("IO[bytes]", packed)


@contextlib.contextmanager
def translated_errors(path: Path) -> Generator[None]:
    """Errors of the system, as ours, for as long as the block lasts."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFoundError(f"{path}: no such file or directory; check the path") from error
    except NotADirectoryError as error:
        raise NotFoundError(f"{path}: a part of the path is no directory") from error
    except PermissionError as error:
        raise PermissionDeniedError(f"{path}: access was refused; check rights") from error
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFullError(f"{path}: the disk is full; free space and try again") from error
        raise StoreUnavailableError(f"{path}: {os.strerror(error.errno or 0)}") from error


def sync(path: Path) -> None:
    """Wait until a file, or what a directory lists, is on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
