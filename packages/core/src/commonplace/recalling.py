"""What `recall` puts together: hits without repeats, messages with who said them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from commonplace.message import Message
    from commonplace.record import Hit, Record

Reason: TypeAlias = Literal["irrelevant", "duplicate", "shown", "budget"]
"""Why a hit was left out of a recall."""

_WORD = re.compile(r"\w+")
_DIGIT = re.compile(r"\d")
_NEGATIONS = frozenset({"no", "not", "never", "none", "nobody", "nothing", "t", "without"})
_ALIKE = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A hit that a recall does not show.

    Attributes:
        hit: the hit.
        reason: `irrelevant` (nothing found was relevant enough), `duplicate` (it says what a better
            hit says), `shown` (it stands in the context of a better hit) or `budget`.
        of: the id of the better hit, or None.
    """

    hit: Hit
    reason: Reason
    of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Recall:
    """Memories for a prompt, and what was left out of it.

    Attributes:
        text: what a model is shown, quoted as data; empty if nothing is.
        hits: the hits in it, best first.
        left_out: the hits that are not in it, and why.
        tokens: how many tokens `text` has, about; at most the budget.
        relevance: how likely it is that the hits answer the query, 0 to 1; see `Hits`.
    """

    text: str
    hits: tuple[Hit, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    tokens: int = 0
    relevance: float | None = None

    def __str__(self) -> str:
        return self.text

    def __bool__(self) -> bool:
        return bool(self.text)

    def __repr__(self) -> str:
        return (
            f"<Recall of {len(self.hits)} records, {self.tokens} tokens, "
            f"{len(self.left_out)} left out>"
        )


def collapsed(hits: Iterable[Hit]) -> tuple[list[Hit], list[LeftOut]]:
    """The hits without those that say nothing new, and those."""
    kept: list[Hit] = []
    left_out: list[LeftOut] = []
    said: list[tuple[frozenset[str], str]] = []
    shown: dict[str, str] = {}
    for hit in hits:
        words = frozenset(_WORD.findall(hit.content.casefold()))
        same = next((one for known, one in said if _alike(words, known)), None)
        if hit.id in shown:
            left_out.append(LeftOut(hit=hit, reason="shown", of=shown[hit.id]))
        elif same is not None:
            left_out.append(LeftOut(hit=hit, reason="duplicate", of=same))
        else:
            fresh = tuple(one for one in hit.context if one.record_id not in shown)
            kept.append(replace(hit, context=fresh))
            said.append((words, hit.id))
            shown |= {one.record_id: hit.id for one in fresh}
    return kept, left_out


def spoken(hit: Hit) -> Record:
    """The record as it is rendered: a message as its context, line by line, with the speakers."""
    if not hit.context:
        return hit.record
    lines = "\n".join(f"{_speaker(message)}: {message.text}" for message in hit.context)
    # A message was said when it was made; that it was edited since tells nothing of that.
    return replace(hit.record, content=lines, updated_at=hit.record.created_at)


def _speaker(message: Message) -> str:
    return message.name or message.role


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two texts say the same: nearly the same words, and the same numbers and negations."""
    if one == other:
        return True
    differing = one ^ other
    if any(_DIGIT.search(word) or word in _NEGATIONS for word in differing):
        return False
    return len(one & other) >= _ALIKE * len(one | other)
