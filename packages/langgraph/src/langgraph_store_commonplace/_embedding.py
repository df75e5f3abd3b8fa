"""The embedding function that a store was given, behind the embedder port of the memory."""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_core.embeddings import Embeddings
from langgraph.store.base import ensure_embeddings
from langgraph.store.base.embed import EmbeddingsLambda

from commonplace import CallableEmbedder, EmbedderError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

    Vectors = Mapping[str, Sequence[float]]


class Prepared(NamedTuple):
    """Vectors that were made beforehand, by text."""

    documents: Vectors
    queries: Vectors


_PREPARED: ContextVar[Prepared | None] = ContextVar("prepared", default=None)


class Embedding:
    """A LangGraph `embed` setting: `Embeddings`, a function, an async function or a model's name.

    Stored texts are embedded by `embed_documents`, queries by `embed_query`.

    Args:
        given: the setting.
        dims: the length of the vectors; found by embedding one word if left out.
    """

    def __init__(self, given: Any, dims: int | None) -> None:
        self.embeddings = ensure_embeddings(given)
        self.embedder = CallableEmbedder(
            self._documents,
            identity=_identity(self.embeddings),
            dimension=dims,
            embed_queries=self._queries,
            passage_length=None,
        )

    @property
    def has_async(self) -> bool:
        """Whether it embeds asynchronously by itself, and not in a thread."""
        if isinstance(self.embeddings, EmbeddingsLambda):
            return hasattr(self.embeddings, "afunc")
        return type(self.embeddings).aembed_documents is not Embeddings.aembed_documents

    async def prepare(self, documents: Sequence[str], queries: Sequence[str]) -> Prepared:
        """The vectors of some texts, made in the caller's event loop; each text once.

        Raises:
            EmbedderError: there are not as many vectors as texts.
        """
        texts = list(dict.fromkeys(documents))
        made = await self.embeddings.aembed_documents(texts) if texts else []
        if len(made) != len(texts):
            raise EmbedderError(
                f"embedder {self.embedder.identity!r} gave {len(made)} vectors for {len(texts)} "
                "texts; nothing was written"
            )
        asked = {text: await self.embeddings.aembed_query(text) for text in dict.fromkeys(queries)}
        return Prepared(dict(zip(texts, made, strict=True)), asked)

    def documents(self, texts: Iterable[str]) -> dict[str, Sequence[float]]:
        """The vectors of texts that are stored, each made once.

        Raises:
            EmbedderError: they are too few, too many or of another length.
        """
        unique = list(dict.fromkeys(texts))
        return dict(zip(unique, self._checked(self._documents, unique), strict=True))

    def query(self, text: str) -> Sequence[float]:
        """The vector of a query.

        Raises:
            EmbedderError: it is of another length.
        """
        return self._checked(self._queries, [text])[0]

    def _checked(
        self, embed: Callable[[Sequence[str]], list[Any]], texts: list[str]
    ) -> list[Sequence[float]]:
        found = embed(texts) if texts else []
        wanted = self.embedder.dimension
        lengths = sorted({len(vector) for vector in found} - {wanted})
        if len(found) != len(texts) or lengths:
            raise EmbedderError(
                f"embedder {self.embedder.identity!r} gave {len(found)} vectors of "
                f"{lengths[0] if lengths else wanted} numbers, not {len(texts)} of {wanted}; "
                "nothing was written"
            )
        return found

    @staticmethod
    @contextlib.contextmanager
    def using(prepared: Prepared) -> Generator[None]:
        """Embed from these vectors, within this block and thread."""
        token = _PREPARED.set(prepared)
        try:
            yield
        finally:
            _PREPARED.reset(token)

    def _documents(self, texts: Sequence[str]) -> list[Any]:
        prepared = _PREPARED.get()
        if prepared is not None and not set(texts) - prepared.documents.keys():
            return [prepared.documents[text] for text in texts]
        return self.embeddings.embed_documents(list(texts))

    def _queries(self, texts: Sequence[str]) -> list[Any]:
        prepared = _PREPARED.get()
        if prepared is not None and not set(texts) - prepared.queries.keys():
            return [prepared.queries[text] for text in texts]
        return [self.embeddings.embed_query(text) for text in texts]


def _identity(embeddings: Embeddings) -> str:
    """Names the model, as the memory itself names LangChain's `Embeddings`."""
    function: Any = getattr(embeddings, "func", None) or getattr(embeddings, "afunc", None)
    if function is not None:
        named: Any = function if hasattr(function, "__qualname__") else function.__class__
        return f"langchain/{named.__module__}.{named.__qualname__}"
    model = getattr(embeddings, "model", None) or getattr(embeddings, "model_name", None)
    return f"langchain/{type(embeddings).__name__}" + (
        f"/{model}" if isinstance(model, str) else ""
    )
