"""`View`: what one search may find, asked of the ledger once for both lanes."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from commonplace.ledger import Selection, Snapshot
    from commonplace.search.selections import SelectionCache

    Pks = NDArray[np.int64]
    Flags = NDArray[np.bool_]

_FEW_SCOPES = 512


class View:
    """The records that a selection leaves, within one snapshot.

    Attributes:
        snapshot: the moment that is searched.
        selection: what may be found.
        total: how many records lie in its scopes.
    """

    def __init__(
        self, snapshot: Snapshot, selection: Selection, selections: SelectionCache | None = None
    ) -> None:
        self.snapshot = snapshot
        self.selection = selection
        self._selections = selections
        self.total = snapshot.total(selection)

    @property
    def chosen_one_by_one(self) -> bool:
        """Whether more than the scope and the present moment decides."""
        return self.selection.narrowed or self.selection.valid_at is not None

    @functools.cached_property
    def chosen(self) -> Pks:
        """Every selected record."""
        if self._selections is None or not self.chosen_one_by_one:
            return self.snapshot.pks(self.selection)
        return self._selections.pks(self.snapshot, self.selection)

    @functools.cached_property
    def places(self) -> list[int] | None:
        """The scopes to read one by one, or None if there are too many of them."""
        if not self.selection.below:
            return list(self.selection.scope_ids)
        places = self.snapshot.scopes_with_records(self.selection)
        return places if len(places) <= _FEW_SCOPES else None

    @functools.cached_property
    def keep(self) -> Callable[[Pks], Flags] | None:
        """Tells the selected ones among records of the scopes; None where all of them are."""
        if self.chosen_one_by_one:
            return _among(self.chosen)
        hidden = self.snapshot.hidden(self.selection)
        return _not_among(hidden) if len(hidden) else None


def _among(chosen: Pks) -> Callable[[Pks], Flags]:
    """Which of some records are among the chosen; sorted once, as it is asked for every block."""
    ordered = np.append(np.sort(chosen), np.iinfo(np.int64).max)

    def among(pks: Pks) -> Flags:
        return ordered[np.searchsorted(ordered, pks)] == pks

    return among


def _not_among(hidden: Pks) -> Callable[[Pks], Flags]:
    among = _among(hidden)
    return lambda pks: ~among(pks)
