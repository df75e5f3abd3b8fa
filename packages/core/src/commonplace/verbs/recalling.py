"""`recall`: what a memory has to say on a question, ready for a prompt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from commonplace.arguments import checked_offset, checked_size, checked_weight
from commonplace.recalling import LeftOut, Recall, collapsed, spoken
from commonplace.rendering import render
from commonplace.threads.tokens import approximate_tokens
from commonplace.verbs.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonplace.record import Hit, Hits
    from commonplace.rendering import RenderFormat


class Recalling(Reading):
    """The verb that puts a search into words."""

    def recall(
        self,
        query: str,
        *,
        token_budget: int = 1000,
        limit: int = 20,
        context: int = 1,
        min_relevance: float = 0.0,
        format: RenderFormat = "markdown",  # noqa: A002 - the field's name everywhere
        count_tokens: Callable[[str], int] = approximate_tokens,
        **search: Any,
    ) -> Recall:
        """What this memory has to say on a question, as quoted data within a budget of tokens.

        Hits that say what a better one says are left out, and so is what does not fit; each is
        reported with the reason. Messages of a thread stand with who said them and with their
        neighbours.

        Args:
            query: the question.
            token_budget: how many tokens the text may have.
            limit: how many hits are looked at.
            context: how many messages to show on either side of one that was found.
            min_relevance: show nothing if it is less likely than this, 0 to 1, that what was found
                answers the question. 0.2 turns away about half of the questions that have nothing
                to do with a memory, and about one in fifteen that have (`docs/recall.md`).
            format: `markdown` or `json`.
            count_tokens: counts the tokens of a text; about, by default.
            **search: further arguments of `search`, such as `scope`, `filter`, `now`, `reranker`.

        Raises:
            InvalidInputError: an argument is malformed.
        """
        checked_size(token_budget, "token_budget")
        least = checked_weight(min_relevance, "min_relevance")
        around = checked_offset(context, "context")
        hits = self.search(query, limit=limit, context=max(around, 1), **search)
        if hits.relevance is not None and hits.relevance < least:
            gone = tuple(LeftOut(hit=hit, reason="irrelevant") for hit in hits)
            return Recall(text="", left_out=gone, relevance=hits.relevance)
        return _rendered(_trimmed(hits, around), hits.relevance, token_budget, format, count_tokens)


def _rendered(
    hits: list[Hit],
    relevance: float | None,
    budget: int,
    format: RenderFormat,  # noqa: A002 - the field's name everywhere
    count_tokens: Callable[[str], int],
) -> Recall:
    kept, left_out = collapsed(hits)
    rendering = render(
        [spoken(hit) for hit in kept],
        token_budget=budget,
        format=format,
        count_tokens=count_tokens,
    )
    shown = {record.id for record in rendering.shown}
    left_out += [LeftOut(hit=hit, reason="budget") for hit in kept if hit.id not in shown]
    return Recall(
        text=rendering.text,
        hits=tuple(hit for hit in kept if hit.id in shown),
        left_out=tuple(left_out),
        tokens=rendering.tokens,
        relevance=relevance,
    )


def _trimmed(hits: Hits, around: int) -> list[Hit]:
    """The hits; without their neighbours, if none were asked for, but with who said them."""
    if around:
        return list(hits)
    return [
        replace(hit, context=tuple(one for one in hit.context if one.record_id == hit.id))
        for hit in hits
    ]
