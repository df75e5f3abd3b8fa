"""From texts to the terms they are found by: words, stems, identifiers, pieces of other scripts."""

from __future__ import annotations

from commonplace.analysis.analyser import MAX_TERMS, Analyser, Phrase, Wanted, pieces, searchable
from commonplace.analysis.language import ENGLISH, NO_LANGUAGE, Language
from commonplace.analysis.porter import stem

__all__ = [
    "ENGLISH",
    "MAX_TERMS",
    "NO_LANGUAGE",
    "Analyser",
    "Language",
    "Phrase",
    "Wanted",
    "pieces",
    "searchable",
    "stem",
]
