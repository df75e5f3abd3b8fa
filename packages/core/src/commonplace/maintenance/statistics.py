"""Counts and sizes of a store."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from commonplace.ledger import Selection

if TYPE_CHECKING:
    from pathlib import Path

    from commonplace.index import Index
    from commonplace.ledger import Ledger, Snapshot

_EVERYTHING = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceStats:
    """One embedding space.

    Attributes:
        name: the space.
        identity: the model whose vectors it holds.
        dimension: their length.
        vectors: how many there are.
        applied: up to which journal entry its index has come; 0 if it has not begun.
        partial: whether a reindex is filling it, or emptying what it replaced.
    """

    name: str
    identity: str
    dimension: int
    vectors: int
    applied: int
    partial: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """A store in numbers.

    Attributes:
        records: live records.
        expired: records that expired and were not swept.
        scopes: scopes that hold records.
        kinds: records by kind, expired ones included.
        spaces: the embedding spaces.
        head: the newest journal entry.
        index: what the index is doing, in a word or two.
        ledger_bytes: the size of the ledger's files.
        index_bytes: the size of the index's files.
    """

    records: int
    expired: int
    scopes: int
    kinds: dict[str, int]
    spaces: tuple[SpaceStats, ...]
    head: int
    index: str
    ledger_bytes: int
    index_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """The statistics as JSON."""
        return asdict(self)


def stats(ledger: Ledger, index: Index, *, now: int) -> Stats:
    """The numbers of a store at one moment."""
    everything = Selection.everything(now=now)
    with ledger.read() as snapshot:
        expired = len(snapshot.expired(everything))
        return Stats(
            records=snapshot.count(everything),
            expired=expired,
            scopes=len(snapshot.scope_infos(everything, None, _EVERYTHING, 0)),
            kinds=snapshot.kinds(),
            spaces=tuple(_spaces(snapshot).values()),
            head=snapshot.head(),
            index=index.state,
            ledger_bytes=_bytes_beside(ledger.path),
            index_bytes=_bytes_below(index.directory),
        )


def spaces(ledger: Ledger) -> dict[str, SpaceStats]:
    """The embedding spaces at one moment, by name."""
    with ledger.read() as snapshot:
        return _spaces(snapshot)


def _spaces(snapshot: Snapshot) -> dict[str, SpaceStats]:
    return {
        space.name: SpaceStats(
            name=space.name,
            identity=space.identity,
            dimension=space.dimension,
            vectors=space.vectors,
            applied=snapshot.applied_seq(space),
            partial=space.partial,
        )
        for space in snapshot.spaces().values()
    }


def _bytes_beside(path: Path | None) -> int:
    if path is None:
        return 0
    return sum(file.stat().st_size for file in path.parent.glob(path.name + "*"))


def _bytes_below(directory: Path | None) -> int:
    if directory is None or not directory.is_dir():
        return 0
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())
