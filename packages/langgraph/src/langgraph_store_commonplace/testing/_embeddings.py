"""An embedding function whose answers a person can foresee."""

from __future__ import annotations

import math
import re

from langchain_core.embeddings import Embeddings

DIMS = 64


class WordEmbeddings(Embeddings):
    """Each word has an axis of its own, the first 64 of them; texts without words are all zero.

    So the cosine of two texts is that of their words. What was embedded is kept in `documents`
    and `queries`.
    """

    def __init__(self) -> None:
        self.documents: list[str] = []
        self.queries: list[str] = []
        self._axes: dict[str, int] = {}

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vectors of stored texts."""
        self.documents.extend(texts)
        return [self.vector(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """The vector of a query."""
        self.queries.append(text)
        return self.vector(text)

    def vector(self, text: str) -> list[float]:
        """The vector of a text; unlike the others, this is not kept."""
        found = [0.0] * DIMS
        for word in re.findall(r"\w+", text.lower()):
            found[self._axes.setdefault(word, len(self._axes) % DIMS)] += 1.0
        return found

    def cosine(self, one: str, other: str) -> float:
        """The cosine of two texts; 0 if one of them has no words."""
        left, right = self.vector(one), self.vector(other)
        length = math.hypot(*left) * math.hypot(*right)
        return sum(a * b for a, b in zip(left, right, strict=True)) / length if length else 0.0
