"""`Building`: an index of neighbours that the server builds while its process does other things."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commonplace.ledger import Space
    from commonplace.ledger.vector_tables import VectorTables

_WAIT = 0.1


class Building:
    """Sorts one table, in a thread of its own.

    Args:
        tables: the ledger's, over a connection for this alone, without a time limit.
        table: which.
        space: whose vectors it has.
    """

    def __init__(self, tables: VectorTables, table: str, space: Space) -> None:
        self.space = space
        self._tables = tables
        self._table = table
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="commonplace-sorting", daemon=True)
        self._thread.start()

    def is_running(self) -> bool:
        """Whether it goes on; waited for a moment."""
        self._thread.join(_WAIT)
        return self._thread.is_alive()

    def check(self) -> None:
        """See how it ended.

        Raises:
            VectorTablesError: the server refused, as other errors of a connection.
        """
        if self._error is not None:
            raise self._error

    def cancel(self) -> None:
        """End it, whatever it has come to."""
        self._tables.cancel()

    def _run(self) -> None:
        try:
            self._tables.sort(self._table, self.space.dimension)
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            self._error = error
        finally:
            self._tables.close()
