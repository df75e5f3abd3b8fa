"""Counts and sizes of a store."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from commonplace.maintenance.present import files_below

if TYPE_CHECKING:
    from pathlib import Path

    from commonplace.index import Index
    from commonplace.ledger import Ledger, Selection, Snapshot

_EVERYTHING = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceStats:
    """One embedding space.

    Attributes:
        name: the space.
        identity: the model whose vectors it holds.
        dimension: their length.
        vectors: how many the records of the view have.
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
    """A store in numbers: of the records of a view, and of the files, which all share.

    Attributes:
        records: live records.
        expired: records that expired and were not swept.
        scopes: scopes that hold records.
        kinds: records by kind, expired ones included.
        spaces: the embedding spaces.
        head: the newest journal entry of the whole memory.
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


def stats(ledger: Ledger, index: Index, selection: Selection) -> Stats:
    """The numbers of a store at one moment, those of records by the scopes selected."""
    with ledger.read() as snapshot:
        return Stats(
            records=snapshot.count(selection),
            expired=len(snapshot.expired(selection)),
            scopes=len(snapshot.scope_infos(selection, None, _EVERYTHING, 0)),
            kinds=snapshot.kinds(selection),
            spaces=tuple(_spaces(snapshot, selection).values()),
            head=snapshot.head(),
            index=index.state,
            ledger_bytes=ledger.size(),
            index_bytes=_bytes_below(index.directory),
        )


def spaces(ledger: Ledger, selection: Selection) -> dict[str, SpaceStats]:
    """The embedding spaces at one moment, by name."""
    with ledger.read() as snapshot:
        return _spaces(snapshot, selection)


def _spaces(snapshot: Snapshot, selection: Selection) -> dict[str, SpaceStats]:
    held = None if selection.everywhere else snapshot.vectors_held(selection)
    return {
        space.name: SpaceStats(
            name=space.name,
            identity=space.identity,
            dimension=space.dimension,
            vectors=space.vectors if held is None else held.get(space.id, 0),
            applied=snapshot.applied_seq(space),
            partial=space.partial,
        )
        for space in snapshot.spaces().values()
    }


def _bytes_below(directory: Path | None) -> int:
    if directory is None or not directory.is_dir():
        return 0
    return sum(size for _, size in files_below(directory))
