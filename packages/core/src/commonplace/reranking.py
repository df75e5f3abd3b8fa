"""Reranking: new scores for the best candidates, from their texts."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from commonplace.arguments import checked_function, checked_number, checked_size
from commonplace.errors import InvalidInputError, RerankerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonplace.record import Hit


class Reranker(Protocol):
    """Says how well texts answer a query: a cross-encoder, or any other function."""

    def __call__(self, query: str, texts: Sequence[str], /) -> Sequence[float]:
        """A score for each text, higher is better."""
        ...


@dataclass(frozen=True, slots=True)
class Pool:
    """What is reranked, and how.

    Attributes:
        reranker: gives the scores.
        size: how many candidates it is given.
        seconds: how long it may take; None for as long as it takes.
    """

    reranker: Reranker
    size: int
    seconds: float | None


def checked_pool(reranker: Reranker, size: object, seconds: object) -> Pool:
    """What is reranked, if it is well-formed.

    Raises:
        InvalidInputError: an argument is malformed.
    """
    limit = None if seconds is None else checked_number(seconds, "rerank_seconds")
    if limit is not None and limit <= 0:
        raise InvalidInputError("rerank_seconds is above 0, or None for no limit")
    given = checked_function(reranker, "reranker")
    if isinstance(given, type):
        raise InvalidInputError(f"reranker takes an object, not a class; call {given.__name__}()")
    return Pool(given, checked_size(size, "rerank_pool"), limit)


def reranked(hits: Sequence[Hit], query: str, pool: Pool) -> list[Hit]:
    """The hits of the pool by their new scores, then the others; as they were if time runs out.

    Equal new scores keep their order. A reranker that is too slow is left to finish on a thread of
    its own; what it says then is not used.

    Raises:
        InvalidInputError: it gave not one number for each text.
        RerankerError: it failed.
    """
    chosen, others = list(hits[: pool.size]), list(hits[pool.size :])
    scores = _scores(query, [hit.content for hit in chosen], pool) if chosen else None
    if scores is None:
        return [*chosen, *others]
    if len(scores) != len(chosen):
        raise InvalidInputError("a reranker gives one score for each text")
    numbers = [_number(score) for score in scores]
    renewed = [
        replace(hit, score=score, parts={"reranker": score})
        for hit, score in zip(chosen, numbers, strict=True)
    ]
    return [*sorted(renewed, key=lambda hit: -hit.score), *others]


def _asked(query: str, texts: list[str], pool: Pool) -> list[Any]:
    """What the reranker says, as a list."""
    try:
        return list(pool.reranker(query, texts))
    except Exception as error:
        kind = type(error).__name__
        raise RerankerError(f"the reranker failed with {kind}; search without it") from error


def _scores(query: str, texts: list[str], pool: Pool) -> Sequence[float] | None:
    if pool.seconds is None:
        return _asked(query, texts, pool)
    answer: list[Any] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            answer.append(_asked(query, texts, pool))
        except BaseException as error:  # noqa: BLE001 - raised again where it was called
            failure.append(error)

    thread = threading.Thread(target=run, name="commonplace-reranker", daemon=True)
    thread.start()
    thread.join(pool.seconds)
    if failure:
        raise failure[0]
    return answer[0] if answer else None


def _number(score: Any) -> float:
    """A score as a number; those of numpy are fine."""
    try:
        return checked_number(float(score), "the reranker's score")
    except (TypeError, ValueError) as error:
        raise InvalidInputError("a reranker gives one score for each text") from error
