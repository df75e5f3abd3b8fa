"""What of an item is indexed, and in whose vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from langgraph.store.base import tokenize_path

from commonplace import InvalidInputError
from langgraph_store_commonplace._convert import WHOLE, texts_at
from langgraph_store_commonplace._embedding import Embedding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from langgraph.store.base import IndexConfig

_SETTINGS = frozenset({"dims", "embed", "fields"})

Paths = list[tuple[str, list[str]]]


@dataclass(frozen=True, slots=True)
class Index:
    """How items are indexed.

    Attributes:
        embedding: the function that the store was given; None for the memory's own.
        paths: what is indexed where a put does not say.
        space: the name of the space of the function's vectors, if it is not the memory's own.
    """

    embedding: Embedding | None
    paths: Paths
    space: str | None

    @classmethod
    def of(cls, config: IndexConfig | None, *, apart: bool) -> Index:
        """The index that a setting describes.

        Args:
            config: the setting; None for the memory's own embedder and whole documents.
            apart: whether vectors of the setting's function go to a space of their own.

        Raises:
            InvalidInputError: the setting is malformed.
        """
        given = cast("dict[str, Any]", dict(config or {}))
        if unknown := sorted(set(given) - _SETTINGS):
            raise InvalidInputError(
                f"index has no {unknown[0]!r}; it has 'dims', 'embed' and 'fields'"
            )
        embed = given.get("embed")
        embedding = None if embed is None else Embedding(embed, given.get("dims"))
        return cls(
            embedding,
            _paths(given.get("fields") or [WHOLE]),
            embedding.embedder.identity if embedding and apart else None,
        )

    def vectors(self, texts: Iterable[str]) -> Mapping[str, Sequence[float]]:
        """The vectors of texts for the space of its own; none if the memory embeds by itself."""
        if self.embedding is None or self.space is None:
            return {}
        return self.embedding.documents(texts)

    def texts(
        self, value: Mapping[str, Any], index: Literal[False] | Sequence[str] | None
    ) -> list[str]:
        """The texts of a value that are embedded."""
        if index is False:
            return []
        found = texts_at(value, self.paths if index is None else _paths(index))
        return [text for text in found if text.strip()]


def _paths(given: object) -> Paths:
    if not isinstance(given, list | tuple):
        raise InvalidInputError("fields is a list of paths such as ['text', 'meta.title']")
    paths = list(cast("Sequence[object]", given))
    if not all(isinstance(path, str) for path in paths):
        raise InvalidInputError("fields is a list of paths; one of them is not text")
    return [(path, tokenize_path(path)) for path in cast("list[str]", paths)]
