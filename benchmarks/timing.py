"""Timing: calls of several peers in turn, so that a machine's drift hits all of them alike."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.report import Measured

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

WARM_UP = 3
BUDGET = 15.0
"""Seconds after which no further round of a slow peer is begun."""


def alternated(
    calls: Mapping[str, Callable[[int], object]],
    *,
    rounds: int,
    each: int,
    warm_up: int = WARM_UP,
) -> dict[str, Measured]:
    """Times calls in rounds: some of the first, some of the second, and again, in milliseconds.

    Args:
        calls: by name; each is called with 0, 1, 2 and so on, the warm-up included.
        rounds: how many rounds.
        each: how many calls of each in a round; in a row, as a program would make them.
        warm_up: how many calls of each go before, and are not counted.
    """
    for call in calls.values():
        for number in range(warm_up):
            call(number)
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds):
        first = warm_up + turn * each
        for name, call in calls.items():
            if sum(taken[name]) < BUDGET * 1000:
                taken[name] += [stopwatch(call, number) for number in range(first, first + each)]
    return {name: measured(samples) for name, samples in taken.items()}


def stopwatch(call: Callable[[int], object], number: int = 0) -> float:
    """How many milliseconds one call takes."""
    started = time.perf_counter()
    call(number)
    return (time.perf_counter() - started) * 1000


def measured(samples: Sequence[float]) -> Measured:
    """Median and 95th percentile."""
    return Measured(p50=float(np.median(samples)), p95=float(np.quantile(samples, 0.95)))
