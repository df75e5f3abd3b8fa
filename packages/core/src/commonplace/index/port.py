"""What an index on a server is made of: a place for it, and a store of vectors there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from commonplace.index.servers import Limits
    from commonplace.ledger import Ledger, Space

    Matrix = NDArray[np.float32]


class VectorStore(Protocol):
    """Entries with a vector each, apart by space: what a follower writes and searches read.

    What a server refuses is a `ServerFaultError`.

    Attributes:
        limits: what it takes.
    """

    limits: Limits

    def upsert(
        self,
        space: Space,
        ids: Sequence[str],
        vectors: Matrix,
        metadatas: Sequence[Mapping[str, Any]],
    ) -> None:
        """Write entries; those with the same id are replaced."""
        ...

    def delete(self, space: Space, ids: Sequence[str]) -> None:
        """Delete entries; missing ones are no matter."""
        ...

    def count(self, space: Space) -> int:
        """How many entries a space has."""
        ...

    def settle(self, spaces: Iterable[Space]) -> None:
        """Drop the entries of other spaces than these, and those of older generations."""
        ...

    def drop(self, space: Space) -> None:
        """Delete a space's entries."""
        ...

    def close(self) -> None:
        """Release what it holds."""
        ...


class ServedStore(VectorStore, Protocol):
    """A store on a server, with the generations of an index."""

    def use(self, generation: str, *, made: Callable[[], None], beat: Callable[[], None]) -> None:
        """Go on with the entries of one generation.

        Args:
            generation: which.
            made: called when a place for entries was made and before anything is written to it.
            beat: called between requests.
        """
        ...

    def measured(
        self, space: Space, vector: Matrix, count: int, where: dict[str, Any] | None
    ) -> list[tuple[str, float]]:
        """The ids of the nearest entries and their distances, nearest first."""
        ...

    def prepare(self) -> bool:
        """Begin what makes searches quick, if anything, once all is written; whether it did."""
        ...

    def is_preparing(self) -> bool:
        """Whether that goes on. Nothing can be written meanwhile."""
        ...

    def quick_count(self, space: Space) -> int | None:
        """As `count`, while somebody waits; None if it would take long."""
        ...


class Target(Protocol):
    """Where an index on a server is. May hold secrets: it goes through a pipe alone."""

    @property
    def place(self) -> str:
        """What tells this place from every other that an index may be kept at; no secret."""
        ...

    @property
    def name(self) -> str:
        """What people and errors call the server."""
        ...

    @property
    def server(self) -> str | None:
        """Its address, if it is another than the ledger's."""
        ...

    @property
    def timeout(self) -> float:
        """How many seconds a request may take."""
        ...

    @property
    def limits(self) -> Limits:
        """What it takes."""
        ...

    @property
    def cloud(self) -> bool:
        """Whether it is Chroma Cloud."""
        ...

    def to_message(self) -> dict[str, Any]:
        """What the index process makes it of again."""
        ...

    def store(self, ledger: Ledger) -> ServedStore:
        """What is there of a ledger's; opened by the index process alone."""
        ...
