"""The memory's own space: which model it is, and vectors for what is written and searched for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from commonplace.embedders import Embedder, as_embedder, checked_embedding, passages
from commonplace.errors import ModelMismatchError
from commonplace.ledger import check_space
from commonplace.telemetry import part

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from commonplace.drafts import Draft
    from commonplace.ledger import Space

    Matrix = NDArray[np.float32]

T = TypeVar("T")

_AT_ONCE = 1024


class Vectoriser:
    """Makes the vectors of what is written and searched for.

    Args:
        given: the caller's embedder, or None for the built-in one, loaded when it is first needed.
    """

    def __init__(self, given: Any) -> None:
        self._embedder: Embedder | None = None if given is None else as_embedder(given)

    @property
    def embedder(self) -> Embedder:
        """The embedder in use."""
        if self._embedder is None:
            from commonplace.embedders.static import StaticEmbedder  # noqa: PLC0415 - reads a table

            self._embedder = StaticEmbedder()
        return self._embedder

    def check(self, space: Space | None) -> None:
        """Refuse a space that another model made.

        Raises:
            ModelMismatchError: it names both models.
        """
        if space is not None:
            check_space(space, self.embedder.identity, self.embedder.dimension)

    def made(self, space: Space) -> bool:
        """Whether this model made the vectors of a space."""
        own = self.embedder
        return (space.identity, space.dimension) == (own.identity, own.dimension)

    def query(self, text: str) -> NDArray[np.float32]:
        """The vector of a query."""
        with part("embed", texts=1):
            return checked_embedding(self.embedder, [text], queries=True)[0]

    def check_length(self, matrix: Matrix) -> None:
        """Refuse vectors of another length than the embedder's.

        Raises:
            ModelMismatchError: it names both lengths.
        """
        if matrix.shape[1] != self.embedder.dimension:
            raise ModelMismatchError(
                f"a vector of the memory's own space has {self.embedder.dimension} numbers "
                f"({self.embedder.identity!r}), and was given {matrix.shape[1]}; name the space of "
                "another model in vectors= or space=, or move the memory to that model with "
                "memory.reindex(embedder)"
            )

    def own_vectors(self, drafts: Sequence[Draft]) -> list[Matrix | None]:
        """For each draft its vectors in the memory's own space, given or made; None for none."""
        wanted = [self._texts(draft) for draft in drafts]
        vectors = self._embed(list(dict.fromkeys(text for texts in wanted for text in texts)))
        return [
            self._given(draft) if "" in draft.vectors else _stack(vectors, texts)
            for draft, texts in zip(drafts, wanted, strict=True)
        ]

    def texts_vectors(self, content: str, embed: tuple[str, ...] | None) -> Matrix | None:
        """The vectors of one content, or of the texts to embed in its place; None for none."""
        texts = self._passages(content) if embed is None else list(embed)
        return _stack(self._embed(list(dict.fromkeys(texts))), texts)

    def contents_vectors(self, contents: Sequence[str]) -> list[Matrix | None]:
        """The vectors of several contents, embedded together; None for one without words."""
        wanted = [self._passages(content) for content in contents]
        vectors = self._embed(list(dict.fromkeys(text for texts in wanted for text in texts)))
        return [_stack(vectors, texts) for texts in wanted]

    def unit_vectors(self, texts: Sequence[str]) -> Matrix:
        """One vector of length 1 for each text, or of length 0 for one without words."""
        found = self._embed(list(dict.fromkeys(texts)))
        matrix = np.stack([found[text] for text in texts])
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        return matrix / np.maximum(lengths, np.finfo(np.float32).tiny)

    def _given(self, draft: Draft) -> Matrix:
        matrix = draft.vectors[""]
        self.check_length(matrix)
        return matrix

    def _texts(self, draft: Draft) -> list[str]:
        if "" in draft.vectors:
            return []
        return self._passages(draft.record.content) if draft.embed is None else list(draft.embed)

    def _passages(self, content: str) -> list[str]:
        return passages(content, self.embedder.passage_length)

    def _embed(self, texts: Sequence[str]) -> Mapping[str, NDArray[np.float32]]:
        vectors: dict[str, NDArray[np.float32]] = {}
        for start in range(0, len(texts), _AT_ONCE):
            some = texts[start : start + _AT_ONCE]
            with part("embed", texts=len(some)):
                made = checked_embedding(self.embedder, some)
            vectors.update(zip(some, made, strict=True))
        return vectors


class OwnModel:
    """The model of a memory's own space, which a reindex replaces while others use it.

    Args:
        vectoriser: the first one.
    """

    def __init__(self, vectoriser: Vectoriser) -> None:
        self._now = vectoriser
        self._changing = threading.Lock()

    @property
    def now(self) -> Vectoriser:
        """The one in use."""
        return self._now

    def use(self, work: Callable[[Vectoriser], T]) -> T:
        """What `work` gives; it is done again if the model was replaced under its hands.

        Raises:
            ModelMismatchError: the memory's vectors are another model's.
        """
        while True:
            vectoriser = self._now
            try:
                return work(vectoriser)
            except ModelMismatchError:
                with self._changing:  # what is under way ends first
                    if self._now is vectoriser:
                        raise

    def replace(self, vectoriser: Vectoriser, when: Callable[[], bool]) -> bool:
        """Use another from now on if `when`, which changes the ledger for it, says so."""
        with self._changing:
            changed = when()
            if changed:
                self._now = vectoriser
        return changed


def _stack(vectors: Mapping[str, NDArray[np.float32]], texts: Sequence[str]) -> Matrix | None:
    return np.stack([vectors[text] for text in texts]) if texts else None
