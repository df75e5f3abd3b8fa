"""`Receipt`: what an erasure removed, what was looked for afterwards, and what is out of reach."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from commonplace.errors import InvalidInputError
from commonplace.ledger import Scale

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Step = Literal["text", "ledger", "log", "index"]
STEPS: tuple[Step, ...] = ("text", "ledger", "log", "index")
"""What is done on the files after the rows are gone, in this order."""

BEYOND_REACH = (
    "exports, backups, audit files and other copies of the memory",
    "memories that it was merged into, synchronised to, or shared with",
    "what the file system, a snapshot or the disk itself keeps of overwritten blocks",
    "the working memory and swap space of processes that had read it",
)

BEYOND_REACH_ON_SERVER = (
    (
        "the files of the database server, which were not searched: removed rows were freed for "
        "others by VACUUM, and their bytes stay until they are overwritten"
    ),
    "the server's write-ahead log, its archive, replicas and backups",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A search through every byte of every file of a memory for what was erased.

    Attributes:
        patterns: how many pieces of ids, texts and vectors were looked for: up to 32 bytes each,
            several of a long text.
        files: how many files were read.
        size: how many bytes they have.
        shared: how many pieces were found that other records hold too. Whether one was left behind
            as well cannot be told.
        traces: how many pieces were found that no record holds, by file; empty if all is gone.
        unread: the files that could not be read.
    """

    patterns: int
    files: int
    size: int
    shared: int = 0
    traces: dict[str, int] = field(default_factory=dict[str, int])
    unread: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether every file was read, and no trace found."""
        return not self.traces and not self.unread

    @classmethod
    def from_dict(cls, said: dict[str, Any]) -> Scan:
        """The scan that `Receipt.to_dict` made this of."""
        fields: dict[str, Any] = {**said, "unread": tuple(said["unread"])}
        return cls(**fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What an erasure did. It names nothing that was erased.

    Attributes:
        id: UUIDv7 text; the `erase` event in the journal has it too.
        at: when the rows were removed: from then on no reader sees them. Aware UTC.
        target: what kind of thing was erased: `ids`, a `scope`, or `everything`.
        scale: how much of each kind.
        digest: SHA-256 over the salt and the sorted ids of the erased records; see `covers`.
        salt: what makes the digest of the same ids another one in every receipt.
        files: the files that were written anew or removed, each with its size in bytes before and
            after. `index` stands for all of the index's.
        scan: what a search through the files found; None if there was none.
        index_server: the address of the Chroma server that the index is on, whose files were
            neither written anew nor searched; None for an index among the memory's own files.
        pending: the steps that could not be done yet: `text` (the full-text indexes are written
            anew), `ledger` (the database is), `log` (the write-ahead log is emptied), `index` (the
            vector index is removed, or begun anew on its server). `compact` does them, and so does
            the next opening.
        server: whether the ledger is on a server, whose files are not searched.
    """

    id: str
    at: datetime
    target: Literal["ids", "scope", "everything"]
    scale: Scale
    digest: str
    salt: str
    files: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    scan: Scan | None = None
    pending: tuple[str, ...] = ()
    server: bool = False
    index_server: str | None = None

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do, and no trace was found if they were looked for."""
        return not self.pending and (self.scan is None or self.scan.clean)

    @property
    def beyond_reach(self) -> tuple[str, ...]:
        """Where copies may remain that an erasure cannot remove."""
        found = BEYOND_REACH + BEYOND_REACH_ON_SERVER if self.server else BEYOND_REACH
        if self.index_server is None:
            return found
        return (*found, f"the files and the backups of the Chroma server {self.index_server}")

    def covers(self, ids: Iterable[str]) -> bool:
        """Whether these are the ids of all erased records, no more and no fewer."""
        return digest_of(self.salt, ids) == self.digest

    def to_dict(self) -> dict[str, Any]:
        """The receipt as JSON."""
        return {
            "id": self.id,
            "at": self.at.isoformat(),
            "target": self.target,
            "scale": asdict(self.scale),
            "digest": self.digest,
            "salt": self.salt,
            "files": {name: list(sizes) for name, sizes in self.files.items()},
            "scan": None if self.scan is None else _listed(self.scan),
            "pending": list(self.pending),
            "server": self.server,
            "index_server": self.index_server,
            "complete": self.complete,
            "beyond_reach": list(self.beyond_reach),
        }

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Receipt:
        """The receipt that `to_dict` made this of.

        Raises:
            InvalidInputError: it is none.
        """
        try:
            return cls(
                id=said["id"],
                at=datetime.fromisoformat(said["at"]),
                target=said["target"],
                scale=Scale(**said["scale"]),
                digest=said["digest"],
                salt=said["salt"],
                files={name: (int(a), int(b)) for name, (a, b) in said["files"].items()},
                scan=None if said["scan"] is None else Scan.from_dict(said["scan"]),
                pending=tuple(said["pending"]),
                server=bool(said.get("server", False)),  # receipts before 0.2 did not say
                index_server=said.get("index_server"),
            )
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInputError("that is no receipt of an erasure") from error

    def agrees(self, other: Receipt) -> bool:
        """Whether both tell of the same erasure, whatever was done on files since."""
        return replace(self, files={}, scan=None, pending=(), index_server=None) == replace(
            other, files={}, scan=None, pending=(), index_server=None
        )


def _listed(scan: Scan) -> dict[str, Any]:
    return {**asdict(scan), "unread": list(scan.unread)}


def digest_of(salt: str, ids: Iterable[str]) -> str:
    """SHA-256 over a salt and sorted ids, in hexadecimal."""
    listed = json.dumps([salt, sorted(set(ids))], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(listed.encode("utf-8", "surrogatepass")).hexdigest()
