"""Named points in the code where a test may kill, delay or fail the process.

Nothing is armed unless a test arms it: then `reach` costs one look at a variable. The idea is that
of FoundationDB's BUGGIFY and of fail-points in databases: faults at the moments that matter, not
only at random ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_armed: Callable[[str], None] | None = None


def reach(name: str) -> None:
    """Say that a point was reached; what is armed decides what happens."""
    if _armed is not None:
        _armed(name)


def arm(action: Callable[[str], None] | None) -> None:
    """Call `action` with the name of every point that is reached; None to stop."""
    global _armed  # noqa: PLW0603 - one per process is the meaning of it
    _armed = action
