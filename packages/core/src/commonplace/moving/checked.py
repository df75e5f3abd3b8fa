"""`Export`: an export that is read, all of it once to see that it is whole, and then to be used."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING

from commonplace.errors import FileDamagedError, InvalidInputError
from commonplace.ledger import UNIQUE
from commonplace.moving.lines import check_vectors, row_of_line
from commonplace.moving.manifest import DIGEST_BYTES, PLURAL, Manifest, json_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from commonplace.ledger import Whole
    from commonplace.moving.files import Source

_ROWS_AT_ONCE = 1_000
_BYTES_AT_ONCE = 8 << 20
_END = b'{"end":'


class Export:
    """The rows of an export.

    Args:
        source: the open file.

    Raises:
        FormatError: it is not an export, or one of a newer version.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._state = source.state()
        self.manifest = Manifest.from_line(next(source.lines(), b""), source.path)
        self._dimensions = {name: one.dimension for name, one in self.manifest.spaces.items()}

    def checked(self) -> Iterator[list[Whole]]:
        """The rows, some at a time; once they are through, the file is known to be whole.

        Raises:
            FileDamagedError: a line is malformed, or the file was cut off or altered.
        """
        check = _Check(self.manifest)
        for batch in self._batches(check):
            try:
                check_vectors(batch)
            except InvalidInputError as error:
                raise self._damaged(str(error)) from None
            if reason := check.count(batch):
                raise self._damaged(reason)
            yield batch
        if reason := check.fault():
            raise self._damaged(reason)

    def rows(self) -> Iterator[list[Whole]]:
        """The rows of a file that was checked, some at a time.

        Raises:
            FileDamagedError: it is not the file that was checked any more.
        """
        for batch in self._batches(None):
            if self._source.state() != self._state:
                raise self._damaged("it was changed while it was read")
            yield batch

    def _batches(self, check: _Check | None) -> Iterator[list[Whole]]:
        batch: list[Whole] = []
        size = 0
        for number, line in enumerate(self._source.lines(), 1):
            if check is not None:
                check.take(line)
            if number == 1 or line.startswith(_END):
                continue
            batch.append(self._row(line, number, check=check is not None))
            size += len(line)
            if len(batch) == _ROWS_AT_ONCE or size > _BYTES_AT_ONCE:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _row(self, line: bytes, number: int, *, check: bool) -> Whole:
        try:
            return row_of_line(line, self._dimensions, check=check)
        except ValueError as error:
            raise self._damaged(f"line {number}: {error}") from None

    def _damaged(self, reason: str) -> FileDamagedError:
        return FileDamagedError(f"{self._source.path}: {reason}; export or copy it again")


class _Check:
    """What the lines of a file add up to, against what its first and last line say."""

    def __init__(self, manifest: Manifest) -> None:
        self._promised = {PLURAL[kind]: count for kind, count in manifest.counts.items()}
        self._digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
        self._tally: Counter[str] = Counter()
        self._last = b""
        self._after = False
        self._record: Whole | None = None

    def take(self, line: bytes) -> None:
        self._after = bool(self._last)
        if line.startswith(_END):
            self._last = line
        else:
            self._digest.update(line)

    def count(self, batch: Sequence[Whole]) -> str | None:
        """Add rows up; what is wrong with them together, or None."""
        for whole in batch:
            self._tally[PLURAL[whole.kind]] += 1
            for some in whole.vectors.values():
                self._tally["vectors"] += len(some)
            if whole.kind == "record":
                self._record = whole
            elif whole.kind == "version" and not _precedes(whole, self._record):
                return "a former state is as new as its record"
        twice = _repeated(batch)
        return f"it has a {twice} twice" if twice else None

    def fault(self) -> str | None:
        """What is wrong with the file as a whole, or None."""
        if not self._last.endswith(b"\n"):
            return "it ends before its last line does"
        if self._after:
            return "something follows its last line"
        said = json_object(self._last)
        counts = {**self._promised, "vectors": self._tally["vectors"]}
        if counts != {name: self._tally[name] for name in counts} or said.get("end") != counts:
            return "it has not as many lines as it says"
        if said.get("blake2b") != self._digest.hexdigest():
            return "its content does not match its hash"
        return None


def _precedes(version: Whole, record: Whole | None) -> bool:
    """Whether a former state is older than the record before it, if it is one of that."""
    if record is None or record.values["id"] != version.values["id"]:
        return True
    return version.values["version"] < record.values["version"]


def _repeated(batch: Sequence[Whole]) -> str | None:
    """The kind of a row that is there twice, or has what only one may have."""
    seen: set[tuple[object, ...]] = set()
    for whole in batch:
        values = whole.values
        for names in UNIQUE[whole.kind]:
            if names[-1] not in values:
                continue
            mark = (whole.kind, names[0], *[values[name] for name in names])
            if mark in seen:
                return whole.kind
            seen.add(mark)
    return None
