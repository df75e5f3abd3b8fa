"""From texts to a `tsvector` of the words they are found by, and from words to a `tsquery`.

The words are those of `commonplace.analysis`, so that the server finds what the search then scores;
stemmed as SQLite's full-text index stems them, whatever the language of the one who searches.
"""

from __future__ import annotations

import functools
import hashlib
from typing import TYPE_CHECKING

from commonplace.analysis import pieces, stem
from commonplace.ledger.postgres_text import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MOST_WORDS = 16_000
_MOST_BYTES = 500_000
"""A `tsvector` has room for a megabyte, and for places up to 16,383."""
_LONGEST = 200
"""Of a word in bytes; a longer one is represented by a digest."""


def parts(content: str, scopes: str) -> Iterator[str]:
    """What is stored of a text, each a `tsvector` as text; more than one if it is very long.

    Args:
        content: the text.
        scopes: the words that stand for the scopes it lies in, with spaces between.
    """
    placed = " ".join(quoted(f"/{scope}") for scope in scopes.split())
    places: dict[str, list[int]] = {}
    size = count = 0
    for word in _lexemes(content):
        if count == _MOST_WORDS or size > _MOST_BYTES:
            yield _vector(places, placed)
            places, size, count = {}, 0, 0
        count += 1
        size += 2 if word in places else len(word.encode()) + 10
        places.setdefault(word, []).append(count)
    yield _vector(places, placed)


def query(words: Sequence[str], scope_ids: Sequence[int]) -> tuple[str, str] | None:
    """The query for texts with any of the words, and the one for any of the scopes.

    Args:
        words: words, or several with spaces between, which all stand in the text.
        scope_ids: empty for all; the query for them is then empty.
    """
    asked = [" & ".join(map(quoted, _lexemes(word))) for word in words]
    if not any(asked):
        return None
    scopes = " | ".join(quoted(f"/s{scope_id}") for scope_id in scope_ids)
    return " | ".join(f"({one})" for one in asked if one), scopes


def _lexemes(text: str) -> Iterator[str]:
    """The words of a text; nothing is left of what is marks alone."""
    return (word for piece in pieces(text) if (word := _lexeme(piece)))


def _vector(places: dict[str, list[int]], placed: str) -> str:
    words = " ".join(
        f"{quoted(word)}:{','.join(map(str, some[:200]))}" for word, some in places.items()
    )
    return f"{words} {placed}"


@functools.lru_cache(maxsize=100_000)
def _lexeme(piece: str) -> str:
    word = stem(piece)
    if len(word) * 4 > _LONGEST and len(word.encode()) > _LONGEST:
        return "#" + hashlib.blake2b(word.encode(), digest_size=16).hexdigest()
    return word
