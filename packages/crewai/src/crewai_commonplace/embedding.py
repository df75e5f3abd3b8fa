"""The memory's own embedder as CrewAI takes one: a function, and a provider for crews."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crewai.rag.core.base_embeddings_provider import BaseEmbeddingsProvider
from pydantic import Field
from pydantic_core import SchemaSerializer, core_schema

from crewai_commonplace.stores import open_storage

if TYPE_CHECKING:
    from typing import Self

    import numpy as np
    from numpy.typing import NDArray

    from crewai_commonplace.storage import CommonplaceStorage

PROVIDER = "commonplace"


class OwnEmbedding:
    """Embeds as a memory itself does, so that what CrewAI stores is found by all who share it.

    CrewAI embeds what it stores and what it asks for in one way; an embedder that treats queries
    differently is asked as for stored texts.

    Args:
        spec: the storage whose memory embeds, or its spec.
    """

    def __init__(self, spec: str | CommonplaceStorage) -> None:
        self._storage = open_storage(spec) if isinstance(spec, str) else spec

    def __call__(self, input: list[str]) -> list[NDArray[np.float32]]:  # noqa: A002 - Chroma's name
        """A vector for each text."""
        return list(self._storage.memory.embedder.embed_documents(input))

    def embed_query(self, input: list[str]) -> list[NDArray[np.float32]]:  # noqa: A002 - as above
        """A vector for each question."""
        return list(self._storage.memory.embedder.embed_queries(input))

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    # A checkpoint holds what `register` lets CrewAI build it from again.
    __pydantic_serializer__ = SchemaSerializer(
        core_schema.any_schema(
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda own: {"provider": PROVIDER, "config": {"spec": own._storage.spec}}  # noqa: SLF001 - of this class
            )
        )
    )


class CommonplaceEmbeddings(BaseEmbeddingsProvider[OwnEmbedding]):  # pyright: ignore[reportInvalidTypeArguments] - Chroma's protocol wants its own type of documents
    """The memory's own embedder for `Crew(memory=True, embedder=CommonplaceEmbeddings(spec=...))`.

    Attributes:
        spec: the storage whose memory embeds, such as `commonplace:///var/memory?vectors=own`.
    """

    embedding_callable: type[OwnEmbedding] = Field(default=OwnEmbedding, exclude=True)
    spec: str = Field(description="The storage whose memory embeds.")
