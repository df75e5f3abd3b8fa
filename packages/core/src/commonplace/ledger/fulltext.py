"""From a person's words to a full-text query that cannot fail to parse."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_TERMS = 64
_WORD = re.compile(r"[\w\u0300-\u036f]+")  # with accents that are typed after their letter

# The words that stand in nearly every English text, and what an apostrophe leaves of some; a query
# of nothing else keeps them.
STOP_WORDS = frozenset(
    """
    a about above after again against all also am an and any are as at be because been before
    being below between both but by can could d did didn do does doesn doing don down during
    each few for from further had has have having he her here hers herself him himself his how i
    if in into is isn it its itself just ll m may me might more most must my myself no nor not
    now of off on once only or other our ours ourselves out over own re s same shall she should
    so some such t than that the their theirs them themselves then there these they this those
    through to too under until up ve very was wasn we were what when where which while who whom
    why will with would you your yours yourself yourselves
    """.split()  # noqa: SIM905 - one text reads better than 140 quoted words
)


def match_expression(query: str, scope_ids: Sequence[int]) -> str | None:
    """The FTS5 expression that finds texts with any word of `query` in any of the scopes.

    Returns:
        None if `query` holds no word at all.
    """
    words = query_terms(query)
    if not words:
        return None
    found = " OR ".join(f'"{word}"' for word in words)
    if not scope_ids:
        return f"content : ({found})"
    scopes = " OR ".join(f'"{scope_token(scope_id)}"' for scope_id in scope_ids)
    return f"(scopes : ({scopes})) AND (content : ({found}))"


def query_terms(query: str) -> list[str]:
    """The distinct words of `query` worth looking for, at most 64, in order."""
    words = list(dict.fromkeys(word.lower() for word in _WORD.findall(query)))
    telling = [word for word in words if word not in STOP_WORDS]
    return (telling or words)[:MAX_TERMS]


def scope_token(scope_id: int) -> str:
    """The word that stands for a scope in the full-text index."""
    return f"s{scope_id}"


def scope_tokens(scope_ids: Sequence[int]) -> str:
    """The words for a record's scope and every scope that contains it, but the root."""
    return " ".join(scope_token(scope_id) for scope_id in scope_ids)
