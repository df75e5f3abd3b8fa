"""`FILTERED`: statements with a filter, kept as long as they are used.

To build and compile one costs several times what SQLite takes to run it on a scope.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from commonplace.ledger.driver import fixed, forgotten

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from commonplace.ledger.selection import Query

_MOST_KEPT = 512


class Statements:
    """Statements by what they were made for, least recently used forgotten first.

    Args:
        most: how many to keep.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, Query] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Query]) -> Query:
        """The statement for this key, made now if it is not kept."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                found = self._kept[key] = fixed(make())
                if len(self._kept) > self._most:
                    forgotten(self._kept.popitem(last=False)[1])
            else:
                self._kept.move_to_end(key)
            return found


FILTERED = Statements(_MOST_KEPT)
"""Those of all ledgers of this process."""
