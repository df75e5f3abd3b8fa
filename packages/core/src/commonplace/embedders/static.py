"""The built-in embedder: a table of token vectors, shipped with the package."""

from __future__ import annotations

import hashlib
import re
import threading
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from tokenizers import Encoding, Tokenizer

_DATA = Path(__file__).parent / "data"
_DIMENSION = 256
_UNKNOWN = "[UNK]"

# What the table has no rows for: other scripts and emoji. Latin, its accents, punctuation,
# currencies and mathematics stay with the tokenizer.
_FOREIGN = re.compile("[^\x00-\u024f\u0300-\u036f\u1e00-\u1eff\u2000-\u206f\u20a0-\u22ff\ufe0f]+")
# From here on (radicals, kana, ideographs, Hangul, emoji) a character alone has a meaning.
_FIRST_IDEOGRAPH = "\u2e80"
# A hashed word of average length then weighs about as much as a rare word of the table.
_HASHED_WEIGHT = 0.5

_loading = threading.Lock()


class StaticEmbedder:
    """The default embedder: English meaning, offline, from the package alone.

    A text's vector is the sum of its different tokens' vectors, which were trained so that the sum
    points where all-MiniLM-L6-v2's sentence vector points. Neither word order nor repetition plays
    a part. Words in other scripts and emoji are hashed: they are found again by their spelling, not
    by their meaning.

    The table is read on first use and shared by all instances. How it was made, and what it can do
    beside its teacher, is in `docs/embedder.md`.
    """

    identity: str = "commonplace/static-en-256@1"
    dimension: int = _DIMENSION
    passage_length: int | None = 1000

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of stored texts, unit length, shape (number of texts, 256).

        Only a text that is empty or white space has a zero vector.
        """
        made = np.zeros((len(texts), _DIMENSION), dtype=np.float32)
        model = _model()
        for row, text in zip(made, texts, strict=True):
            row[:] = _unit(model.sum_of(text))
        return made

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of queries, made as those of stored texts."""
        return self.embed_documents(texts)

    def __repr__(self) -> str:
        return f"<StaticEmbedder {self.identity!r}>"


@dataclass(frozen=True)
class _Model:
    tokenizer: Tokenizer
    unknown: int
    rows: NDArray[np.int8]
    scales: NDArray[np.float32]

    def sum_of(self, text: str) -> NDArray[np.float32]:
        plain, strange = _split(text)
        # One text at a time: the tokenizer's batches start threads of their own, which costs more
        # than it gains here and makes it warn after a fork.
        encoded = self.tokenizer.encode(plain, add_special_tokens=False)
        ids: list[int] = encoded.ids
        if self.unknown in ids:
            strange += _unknown_words(plain, encoded, self.unknown)
            ids = [i for i in ids if i != self.unknown]
        if not (ids or strange):
            strange = [text.strip()]
        return self._sum_of_rows(ids) + _sum_of_hashes(strange)

    def _sum_of_rows(self, ids: list[int]) -> NDArray[np.float32]:
        # Each token once: better on conversations than counting (docs/embedder.md), and the memory
        # it takes is bounded by the vocabulary, however long the text.
        tokens = np.array(sorted(set(ids)), dtype=np.intp)
        return self.scales[tokens] @ self.rows[tokens].astype(np.float32)


def _model() -> _Model:
    with _loading:  # one thread loads, the others wait
        return _load()


@lru_cache(maxsize=1)
def _load() -> _Model:
    words = (_DATA / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]
    vocabulary = {word: number for number, word in enumerate(words)}
    return _Model(
        tokenizer=_tokenizer(vocabulary),
        unknown=vocabulary[_UNKNOWN],
        rows=np.load(_DATA / "table.npy", mmap_mode="r"),
        scales=np.load(_DATA / "scales.npy"),
    )


def _tokenizer(vocabulary: dict[str, int]) -> Tokenizer:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers  # noqa: PLC0415 (slow)

    made = Tokenizer(models.WordPiece(vocabulary, unk_token=_UNKNOWN))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return made


def _split(text: str) -> tuple[str, list[str]]:
    """What the tokenizer reads, and the runs of other scripts that are hashed."""
    if text.isascii():
        return text, []
    # Compatibility forms are one spelling of a character among several.
    text = unicodedata.normalize("NFKC", text)
    return _FOREIGN.sub(" ", text), _FOREIGN.findall(text)


def _unknown_words(text: str, encoded: Encoding, unknown: int) -> list[str]:
    spans = zip(encoded.ids, encoded.offsets, strict=True)
    return [text[start:end] for number, (start, end) in spans if number == unknown]


def _sum_of_hashes(words: list[str]) -> NDArray[np.float32]:
    total = np.zeros(_DIMENSION, dtype=np.float32)
    for word in words:
        for gram in _grams(word.casefold()):
            total += _hashed(gram)
    return total


def _grams(word: str) -> Iterator[str]:
    if word >= _FIRST_IDEOGRAPH:
        yield from word
        yield from (word[n : n + 2] for n in range(len(word) - 1))
    elif word:
        yield word
        padded = f"<{word}>"
        yield from (padded[n : n + 3] for n in range(len(padded) - 2))


@lru_cache(maxsize=4096)
def _hashed(gram: str) -> NDArray[np.float32]:
    """A direction of its own for every gram, the same on every machine: one bit per sign."""
    digest = hashlib.blake2b(gram.encode("utf-8", "surrogatepass"), digest_size=_DIMENSION // 8)
    bits = np.unpackbits(np.frombuffer(digest.digest(), dtype=np.uint8)).astype(np.float32)
    return (bits * 2 - 1) * np.float32(_HASHED_WEIGHT / _DIMENSION**0.5)


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.float32(np.linalg.norm(vector))
    return vector / length if length else vector
