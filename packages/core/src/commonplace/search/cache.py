"""Vectors of hot scopes, kept in memory within a byte budget and fresh by the journal."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from commonplace.filters import And, Not, Or

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from commonplace.filters import Filter
    from commonplace.ledger import Selection, Snapshot, Space

    Pks = NDArray[np.int64]
    Matrix = NDArray[np.float32]

_MOST_CHANGES = 20_000
_MOST_SELECTIONS = 64


@dataclass(frozen=True, slots=True)
class Block:
    """The vectors of one scope: a record number and a unit vector a row. Never changed in place.

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


class SelectionCache:
    """Which records a filter leaves, kept until the next change; least recently used dropped first.

    Records that expired or were closed since are still among them: whoever shows one looks again.
    """

    def __init__(self) -> None:
        self._found: OrderedDict[Selection, tuple[int, Pks]] = OrderedDict()
        self._lock = threading.Lock()

    def pks(self, snapshot: Snapshot, selection: Selection) -> Pks:
        """The selected records by number, as `Snapshot.pks` gives them."""
        if not _lasts(selection):
            return snapshot.pks(selection)
        head, timeless = snapshot.head(), replace(selection, now=0)
        with self._lock:
            seq, found = self._found.get(timeless, (head, None))
        if found is None or seq != head:
            found = snapshot.pks(selection)
        with self._lock:
            self._found[timeless] = head, found
            self._found.move_to_end(timeless)
            if len(self._found) > _MOST_SELECTIONS:
                self._found.popitem(last=False)
        return found


def _lasts(selection: Selection) -> bool:
    """Whether the journal tells of all that changes it: a note in a value is not in the journal."""
    try:
        hash(selection)
    except TypeError:  # an operand is a list or a dict
        return False
    return not _reads_values(selection.filter)


def _reads_values(tree: Filter) -> bool:
    if isinstance(tree, And | Or):
        return any(map(_reads_values, tree.parts))
    return _reads_values(tree.part) if isinstance(tree, Not) else tree.field.root == "value"


class VectorCache:
    """Unit vectors by space and scope, least recently used dropped first.

    Args:
        budget: how many bytes of vectors to keep at most; 0 keeps none.

    Attributes:
        selections: what filters leave of the records.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._blocks: OrderedDict[tuple[int, int], Block] = OrderedDict()
        self._bytes = 0
        self._seq = 0
        self._lock = threading.Lock()
        self.selections = SelectionCache()

    @property
    def nbytes(self) -> int:
        """How many bytes are kept now."""
        return self._bytes

    def fits(self, space: Space, records: int) -> bool:
        """Whether the vectors of so many records fit into the budget."""
        return records * (space.dimension * 4 + 8) <= self._budget

    def blocks(self, snapshot: Snapshot, space: Space, scope_ids: list[int]) -> Iterator[Block]:
        """The vectors of every record at these scopes, at least as new as the snapshot."""
        with self._lock:
            self._follow(snapshot)
        for scope_id in scope_ids:
            with self._lock:
                block = self._block(snapshot, space, scope_id)
            yield block

    def _block(self, snapshot: Snapshot, space: Space, scope_id: int) -> Block:
        place = (space.id, scope_id)
        if (found := self._blocks.get(place)) is not None:
            self._blocks.move_to_end(place)
            return found
        pks, matrix = snapshot.vectors_in_scope(space, scope_id)
        block = Block.of(pks, normalised(matrix))
        # A block read from an older snapshot than the cache has followed would never catch up.
        if snapshot.head() >= self._seq:
            self._keep(place, block)
        return block

    def _follow(self, snapshot: Snapshot) -> None:
        head = snapshot.head()
        if head <= self._seq:
            return
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
        spaces = {space.id: space for space in snapshot.spaces().values()}
        for place, block in list(self._blocks.items()):
            if pks := by_scope.get(place[1]):
                self._drop(place)
                if (space := spaces.get(place[0])) is None:  # a reindex dropped it
                    continue
                new, matrix = snapshot.vectors_in_scope(space, place[1], among=pks)
                stays = ~np.isin(block.pks, pks)
                patched = Block.of(
                    np.concatenate([block.pks[stays], new]),
                    np.concatenate([block.units[stays], normalised(matrix)]),
                )
                self._keep(place, patched)

    def _keep(self, place: tuple[int, int], block: Block) -> None:
        if block.nbytes > self._budget:
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


def normalised(matrix: Matrix) -> Matrix:
    """The rows scaled to unit length, in place; a zero row stays zero."""
    lengths = np.sqrt(np.einsum("ij,ij->i", matrix, matrix, dtype=np.float64))
    safe = np.where(lengths > 0, lengths, 1.0)  # of float64: a length may be too large for float32
    return np.divide(matrix, safe[:, None], out=matrix, casting="same_kind")
