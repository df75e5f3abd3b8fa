"""The index in the ledger's own PostgreSQL server, by its extension pgvector."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from commonplace.errors import CommonplaceError
from commonplace.index.building import Building
from commonplace.index.faults import (
    MEANWHILE,
    CollectionGoneError,
    PassingFaultError,
    ServerFaultError,
)
from commonplace.index.servers import NO_LIMITS
from commonplace.search.cache import normalised

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from commonplace.index.servers import Limits
    from commonplace.ledger import Ledger, Space
    from commonplace.ledger.vector_tables import VectorTables

PGVECTOR = "pgvector"
_WRITTEN_AT_ONCE = 200
_DELETED_AT_ONCE = 1_000
_SORTED_FROM = 2_000
"""A table has an HNSW index from so many entries on; smaller ones are read whole, and exactly."""

_NO_TABLE = "42P01"
_PASSING = frozenset({"08", "40", "53", "55", "57"})


@dataclass(frozen=True, slots=True)
class PgvectorTarget:
    """The ledger's own server as the place of its index.

    Attributes:
        url: of the ledger, without its password.
        timeout: how many seconds a statement may take.
    """

    url: str
    timeout: float = 30.0
    place = PGVECTOR
    server = None
    cloud = False
    limits = NO_LIMITS

    @property
    def name(self) -> str:
        """What people and errors call the server."""
        return f"the PostgreSQL server {self.url}"

    def to_message(self) -> dict[str, Any]:
        """What the index process makes it of again."""
        return {PGVECTOR: self.url}

    def store(self, ledger: Ledger) -> PgvectorIndex:
        """The tables beside a ledger."""
        return PgvectorIndex(lambda timeout: ledger.vector_tables(self.name, timeout), self.timeout)


def _nothing() -> None:
    """Do nothing."""


class PgvectorIndex:
    """The vectors of one memory in tables of its ledger's schema: one a space and generation.

    Args:
        connect: gives the ledger's tables, over a connection whose statements may take so long.
        timeout: how many seconds they may.
    """

    limits: Limits = NO_LIMITS

    def __init__(self, connect: Callable[[float], VectorTables], timeout: float) -> None:
        self._connect = connect
        self._tables = connect(timeout)
        self._building: Building | None = None
        self._unsorted: dict[int, Space] = {}
        self._generation = ""
        self._there: set[int] = set()
        self._made: Callable[[], None] = _nothing
        self._beat: Callable[[], None] = _nothing

    def use(self, generation: str, *, made: Callable[[], None], beat: Callable[[], None]) -> None:
        """Go on with the tables of one index of this memory, of many that there may be.

        Args:
            generation: which.
            made: called when a table was made and before anything is written to it.
            beat: called between statements.
        """
        self._leave()
        self._generation = generation
        self._there.clear()
        self._made = made
        self._beat = beat

    def upsert(
        self,
        space: Space,
        ids: Sequence[str],
        vectors: NDArray[np.float32],
        metadatas: Sequence[Mapping[str, Any]],
    ) -> None:
        """Write entries; those with the same id are replaced. They keep their scopes alone."""
        table = self._table(space)
        units = normalised(vectors.copy())
        paths = [_paths(metadata) for metadata in metadatas]
        for start in range(0, len(ids), _WRITTEN_AT_ONCE):
            some = slice(start, start + _WRITTEN_AT_ONCE)
            with _faults(writing=True):
                self._tables.put(table, ids[some], paths[some], list(units[some]))
            self._beat()

    def delete(self, space: Space, ids: Sequence[str]) -> None:
        """Delete entries; missing ones are no matter."""
        table = self._table(space)
        for start in range(0, len(ids), _DELETED_AT_ONCE):
            with _faults(writing=True):
                self._tables.remove(table, ids[start : start + _DELETED_AT_ONCE])
            self._beat()

    def measured(
        self, space: Space, vector: NDArray[np.float32], count: int, where: dict[str, Any] | None
    ) -> list[tuple[str, float]]:
        """The ids of the nearest entries and their distances, nearest first.

        Raises:
            CollectionGoneError: the table is not there.
        """
        path = next(iter(where.values())) if where else None
        unit = normalised(vector[None].copy())[0]
        with _faults():
            return self._tables.nearest(self._name(space), unit, count, path)

    def count(self, space: Space) -> int:
        """How many entries a space has."""
        try:
            with _faults():
                return self._tables.count(self._name(space))
        except CollectionGoneError:
            self._there.discard(space.id)
            return 0

    def quick_count(self, space: Space) -> None:
        """None: the server reads the whole table to count it."""

    def prepare(self) -> bool:
        """Begin to sort a table that has become large; whether there is one."""
        for space in self._unsorted.values():
            if self.count(space) >= _SORTED_FROM:
                self._building = Building(self._connect(0), self._name(space), space)
                return True
        return False

    def is_preparing(self) -> bool:
        """Whether a table is being sorted; waited for a moment."""
        building = self._building
        if building is None:
            return False
        if building.is_running():
            return True
        self._building = None
        with _faults(writing=True):
            building.check()
        self._unsorted.pop(building.space.id, None)
        return False

    def settle(self, spaces: Iterable[Space]) -> None:
        """Drop the tables of other spaces than these, and those of older generations."""
        kept = {space.id: self._name(space) for space in spaces}
        self._there.clear()
        self._unsorted = {one: self._unsorted[one] for one in self._unsorted if one in kept}
        with _faults(writing=True):
            for name in sorted({*self._tables.names()} - {*kept.values()}):
                self._tables.drop(name)

    def drop(self, space: Space) -> None:
        """Drop a space's table."""
        self._there.discard(space.id)
        self._unsorted.pop(space.id, None)
        with _faults(writing=True):
            self._tables.drop(self._name(space))

    def close(self) -> None:
        """Close the connections."""
        self._leave()
        self._tables.close()

    def _leave(self) -> None:
        """Sort no more."""
        building, self._building = self._building, None
        if building is not None:
            building.cancel()
        self._unsorted.clear()

    def _table(self, space: Space) -> str:
        name = self._name(space)
        if space.id not in self._there:
            with _faults(writing=True):
                self._tables.make(name, space.dimension)
            self._made()
            self._there.add(space.id)
            self._unsorted[space.id] = space
        return name

    def _name(self, space: Space) -> str:
        return f"nearest_{self._generation}_{space.id}"


def _paths(metadata: Mapping[str, Any]) -> list[str]:
    """The scopes that an entry lies in, of what is shown of it."""
    return [value for name, value in metadata.items() if name.removeprefix("scope_").isdecimal()]


@contextlib.contextmanager
def _faults(*, writing: bool = False) -> Generator[None]:
    """What is wrong, as the index knows it. The driver is imported already: the ledger needs it."""
    from commonplace.ledger.vector_tables import VectorTablesError  # noqa: PLC0415 - an extra

    try:
        yield
    except VectorTablesError as error:
        message = f"{error}; {MEANWHILE}"
        if error.state == _NO_TABLE:
            raise CollectionGoneError(message) from None
        if not error.state or error.state[:2] in _PASSING:
            raise PassingFaultError(message, under_way=writing and not error.state) from None
        raise ServerFaultError(message) from None
    except CommonplaceError as error:  # there is no connection to be had
        raise ServerFaultError(f"{error}; {MEANWHILE}") from None
