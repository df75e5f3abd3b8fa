"""Embedders that others made, behind our port: Chroma's, LangChain's, or any callable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from commonplace.embedders.port import Embedder
from commonplace.errors import CommonplaceError, EmbedderError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Embed = Callable[[Sequence[str]], Any]

DEFAULT_PASSAGE_LENGTH = 1000


class LangChainEmbeddings(Protocol):
    """What `langchain_core.embeddings.Embeddings` offers."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vectors of stored texts."""
        ...

    def embed_query(self, text: str) -> list[float]:
        """The vector of one query."""
        ...


class CallableEmbedder:
    """Any function from texts to vectors, behind the embedder port.

    Args:
        embed: takes a list of texts, gives a vector for each.
        identity: names the model and its version.
        dimension: the length of its vectors; found by embedding one word if left out.
        embed_queries: used for queries if they are embedded differently.
        passage_length: longest text in characters for one vector; None for any length.
    """

    def __init__(
        self,
        embed: Embed,
        *,
        identity: str,
        dimension: int | None = None,
        embed_queries: Embed | None = None,
        passage_length: int | None = DEFAULT_PASSAGE_LENGTH,
    ) -> None:
        self._documents = embed
        self._queries = embed_queries or embed
        self._dimension = dimension
        self.identity = identity
        self.passage_length = passage_length

    @property
    def dimension(self) -> int:
        """The length of its vectors.

        Raises:
            EmbedderError: the function failed when it was asked for one.
        """
        if self._dimension is None:
            try:
                self._dimension = int(np.asarray(self._documents(["dimension"])).shape[-1])
            except Exception as error:
                raise EmbedderError(
                    f"embedder {self.identity!r} failed on its first text with "
                    f"{type(error).__name__}, so the length of its vectors is not known"
                ) from error
        return self._dimension

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of stored texts, shape (number of texts, dimension)."""
        return np.asarray(self._documents(list(texts)), dtype=np.float32)

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of queries, shape (number of texts, dimension)."""
        return np.asarray(self._queries(list(texts)), dtype=np.float32)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.identity!r}>"


def from_langchain(embeddings: LangChainEmbeddings, *, identity: str | None = None) -> Embedder:
    """Any LangChain `Embeddings`, behind the port.

    Args:
        embeddings: queries go to its `embed_query`, stored texts to its `embed_documents`.
        identity: names the model; by default its class and its `model` or `model_name`.
    """

    def queries(texts: Sequence[str]) -> list[list[float]]:
        return [embeddings.embed_query(text) for text in texts]

    def documents(texts: Sequence[str]) -> list[list[float]]:
        return embeddings.embed_documents(list(texts))

    name = identity or _identity("langchain", embeddings)
    return CallableEmbedder(documents, identity=name, embed_queries=queries)


def from_chroma(function: Any, *, identity: str | None = None) -> Embedder:
    """Any Chroma embedding function, behind the port.

    Args:
        function: a callable on a list of texts, with or without `embed_query`.
        identity: names the model; by default the function's `name()` and its model name.
    """
    queries = getattr(function, "embed_query", None)
    name = identity or _identity("chroma", function)
    return CallableEmbedder(function, identity=name, embed_queries=queries)


def as_embedder(given: Any) -> Embedder:
    """The embedder that `given` is or can become.

    Raises:
        InvalidInputError: it is none, or a bare function whose model cannot be named.
    """
    if isinstance(given, Embedder):
        return given
    if hasattr(given, "embed_documents") and hasattr(given, "embed_query"):
        return from_langchain(given)
    if callable(given) and hasattr(given, "name"):
        return from_chroma(given)
    raise InvalidInputError(
        f"{type(given).__name__} is not an embedder; give an Embedder, LangChain Embeddings, a "
        "Chroma embedding function, or CallableEmbedder(function, identity='my-model@1')"
    )


def checked_embedding(
    embedder: Embedder, texts: Sequence[str], *, queries: bool = False
) -> NDArray[np.float32]:
    """The vectors of `texts`, proven to be as many and as long as they should be.

    Raises:
        EmbedderError: the embedder failed, or gave the wrong number, size or kind of numbers.
    """
    embed = embedder.embed_queries if queries else embedder.embed_documents
    try:
        found = np.asarray(embed(texts), dtype=np.float32)
    except CommonplaceError:
        raise
    except Exception as error:
        raise EmbedderError(
            f"embedder {embedder.identity!r} failed on {len(texts)} texts with "
            f"{type(error).__name__}; nothing was written"
        ) from error
    wanted = (len(texts), embedder.dimension)
    if found.shape != wanted:
        raise EmbedderError(
            f"embedder {embedder.identity!r} gave vectors of shape {found.shape}, not {wanted}"
        )
    if not np.isfinite(found).all():
        raise EmbedderError(f"embedder {embedder.identity!r} gave NaN or infinity")
    return found


def _identity(kind: str, model: Any) -> str:
    label = getattr(model, "model", None) or getattr(model, "model_name", None)
    own = getattr(model, "name", None)
    name = str(own()) if kind == "chroma" and callable(own) else type(model).__name__
    return f"{kind}/{name}" + (f"/{label}" if isinstance(label, str) else "")
