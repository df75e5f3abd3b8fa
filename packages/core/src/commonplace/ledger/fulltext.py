"""From words to a full-text query that cannot fail to parse."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def match_expression(words: Sequence[str], scope_ids: Sequence[int]) -> str | None:
    """The FTS5 expression that finds texts with any of the words in any of the scopes.

    Args:
        words: words, or several with spaces between that stand so in the text; no quotes in them.
        scope_ids: only texts in one of these scopes or below; empty for all.

    Returns:
        None if there is no word.
    """
    if not words:
        return None
    found = " OR ".join(f'"{word}"' for word in words)
    if not scope_ids:
        return f"content : ({found})"
    scopes = " OR ".join(f'"{scope_token(scope_id)}"' for scope_id in scope_ids)
    return f"(scopes : ({scopes})) AND (content : ({found}))"


def scope_token(scope_id: int) -> str:
    """The word that stands for a scope in the full-text index."""
    return f"s{scope_id}"


def scope_tokens(scope_ids: Sequence[int]) -> str:
    """The words for a record's scope and every scope that contains it, but the root."""
    return " ".join(scope_token(scope_id) for scope_id in scope_ids)
