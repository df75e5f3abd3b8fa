"""Inspecting: `embedder`, `directory`, `url`, `spaces`, `vectors`, `tags`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonplace.arguments import checked_id
from commonplace.verbs.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from commonplace.embedders import Embedder
    from commonplace.maintenance import SpaceStats
    from commonplace.scope import ScopeLike
    from commonplace.verbs.handle import FilterLike


class Inspecting(Handle):
    """The verbs that tell what a memory is made of."""

    @property
    def embedder(self) -> Embedder:
        """What makes the vectors of the memory's own space: the one given, or the built-in one."""
        return self._store.embedder

    @property
    def directory(self) -> Path | None:
        """Where the memory lives; None for one on a server, or in memory only."""
        return self._store.directory

    @property
    def url(self) -> str | None:
        """Where the ledger is, for one on a server, without its password; None for any other."""
        return self._store.url

    def spaces(self) -> dict[str, SpaceStats]:
        """The embedding spaces of the memory, by name; its own is called `default`.

        Vectors are counted of the records that this view reads.
        """
        return self._store.spaces(self._selection())

    def vectors(self, id: str) -> dict[str, NDArray[np.float32]]:  # noqa: A002 - the field's name
        """The vectors of a record by the name of their space, one a row; empty if it has none.

        They are as they were given, not normalised. A record that cannot be seen has none.
        """
        name = checked_id(id)
        if name not in self._store.reader.by_id([name], self._selection()):
            return {}
        return self._store.reader.findable(name).vectors

    def tags(
        self,
        *,
        scope: ScopeLike | None = None,
        recursive: bool = True,
        filter: FilterLike = None,  # noqa: A002 - the field's name everywhere
        kinds: Sequence[str] | str = (),
        include_closed: bool = False,
        include_archived: bool = False,
    ) -> dict[str, int]:
        """How many records carry each tag, by tag in order of text.

        Args:
            scope: only at this scope and, if `recursive`, below it.
            recursive: whether records below the scope count.
            filter: as in `list`.
            kinds: as in `list`.
            include_closed: as in `list`.
            include_archived: as in `list`.

        Raises:
            InvalidInputError: an argument is malformed.
        """
        selection = self._selection(
            self._wanted(scope),
            below=recursive,
            filter=filter,
            kinds=kinds,
            closed=include_closed,
            archived=include_archived,
        )
        return self._store.reader.tags(selection)
