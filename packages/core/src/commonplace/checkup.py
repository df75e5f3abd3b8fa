"""`doctor`: what is wrong with a memory and everything around it, also one that does not open."""

from __future__ import annotations

import os
import shutil
import stat
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from commonplace.arguments import checked_flag
from commonplace.diagnosis import Diagnosis, Finding
from commonplace.encryption import Encryption
from commonplace.errors import (
    CommonplaceError,
    DataDamagedError,
    FormatError,
    InvalidInputError,
    ModelMismatchError,
    NotFoundError,
)
from commonplace.index import EMBEDDED, chroma_versions, place_of
from commonplace.index.pgvector import PGVECTOR
from commonplace.ledger import LEDGER_FILE, Ledger, beside, give_up_log, in_use, is_url, log_state
from commonplace.maintenance.present import below
from commonplace.masking import masked
from commonplace.memory import Memory
from commonplace.moving.files import checked_path, translated_errors
from commonplace.moving.salvaging import salvage

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from pathlib import Path

    from commonplace.index import ChromaCloud, ChromaServer

_IN_MEMORY = ":memory:"
_OURS_ALONE = 0o077
_LARGE_LOG = 64 * 1024 * 1024
_LITTLE_SPACE = 100 * 1024 * 1024
_OLD_SECONDS = 3600
_MOUNTS = "/proc/self/mountinfo"
_REMOTE = {"9p", "afs", "ceph", "cifs", "glusterfs", "lustre", "nfs", "nfs4", "smb3", "smbfs"}


def doctor(
    path: str | Path,
    *,
    fix: bool = False,
    embedder: Any = None,
    index: str | ChromaServer | ChromaCloud = "auto",
    encryption: Encryption | None = None,
) -> Diagnosis:
    """Examine a memory: its files, the disk they are on, its ledger and its index.

    Nothing is changed without `fix`, but what every opening of a memory does: an index that is not
    trusted is built again. A memory that does not open is examined as far as possible.

    Args:
        path: the memory's directory; or its URL, whose files and disk are left to the server.
        fix: whether to mend what can be mended without losing anything that can still be read:
            take rights away from others, remove leftovers, rebuild what is derived, sweep expired
            records, and, where committed changes are gone from the write-ahead log, go on
            without them; the log is kept beside. What can be read of a ledger that is damaged
            itself is put into a new memory beside, which a finding names; this one stays.
        embedder: the one the memory is used with, as for `Memory`; the built-in one if left out.
        index: as for `Memory`: an index on a server is examined if the server is named.
        encryption: the keys of an encrypted memory, as for `Memory`. What is encrypted with keys
            that are not among them is not looked at, and a finding says so. Nothing is encrypted
            that is not encrypted already.

    Raises:
        NotFoundError: there is no such directory.
        InvalidInputError: the path or another argument is none.
    """
    checked_flag(fix, "fix")
    if path == _IN_MEMORY:
        raise InvalidInputError("a memory in memory has no files; call verify")
    keys = Encryption(keys={}) if encryption is None else _reading(encryption)
    options: dict[str, Any] = {"embedder": embedder, "index": index, "keys": keys, "fix": fix}
    if isinstance(path, str) and is_url(path):
        findings = tuple(_Patient(path, **options).examined())
        return Diagnosis(path=masked(path), findings=findings)
    directory = checked_path(path)
    with translated_errors(directory):
        if not directory.is_dir():
            raise NotFoundError(f"there is no memory at {directory}; {_nearby(directory)}")
        patient = _InFiles(directory, **options)
        return Diagnosis(path=str(directory), findings=tuple(patient.examined()))


class _Patient:
    """A memory, examined step by step; a step that finds the worst ends it.

    One on a server is examined from within alone: its files are the server's.
    """

    _kind = "the schema"

    def __init__(
        self,
        place: Path | str,
        *,
        embedder: Any,
        index: str | ChromaServer | ChromaCloud,
        keys: Encryption,
        fix: bool,
    ) -> None:
        self._place = place
        self._choice = index
        self._embedder = embedder
        self._keys = keys
        self._fix = fix

    def examined(self) -> Generator[Finding]:
        yield from self._inside()

    def _mended(
        self, about: str, text: str, remedy: str, mend: Callable[[], object], **more: Any
    ) -> Finding:
        """A finding that can be fixed, fixed if asked."""
        fixed = False
        if self._fix:
            try:
                mend()
                fixed = True
            except (OSError, CommonplaceError) as error:
                reason = type(error).__name__
                return Finding(about=about, text=text, remedy=f"{remedy}; it failed: {reason}")
        return Finding(about=about, text=text, remedy=remedy, fixable=True, fixed=fixed, **more)

    def _inside(self) -> Iterator[Finding]:
        try:
            with Memory(
                self._place, index=self._choice, create=False, encryption=self._keys
            ) as memory:
                yield from self._opened(memory)
        except NotFoundError:
            yield Finding(
                about="ledger",
                text=f"{self._kind} holds no memory",
                remedy=self._nearby(),
            )
        except DataDamagedError as error:
            yield self._damaged(str(error))
        except FormatError as error:
            yield Finding(about="ledger", text=str(error), remedy="see there")
        except CommonplaceError as error:
            yield Finding(about="ledger", text=str(error), remedy=self._after(error))

    def _after(self, error: CommonplaceError) -> str:
        """What to do where it does not open."""
        if isinstance(error.__cause__, ImportError):
            return "install the driver as it says there; then look again"
        return "see there; then look again"

    def _opened(self, memory: Memory) -> Iterator[Finding]:
        report = memory.verify()
        broken = [text for text in report.problems if text.startswith("ledger file")]
        if broken:  # nothing is written to it, and little can be read
            yield self._damaged("; ".join(broken))
            return
        mended = memory.repair() if self._fix and not report.ok else report
        for text in report.problems:
            about = "index" if text.startswith("index") else "ledger"
            derived = " not as they were" not in text
            yield Finding(
                about=about,
                text=text,
                remedy=_remedy(text) if derived else _DAMAGED,
                fixable=derived,
                fixed=text not in mended.problems,
            )
        yield from self._sealed(memory)
        yield from self._index()
        yield from self._model()
        figures = memory.stats()
        for space in figures.spaces:
            if space.partial:
                yield Finding(
                    about="reindex",
                    text=f"a change to the embedder {space.identity!r} was not finished",
                    remedy="call reindex again: with it to go on, with another to drop what it did",
                    problem=False,
                )
        if figures.expired:
            yield self._mended(
                "expired",
                f"{figures.expired} expired records were not swept",
                "sweep them",
                memory.sweep,
                problem=False,
            )

    def _damaged(self, text: str) -> Finding:
        """A ledger that cannot be read."""
        return Finding(
            about="ledger", text=text, remedy="restore a backup that the server's tools made"
        )

    def _nearby(self) -> str:
        """What to do where there is no memory."""
        return "check the URL"

    def _sealed(self, memory: Memory) -> Iterator[Finding]:
        ledger = memory._store.ledger  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of one house
        missing = [name for name in ledger.key_names() if name not in self._keys.keys]
        if missing:
            yield Finding(
                about="encryption",
                text=f"what is encrypted with {', '.join(map(repr, missing))} was not looked at",
                remedy="give the keys: `commonplace --keys FILE doctor`, or doctor(encryption=...)",
                problem=False,
            )

    def _index(self) -> Iterator[Finding]:
        ledger = Ledger.open(self._place, create=False)
        place = place_of(ledger)
        ledger.close()
        if place not in {None, EMBEDDED} and self._choice == "auto":
            yield Finding(
                about="index",
                text=f"the index is {_called(place)}, and was not examined",
                remedy="name it with index=, or with --index or COMMONPLACE_INDEX",
                problem=False,
            )

    def _model(self) -> Iterator[Finding]:
        from commonplace.embedders.static import StaticEmbedder  # noqa: PLC0415 - costs time

        chosen = StaticEmbedder() if self._embedder is None else self._embedder
        try:
            Memory(
                self._place,
                embedder=chosen,
                index="exact",
                create=False,
                encryption=self._keys,
            ).close()
        except ModelMismatchError as error:
            yield Finding(
                about="embedder",
                text=str(error),
                remedy="open it with the embedder that made its vectors, or reindex",
                problem=self._embedder is not None,
            )


class _InFiles(_Patient):
    """One in a directory, which is examined from the outside first."""

    _kind = "the directory"

    def __init__(self, directory: Path, **options: Any) -> None:
        super().__init__(directory, **options)
        self._directory = directory
        self._ledger = directory / LEDGER_FILE

    def examined(self) -> Generator[Finding]:
        yield from self._rights()
        yield from self._disk()
        yield from self._leftovers()
        yield from self._log()
        yield from self._inside()

    def _rights(self) -> Iterator[Finding]:
        own = (self._directory, self._directory.lstat())
        for path, found in [own, *sorted(below(self._directory))]:
            if stat.S_ISLNK(found.st_mode):
                yield Finding(
                    about="rights",
                    text=f"{path} is a symbolic link",
                    remedy="put the file itself there",
                )
                continue
            mode = stat.S_IMODE(found.st_mode)
            if mode & _OURS_ALONE:
                wanted = mode & ~_OURS_ALONE
                yield self._mended(
                    "rights",
                    f"{path} can be used by others ({mode:03o})",
                    f"change it to {wanted:03o}",
                    lambda path=path, wanted=wanted: path.chmod(wanted),
                )

    def _disk(self) -> Iterator[Finding]:
        kind = _file_system(self._directory)
        if kind in _REMOTE or kind.startswith("fuse.sshfs"):
            yield Finding(
                about="file system",
                text=f"the directory is on a network file system ({kind})",
                remedy="move it to a local disk: locks do not hold there",
            )
        free = shutil.disk_usage(self._directory).free
        needed = max(self._ledger.stat().st_size if self._ledger.exists() else 0, _LITTLE_SPACE)
        if free < needed:
            yield Finding(
                about="space",
                text=f"only {free:,} bytes are free on the disk",
                remedy=f"free some: looking after the memory can take {needed:,}",
            )

    def _leftovers(self) -> Iterator[Finding]:
        name = self._directory.name
        found = [
            *self._directory.glob(".*.tmp"),
            *self._directory.glob("index/manifest.json.new"),
            *self._directory.parent.glob(f".{name}.*.tmp"),
        ]
        for path in found:
            if time.time() - path.stat().st_mtime > _OLD_SECONDS:
                yield self._mended(
                    "leftovers",
                    f"{path} was left by something that did not end well",
                    "remove it",
                    lambda path=path: _remove(path),
                )
        for path in sorted(self._directory.parent.glob(f"{name}.before-*")):
            yield Finding(
                about="leftovers",
                text=f"{path} is the memory that was here before a backup was restored",
                remedy="remove it when you are sure that you do not need it",
                problem=False,
            )

    def _log(self) -> Iterator[Finding]:
        if not self._ledger.exists() or in_use(self._ledger):
            return
        state = log_state(self._ledger)
        if state is not None and state.lost:
            yield self._mended(
                "log",
                f"{state.lost} of {state.committed} committed pages are gone from the write-ahead "
                "log: the newest changes are lost",
                "restore a backup if it is newer; else go on without them, keeping the log beside",
                lambda: give_up_log(self._ledger),
            )
        log = beside(self._ledger, "-wal")
        if log.exists() and log.stat().st_size > _LARGE_LOG:
            yield Finding(
                about="log",
                text=f"the write-ahead log has {log.stat().st_size:,} bytes",
                remedy="it is emptied when the memory is next closed everywhere",
                problem=False,
            )

    def _damaged(self, text: str) -> Finding:
        """A ledger that SQLite cannot read: a backup mends it, or else what can be read of it."""
        kept = sorted(
            self._directory.parent.glob("*.backup"), key=lambda file: file.stat().st_mtime
        )
        backup = f"restore the newest backup: `commonplace restore-backup {_named(kept)} --replace`"
        if not self._ledger.exists() or not self._ledger.stat().st_size:
            return Finding(about="ledger", text=text, remedy=backup)
        if not self._fix:
            beside = "without one, put what can be read into a new memory beside this one"
            return Finding(about="ledger", text=text, remedy=f"{backup}; {beside}", fixable=True)
        try:
            said = f"{salvage(self._directory)}; this one is as it was"
        except (OSError, CommonplaceError) as error:
            said = f"nothing could be taken out of it ({type(error).__name__})"
        return Finding(about="ledger", text=text, remedy=f"{backup}; {said}")

    def _nearby(self) -> str:
        return _nearby(self._directory)

    def _index(self) -> Iterator[Finding]:
        yield from super()._index()
        wrote, reads = chroma_versions(self._directory)
        if wrote is not None and wrote != reads:
            yield Finding(
                about="index",
                text=f"Chroma {wrote} wrote the index, {reads} is installed",
                remedy="nothing: it is built again when it is next used",
                problem=False,
            )


_DAMAGED = (
    "restore the newest backup: `commonplace restore-backup FILE --replace`; or, if only records "
    "are named, restore a former state of each, or delete it"
)


def _called(place: str | None) -> str:
    """What to call the place of an index that is not embedded."""
    return "kept by pgvector" if place == PGVECTOR else f"on the Chroma server {place}"


def _remedy(text: str) -> str:
    if text.startswith("erasure "):
        return "finish it, as compact does"
    if text.startswith(("index: the Chroma server", "index: the PostgreSQL server")):
        return "see there; it is caught up with, or built again, by itself"
    return "rebuild it from the records"


def _reading(given: Any) -> Encryption:
    """The keys, for what is encrypted already."""
    if not isinstance(given, Encryption):
        raise InvalidInputError("encryption is an Encryption, or None")
    return replace(given, active=None, scopes=())


def _named(backups: Sequence[Path]) -> str:
    return str(backups[-1]) if backups else "FILE"


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _nearby(directory: Path) -> str:
    """What to do where there is no memory."""
    kept = sorted(directory.parent.glob(f"{directory.name}.before-*"))
    if kept:
        return f"a restore may not have ended: the memory of before is {kept[-1]}; rename it back"
    return "check the path"


def _file_system(directory: Path) -> str:
    """The kind of file system that a directory is on; empty if it cannot be told."""
    try:
        with open(_MOUNTS, encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123 - no path of ours
            lines = [line.split() for line in file]
    except OSError:
        return ""
    place = os.path.realpath(directory)
    found = ("", "")
    for parts in lines:
        where = parts[4].encode().decode("unicode_escape")
        inside = place == where or place.startswith(where.rstrip("/") + "/")
        if inside and len(where) >= len(found[0]):
            found = (where, parts[parts.index("-") + 1])
    return found[1]
