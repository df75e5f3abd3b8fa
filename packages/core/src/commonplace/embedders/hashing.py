"""Embedders that need no model: for tests, and for vectors that come from elsewhere."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import numpy as np

from commonplace.errors import EmbedderError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_WORD = re.compile(r"\w+")


class HashingEmbedder:
    """A deterministic embedder from hashed words and character trigrams, for tests.

    Equal on every machine and version; texts that share words or parts of words are near.

    Args:
        dimension: the length of its vectors.
        passage_length: longest text in characters for one vector; None for any length.
    """

    def __init__(self, dimension: int = 256, *, passage_length: int | None = None) -> None:
        self.dimension = dimension
        self.passage_length = passage_length
        self.identity = f"commonplace/hashing-{dimension}@1"

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of stored texts, unit length, shape (number of texts, dimension)."""
        return np.stack([self._embed(text) for text in texts])

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of queries, made as those of stored texts."""
        return self.embed_documents(texts)

    def _embed(self, text: str) -> NDArray[np.float32]:
        vector = np.zeros(self.dimension, dtype=np.float32)
        for feature, weight in _features(text):
            digest = hashlib.blake2b(feature.encode(), digest_size=8).digest()
            number = int.from_bytes(digest, "little")
            vector[number % self.dimension] += weight if number >> 63 else -weight
        length = float(np.linalg.norm(vector))
        return vector / length if length else vector

    def __repr__(self) -> str:
        return f"<HashingEmbedder {self.identity!r}>"


class PrecomputedEmbedder:
    """Stands for a model that is run elsewhere: every record and query brings its own vector.

    Args:
        identity: names the model that makes the vectors.
        dimension: the length of its vectors.
    """

    def __init__(self, identity: str, dimension: int) -> None:
        self.identity = identity
        self.dimension = dimension
        self.passage_length = None

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:  # noqa: ARG002 - the port
        """Always raises: the vectors come from elsewhere.

        Raises:
            EmbedderError: give `vector=`, or `embed=False`.
        """
        raise EmbedderError("this memory takes precomputed vectors; give vector= with each record")

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:  # noqa: ARG002 - the port
        """Always raises: the vectors come from elsewhere.

        Raises:
            EmbedderError: give `vector=`, or search with `mode="lexical"`.
        """
        raise EmbedderError("this memory takes precomputed vectors; search with vector=")

    def __repr__(self) -> str:
        return f"<PrecomputedEmbedder {self.identity!r}>"


def _features(text: str) -> Iterator[tuple[str, float]]:
    for word in _WORD.findall(text.lower()) or [text.strip()]:
        if not word:
            continue
        yield word, 1.0
        padded = f"<{word}>"
        for start in range(len(padded) - 2):
            yield padded[start : start + 3], 0.3
