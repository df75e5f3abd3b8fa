"""What the storage is held to: CrewAI's contract in plain Python."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crewai.memory.types import MemoryRecord


def segments(path: str | None) -> list[str]:
    return [segment for segment in (path or "").split("/") if segment]


def within(prefix: str | None, scope: str) -> bool:
    inside = segments(prefix)
    return segments(scope)[: len(inside)] == inside


def holds(
    record: MemoryRecord,
    prefix: str | None,
    categories: list[str] | None,
    metadata: Mapping[str, Any] | None,
) -> bool:
    return (
        within(prefix, record.scope)
        and (not categories or bool(set(categories) & set(record.categories)))
        and all(record.metadata.get(key) == value for key, value in (metadata or {}).items())
    )


def cosine(one: list[float], other: list[float]) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths if lengths else 0.0


def scores(
    held: list[MemoryRecord],
    query: list[float],
    prefix: str | None,
    categories: list[str] | None,
    metadata: Mapping[str, Any] | None,
) -> dict[str, float]:
    """The score of every record that a search may find."""
    return {
        one.id: max(cosine(query, one.embedding), 0.0)
        for one in held
        if one.embedding and any(one.embedding) and holds(one, prefix, categories, metadata)
    }


def check_found(
    found: list[tuple[MemoryRecord, float]], scores: Mapping[str, float], limit: int, least: float
) -> None:
    """The found are the best of the scored, in order."""
    best = sorted((score for score in scores.values() if score >= least - 1e-6), reverse=True)
    assert len(found) == min(max(limit, 0), len(best))
    for (record, score), expected in zip(found, best, strict=False):
        assert math.isclose(score, expected, abs_tol=1e-6)
        assert math.isclose(score, scores[record.id], abs_tol=1e-6)
    assert len({record.id for record, _ in found}) == len(found)
