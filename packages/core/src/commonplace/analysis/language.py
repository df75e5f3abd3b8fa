"""What a language lends to the search for words: stop words and a stemmer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonplace.analysis.porter import stem

if TYPE_CHECKING:
    from collections.abc import Callable


def _unchanged(word: str) -> str:
    return word


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """How words of a language are looked for.

    Attributes:
        name: what it is called.
        stop_words: words, in lower case and without accents, that tell nothing; a query of nothing
            else keeps them.
        stem: what is common to the forms of a word; the same word must always give the same stem.
            It is given words in lower case, without accents.
    """

    name: str
    stop_words: frozenset[str] = frozenset()
    stem: Callable[[str], str] = _unchanged


# The words that stand in nearly every English text, and what an apostrophe leaves of some.
ENGLISH = Language(
    name="english",
    stop_words=frozenset(
        """
    a about above after again against all also am an and any are as at be because been before
    being below between both but by can could d did didn do does doesn doing don down during
    each few for from further had has have having he her here hers herself him himself his how i
    if in into is isn it its itself just ll m may me might more most must my myself no nor not
    now of off on once only or other our ours ourselves out over own re s same shall she should
    so some such t than that the their theirs them themselves then there these they this those
    through to too under until up ve very was wasn we were what when where which while who whom
    whose why will with would you your yours yourself yourselves
    """.split()  # noqa: SIM905 - one text reads better than 140 quoted words
    ),
    stem=stem,
)
"""English: the default."""

NO_LANGUAGE = Language(name="none")
"""No language: every word counts, and only as it is spelt."""
