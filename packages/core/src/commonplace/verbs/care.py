"""Care: `flush`, `verify`, `repair`, `stats`, `close`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonplace.verbs.handle import Handle

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from commonplace.maintenance import Report, Stats


class Care(Handle):
    """The verbs that look after the store."""

    def flush(self) -> None:
        """Bring the index up to date with every write so far. Writes are safe without it."""
        self._store.flush()

    def verify(self) -> Report:
        """What is wrong with the store, if anything; nothing is changed."""
        return self._store.verify()

    def repair(self) -> Report:
        """Mend what `verify` finds, from the ledger; what was mended and what was not."""
        return self._store.repair()

    def stats(self) -> Stats:
        """Counts, sizes and the state of the index of the whole memory."""
        return self._store.stats()

    def close(self) -> None:
        """Finish what is under way and release every file and thread. Idempotent.

        Calls of event handlers that are under way are waited for, five seconds at most.
        """
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
