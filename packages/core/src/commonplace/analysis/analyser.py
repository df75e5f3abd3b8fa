"""`Analyser`: the terms of a text and of a query."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonplace.analysis.language import Language

MAX_TERMS = 64
"""A query is looked for by so many different terms at most."""

_MOST_REMEMBERED = 200_000

# Scripts that write no spaces between words (and Hangul, whose words carry their particles): their
# runs are found by single characters and pairs. Thai to Khmer, radicals to ideographs, Hangul.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3100-\u312f"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
# Signs that belong to the letter before them; `\w` has them not.
_MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u065f\u0900-\u0963\u0966-\u0dff"
_PART = rf"[\w{_MARKS}{_UNSPACED}]+"
_WORD = re.compile(rf"{_PART}(?:[-./:\\@]{_PART})*")
_ASCII_WORD = re.compile(r"[A-Za-z0-9_]+(?:[-./:\\@][A-Za-z0-9_]+)*")
_SIGNS = re.compile(r"[-./:\\@_]+")
_PIECE = re.compile(rf"[{_UNSPACED}]+|[^{_UNSPACED}]+")
_FOREIGN = re.compile(rf"[{_UNSPACED}]")
# The seams of an identifier: aB, 1B, ABc.
_SEAM = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_CAMEL = re.compile(r"[a-z0-9][A-Z]|[A-Z]{2}[a-z]{2}")
_ACCENTS = re.compile("[\u0300-\u036f]+")
_IDENTIFIER = re.compile(r"[0-9_@./:\\]")  # well-known is two words, and v1.2 is one name
_PLAIN = re.compile(rf"[^\W_]+(?:[{_MARKS}]+[^\W_]*)*")
_QUOTE = '"\u201c\u201d\u201e\u00ab\u00bb'
_QUOTED = re.compile(f"[{_QUOTE}]([^{_QUOTE}]+)[{_QUOTE}]")


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that are looked for as they stand, one after the other.

    Attributes:
        words: the words, folded.
        terms: the terms that every text with the phrase holds.
    """

    words: tuple[str, ...]
    terms: frozenset[int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a query looks for.

    Attributes:
        words: the words to look for, folded but not stemmed; what a full-text index is asked.
        terms: the terms, in order; those of stop words only if there is nothing else.
        phrases: what stood in quotes, if it was more than one word.
    """

    words: tuple[str, ...]
    terms: tuple[int, ...]
    phrases: tuple[Phrase, ...]


class Analyser:
    """Cuts texts and queries into terms.

    A term stands for a word's stem, for an identifier or one of its parts, or for one or two
    characters of a script without spaces. Terms are numbers, the same on every machine: a hash of
    63 bits, negative for stop words. Safe to use from several threads.

    Args:
        language: stop words and stemmer.
    """

    def __init__(self, language: Language) -> None:
        self.language = language
        self._known: dict[str, tuple[int, ...]] = {}

    def terms(self, text: str) -> list[int]:
        """The terms of a text, repeats included."""
        known = self._known
        if len(known) > _MOST_REMEMBERED:
            self._known = known = {}
        found: list[int] = []
        for word in _words(text):
            terms = known.get(word)
            if terms is None:
                terms = known[word] = tuple(map(self._term, _pieces(word, short=True)))
            found += terms
        return found

    def wanted(self, query: str) -> Wanted:
        """What a query looks for."""
        text = _composed(query)
        words = dict.fromkeys(
            piece for word in _words(query) for piece in _pieces(word, short=False)
        )
        telling = [word for word in words if word not in self.language.stop_words]
        kept = (telling or list(words))[:MAX_TERMS]
        quoted = (_PLAIN.findall(_folded(inside)) for inside in _QUOTED.findall(text))
        return Wanted(
            tuple(kept),
            tuple(dict.fromkeys(map(self._term, kept))),
            tuple(self._phrase(words) for words in quoted if len(words) > 1),
        )

    def holds(self, text: str, phrase: Phrase) -> bool:
        """Whether the words of the phrase stand in the text one after the other."""
        spaced = f" {' '.join(_PLAIN.findall(_folded(_composed(text))))} "
        return f" {' '.join(phrase.words)} " in spaced

    def _phrase(self, words: list[str]) -> Phrase:
        return Phrase(tuple(words), frozenset(self.terms(" ".join(words))))

    def _term(self, piece: str) -> int:
        if piece in self.language.stop_words:
            return -_number(piece)
        return _number(self.language.stem(piece))


def searchable(text: str) -> str:
    """The text with the pieces that a full-text index of plain words would not find."""
    if text.isascii() and not _CAMEL.search(text):
        return text
    more = [
        piece
        for word in _words(text)
        if _CAMEL.search(word) or _FOREIGN.search(word)
        for piece in _pieces(word, short=True)
    ]
    return " ".join([text, *more])


def pieces(text: str) -> Iterator[str]:
    """What a text is found by, in order: its words, folded but not stemmed, and their pieces."""
    for word in _words(text):
        yield from _pieces(word, short=True)


def _pieces(word: str, *, short: bool) -> Iterator[str]:
    """What a word, or words joined by signs, is found by; short of single characters if asked."""
    parts = [part for part in _SIGNS.split(word) if part]
    seams = (
        [piece for part in parts for piece in _SEAM.split(part)] if _CAMEL.search(word) else parts
    )
    whole = _folded(word)
    if len(seams) > len(parts) or (len(parts) > 1 and _IDENTIFIER.search(word)):
        yield whole
    for part in parts if len(seams) > len(parts) and len(parts) > 1 else ():
        yield _folded(part)
    for piece in seams:
        yield from (
            _unspaced(_folded(piece), short=short) if _FOREIGN.search(piece) else (_folded(piece),)
        )


def _unspaced(piece: str, *, short: bool) -> Iterator[str]:
    for run in _PIECE.findall(piece):
        if not _FOREIGN.match(run):
            yield run
            continue
        if short or len(run) == 1:
            yield from run
        yield from (run[n : n + 2] for n in range(len(run) - 1))


def _words(text: str) -> list[str]:
    if text.isascii():
        return _ASCII_WORD.findall(text)
    return _WORD.findall(unicodedata.normalize("NFKC", text))


def _composed(text: str) -> str:
    """One spelling of what can be written in several ways, case kept."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def _folded(text: str) -> str:
    """Lower case, without the accents of letters."""
    if text.isascii():
        return text.lower()
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", text.casefold()))
    return unicodedata.normalize("NFC", bare)


def _number(piece: str) -> int:
    digest = hashlib.blake2b(piece.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest, "little") >> 1) or 1
