"""What searches read of hot scopes, kept within a byte budget and fresh by the journal."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Self

    from numpy.typing import NDArray

    from commonplace.ledger import Snapshot, Space

    Pks = NDArray[np.int64]
    Matrix = NDArray[np.float32]

_MOST_CHANGES = 20_000


class Kept(Protocol):
    """What is kept of one scope. Never changed in place."""

    @property
    def nbytes(self) -> int:
        """How much memory it takes."""
        ...

    def patched(self, gone: Pks, new: Self) -> Self:
        """The same without some records, and with others."""
        ...


B = TypeVar("B", bound=Kept)


class BlockCache(ABC, Generic[B]):
    """A block for every space and scope that was asked for, least recently used dropped first.

    Args:
        budget: how many bytes to keep at most; 0 keeps nothing.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._blocks: OrderedDict[tuple[int, int], B] = OrderedDict()
        self._bytes = 0
        self._seq = 0
        self._epoch = 0
        self._too_large: set[tuple[int, int]] = set()
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """How many bytes are kept now."""
        return self._bytes

    @abstractmethod
    def _read(
        self, snapshot: Snapshot, place: tuple[int, int], among: Iterable[int] | None = None
    ) -> B | None:
        """The block of a place, or of some of its records; None if the place is no more."""

    def _each(self, snapshot: Snapshot, space_id: int, scope_ids: list[int]) -> Iterator[B]:
        """The blocks of some scopes, at least as new as the snapshot."""
        with self._lock:
            self._follow(snapshot)
        for scope_id in scope_ids:
            with self._lock:
                block = self._block(snapshot, (space_id, scope_id))
            if block is not None:
                yield block

    def _block(self, snapshot: Snapshot, place: tuple[int, int]) -> B | None:
        if (found := self._blocks.get(place)) is not None:
            self._blocks.move_to_end(place)
            return found
        block = self._read(snapshot, place)
        # A block read from an older snapshot than the cache has followed would never catch up.
        if block is not None and snapshot.head() >= self._seq:
            self._keep(place, block)
        return block

    def _follow(self, snapshot: Snapshot) -> None:
        head = snapshot.head()
        if head <= self._seq:
            return
        if snapshot.epoch > self._epoch:  # something was erased, and no entry says what
            self._clear()
            self._epoch = snapshot.epoch
        if self._blocks:
            changed = snapshot.changed(self._seq, _MOST_CHANGES + 1)
            if len(changed) > _MOST_CHANGES:
                self._clear()
            else:
                self._patch(snapshot, changed)
        self._seq = head

    def _patch(self, snapshot: Snapshot, changed: list[tuple[int, int]]) -> None:
        by_scope: dict[int, list[int]] = {}
        for pk, scope_id in changed:
            by_scope.setdefault(scope_id, []).append(pk)
        for place, block in list(self._blocks.items()):
            if pks := by_scope.get(place[1]):
                self._drop(place)
                new = self._read(snapshot, place, pks)
                if new is not None:
                    self._keep(place, block.patched(np.array(pks, dtype=np.int64), new))

    def _keep(self, place: tuple[int, int], block: B) -> None:
        if block.nbytes > self._budget:
            self._too_large.add(place)
            return
        self._blocks[place] = block
        self._bytes += block.nbytes
        while self._bytes > self._budget:
            self._drop(next(iter(self._blocks)))

    def _drop(self, place: tuple[int, int]) -> None:
        self._bytes -= self._blocks.pop(place).nbytes

    def _clear(self) -> None:
        self._blocks.clear()
        self._bytes = 0


@dataclass(frozen=True, slots=True)
class Block:
    """The vectors of one scope: a record number and a unit vector a row.

    Attributes:
        pks: the record of each row.
        units: the vectors, of unit length.
        once: whether every record has one row.
    """

    pks: Pks
    units: Matrix
    once: bool

    @classmethod
    def of(cls, pks: Pks, units: Matrix) -> Block:
        """The block of these rows."""
        return cls(pks, units, len(np.unique(pks)) == len(pks))

    @property
    def nbytes(self) -> int:
        """How much memory it takes."""
        return self.pks.nbytes + self.units.nbytes

    def patched(self, gone: Pks, new: Block) -> Block:
        """The same without some records, and with others."""
        stays = ~np.isin(self.pks, gone)
        return Block.of(
            np.concatenate([self.pks[stays], new.pks]),
            np.concatenate([self.units[stays], new.units]),
        )


class VectorCache(BlockCache[Block]):
    """Unit vectors by space and scope."""

    def fits(self, space: Space, records: int) -> bool:
        """Whether the vectors of so many records fit into the budget."""
        return records * (space.dimension * 4 + 8) <= self._budget

    def blocks(self, snapshot: Snapshot, space: Space, scope_ids: list[int]) -> Iterator[Block]:
        """The vectors of every record at these scopes, at least as new as the snapshot."""
        return self._each(snapshot, space.id, scope_ids)

    def _read(
        self, snapshot: Snapshot, place: tuple[int, int], among: Iterable[int] | None = None
    ) -> Block | None:
        spaces = {space.id: space for space in snapshot.spaces().values()}
        if (space := spaces.get(place[0])) is None:  # a reindex dropped it
            return None
        pks, matrix = snapshot.vectors_in_scope(space, place[1], among=among)
        return Block.of(pks, normalised(matrix))


def normalised(matrix: Matrix) -> Matrix:
    """The rows scaled to unit length, in place; a zero row stays zero."""
    lengths = np.sqrt(np.einsum("ij,ij->i", matrix, matrix, dtype=np.float64))
    safe = np.where(lengths > 0, lengths, 1.0)  # of float64: a length may be too large for float32
    return np.divide(matrix, safe[:, None], out=matrix, casting="same_kind")
