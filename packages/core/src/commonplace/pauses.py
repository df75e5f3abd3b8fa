"""How long to wait before something that failed is tried again."""

from __future__ import annotations

_MOST_DOUBLINGS = 30
"""More would soon be beyond every float."""


def doubled(first: float, failures: int, *, most: float) -> float:
    """Seconds to wait: twice as long after every failure, up to a limit.

    Args:
        first: seconds before any failure.
        failures: how many there were in a row.
        most: seconds at most.
    """
    return min(first * 2 ** min(failures, _MOST_DOUBLINGS), most)
