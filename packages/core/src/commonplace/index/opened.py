"""An embedded index as it was found or begun anew, and how to leave it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from commonplace.errors import CommonplaceError
from commonplace.index.begun import EMBEDDED, Begun
from commonplace.index.chroma import VERSION, ChromaIndex
from commonplace.index.comparing import differences, followed
from commonplace.index.follower import Follower, start_over
from commonplace.index.manifest import (
    INDEX_DIRECTORY,
    Manifest,
    clear,
    digests,
    read_manifest,
    remove,
    write_manifest,
)
from commonplace.index.safety import is_safe

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from commonplace.ledger import Ledger, Snapshot, Space

    Vector = NDArray[np.float32]

_PAUSE = 0.1


class EmbeddedIndex:
    """A Chroma in a directory of the memory, which this process owns.

    Args:
        ledger: what it follows.
        directory: the memory's.
        rebuild: whether to begin anew whatever is there.
    """

    owner = True
    fault = ""

    def __init__(self, ledger: Ledger, directory: Path, *, rebuild: bool) -> None:
        self._ledger = ledger
        self._directory = directory / INDEX_DIRECTORY
        self._epoch = ledger.epoch()
        self._generation = self._known()
        self._compared = False
        if rebuild or not self._trusted():
            self._begin_anew()
        self._mark(in_use=True)
        self._chroma = ChromaIndex.embedded(self._directory)
        self._follower = Follower(ledger, self._chroma)
        self._compare()

    def step(self, most: int) -> bool:
        """Follow the journal a stretch; whether there is more to do."""
        return self._follower.step(most) or self._compare()

    def hurry(self) -> None:
        """Nothing: it never waits."""

    def nearest(
        self, space_id: int, vector: Vector, count: int, where: dict[str, Any] | None
    ) -> dict[str, Any]:
        """The entries nearest to a vector, and how far the index has come."""
        space = self._follower.space(space_id)
        if space is None:  # a reindex replaced it meanwhile
            return {"ids": [], "applied": 0}
        # An index that is not yet known to be right proposes, and the ledger leaves nothing out.
        applied = self._follower.applied(space) if self._compared else 0
        return {"ids": self._chroma.nearest(space, vector, count, where), "applied": applied}

    def problems(self) -> list[str]:
        """Where the index, as far as it has followed, does not hold what the ledger holds."""
        with self._ledger.read() as snapshot:
            return self._differences(snapshot)

    def goes_on(self) -> bool:
        """Whether the process can go on: it does not write again to files that it removed.

        It removes an index that was begun before something was erased.
        """
        try:
            if self._ledger.epoch() <= self._epoch:
                return True
            start_over(self._ledger)
        except CommonplaceError:  # the ledger is busy: it is tried again in a moment
            time.sleep(_PAUSE)
            return True
        self._chroma.close()
        remove(self._directory)
        return False

    def close(self) -> None:
        """Leave the index cleanly."""
        self._chroma.close()
        self._mark(in_use=False)

    def _compare(self) -> bool:
        """Compare the index with the ledger, once and as soon as it has followed all of it.

        Before that it cannot be told whether it lacks what it should have followed earlier.

        Returns:
            Whether it was wrong and starts over.
        """
        if self._compared:
            return False
        with self._ledger.read() as snapshot:
            if not followed(snapshot):
                return False
            spaces = snapshot.searchable_spaces().values()
            found = self._differences(snapshot)
        self._compared = True
        if found:
            self._follower.start_over(spaces)
        return bool(found)

    def _differences(self, snapshot: Snapshot) -> list[str]:
        def nearest(space: Space, vector: Vector) -> list[str]:
            return self._chroma.nearest(space, vector, 1, None)

        return differences(snapshot, self._chroma, nearest)

    def _known(self) -> str:
        """The index that the ledger knows of, if it is an embedded one."""
        with self._ledger.read() as snapshot:
            begun = Begun.of(snapshot)
        if begun is None:
            return ""  # the format before there were any
        return begun.generation if begun.place == EMBEDDED else "elsewhere"

    def _begin_anew(self) -> None:
        """Empty the index; first say so in the ledger: killed in between, it must not pass."""
        with self._ledger.write() as transaction:
            self._generation = Begun.anew(transaction, EMBEDDED).generation
        clear(self._directory)
        self._compared = True

    def _trusted(self) -> bool:
        manifest = read_manifest(self._directory)
        if manifest is None or manifest.ledger_id != self._ledger.id:
            return False
        if (manifest.epoch, manifest.generation) != (self._epoch, self._generation):
            return False
        if manifest.chroma != VERSION:  # building anew is surer than its migrations
            return False
        if not is_safe(self._directory):
            return False
        return manifest.digests is None or manifest.digests == digests(self._directory)

    def _mark(self, *, in_use: bool) -> None:
        manifest = Manifest(
            ledger_id=self._ledger.id,
            chroma=VERSION,
            epoch=self._epoch,
            generation=self._generation,
        )
        if not in_use:
            manifest = replace(manifest, digests=digests(self._directory))
        write_manifest(self._directory, manifest)
