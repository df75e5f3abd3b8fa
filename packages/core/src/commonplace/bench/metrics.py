"""Measures of a ranking, and how sure their means are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROUNDS = 1_000


def scores(
    ranked: Sequence[str], answers: Sequence[str], sessions: dict[str, str]
) -> dict[str, float]:
    """The measures of one ranking of turns.

    Args:
        ranked: turns, best first.
        answers: those that answer the question.
        sessions: the session of each turn.
    """
    wanted = set(answers)
    hits = [one in wanted for one in ranked]
    gain = sum(hit / math.log2(rank + 1) for rank, hit in enumerate(hits[:10], 1))
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(10, len(wanted)) + 1))
    found = list(dict.fromkeys(sessions[one] for one in ranked if one in sessions))
    right = {sessions[one] for one in wanted}
    return {
        "recall@5": sum(hits[:5]) / len(wanted),
        "recall@10": sum(hits[:10]) / len(wanted),
        "hit@5": float(any(hits[:5])),
        "nDCG@10": gain / ideal,
        "MRR": next((1 / rank for rank, hit in enumerate(hits, 1) if hit), 0.0),
        "session hit@5": float(not right.isdisjoint(found[:5])),
    }


def interval(values: Sequence[float], groups: Sequence[str]) -> tuple[float, float]:
    """The 95 % confidence interval of a mean, by bootstrap over groups (conversations)."""
    names = sorted(set(groups))
    number = {name: n for n, name in enumerate(names)}
    rows = np.array([number[group] for group in groups])
    sums = np.bincount(rows, weights=np.array(values), minlength=len(names))
    sizes = np.bincount(rows, minlength=len(names))
    chosen = np.random.default_rng(0).integers(0, len(names), (_ROUNDS, len(names)))
    means = sums[chosen].sum(axis=1) / sizes[chosen].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5]).tolist()
    return low, high


def area(right: Sequence[float], wrong: Sequence[float]) -> float:
    """How often a right one scores above a wrong one (the area under the ROC curve)."""
    one, other = np.array(right)[:, None], np.array(wrong)[None, :]
    return float(((one > other) + 0.5 * (one == other)).mean())
