"""Pauses between attempts."""

from __future__ import annotations

import pytest

from commonplace.pauses import doubled


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0.5), (1, 1.0), (3, 4.0), (7, 60.0), (2_000, 60.0)]
)
def test_pauses_double_up_to_a_limit(failures: int, seconds: float) -> None:
    """Regression: after a thousand failures every write raised an OverflowError."""
    assert doubled(0.5, failures, most=60.0) == seconds
