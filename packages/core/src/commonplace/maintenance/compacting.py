"""Compacting: give back what removed records took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from commonplace.maintenance.erasing import WAIT, finish
from commonplace.maintenance.present import files_below
from commonplace.maintenance.receipt import STEPS

if TYPE_CHECKING:
    from commonplace.ledger import Ledger
    from commonplace.maintenance.erasing import Files

_DEAD_SHARE = 0.2
_VECTORS = "data_level0.bin"
_ELEMENT_BYTES = 268
"""What HNSW keeps of an entry beside its vector, with 32 neighbours."""
_ROOM = 100
"""A new index has room for so many entries, used or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactReport:
    """What compacting did.

    Attributes:
        before: how many bytes the files had.
        after: how many they have now.
        index_rebuilt: whether the index was built anew, as much of it was of removed records.
        erasures: how many erasures were finished that had been cut short.
        pending: what could not be done as another process was in the way: `ledger`, `log` (the
            write-ahead log), `text` (the full-text indexes), `index`.
    """

    before: int
    after: int
    index_rebuilt: bool = False
    erasures: int = 0
    pending: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "before": self.before,
            "after": self.after,
            "index_rebuilt": self.index_rebuilt,
            "erasures": self.erasures,
            "pending": list(self.pending),
        }


def compact(files: Files) -> CompactReport:
    """Write the files of a memory anew, without what removed records left in them."""
    before = files.size()
    finished = finish(files)
    left = files.rewrite([step for step in STEPS if step != "index"], wait=WAIT)
    rebuilt = False
    if _dead_share(files) > _DEAD_SHARE:
        files.index.rebuild()
        rebuilt = files.index.state == "ready"
        if not rebuilt:  # another process has it
            left.append("index")
    return CompactReport(
        before=before,
        after=files.size(),
        index_rebuilt=rebuilt,
        erasures=finished,
        pending=tuple(left),
    )


def _dead_share(files: Files) -> float:
    """How much of the index is of entries that are no more, about."""
    directory = files.index.directory
    if directory is None or files.index.state in {"off", "not needed yet"}:
        return 0.0
    held = sum(size for file, size in files_below(directory) if file.name == _VECTORS)
    return 1 - _live_bytes(files.ledger) / held if held else 0.0


def _live_bytes(ledger: Ledger) -> int:
    with ledger.read() as snapshot:
        spaces = snapshot.searchable_spaces().values()
        return sum(
            max(space.vectors, _ROOM) * (4 * space.dimension + _ELEMENT_BYTES) for space in spaces
        )
