"""The port that every embedder fills."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors. Called from several threads at once."""

    @property
    def identity(self) -> str:
        """Names the model and its version; recorded with every vector it makes.

        Two embedders with one identity must give the same vector for the same text.
        """
        ...

    @property
    def dimension(self) -> int:
        """The length of its vectors."""
        ...

    @property
    def passage_length(self) -> int | None:
        """The longest text, in characters, that one vector stands for; None for any length.

        Longer content is split into passages, each with its own vector.
        """
        ...

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of texts that are stored, shape (number of texts, dimension)."""
        ...

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of texts that are searched for, shape (number of texts, dimension)."""
        ...
