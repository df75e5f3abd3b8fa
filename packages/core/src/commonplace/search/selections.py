"""`SelectionCache`: which records filters leave, for as long as nothing changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from commonplace.filters import And, Not, Or

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from commonplace.filters import Filter
    from commonplace.ledger import Selection, Snapshot

    Pks = NDArray[np.int64]

_MOST_SELECTIONS = 64
_UNTOLD = frozenset({"value", "expires_at"})
"""What `Memory.note_reading` and `Memory.renew` change without an entry in the journal."""


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
    """Whether the journal tells of all that changes it."""
    try:
        hash(selection)
    except TypeError:  # an operand is a list or a dict
        return False
    return not _is_untold(selection.filter)


def _is_untold(tree: Filter) -> bool:
    if isinstance(tree, And | Or):
        return any(map(_is_untold, tree.parts))
    return _is_untold(tree.part) if isinstance(tree, Not) else tree.field.root in _UNTOLD
