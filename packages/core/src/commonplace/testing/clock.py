"""`FakeClock`: a clock for tests, the same times in every run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from commonplace.clock import from_micros, to_micros

START = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
"""When it begins, if nothing else is said."""


class FakeClock:
    """A clock that moves a microsecond a look, and further when it is told to.

    Give it as `Memory(..., clock=FakeClock())`. What is to expire then does so when the test says
    so, and nothing in a test has to sleep.

    Args:
        start: when it begins.
        step: how many microseconds it moves at each look; 0 to stand still.

    Attributes:
        micros: the time of the last look, in microseconds since 1970-01-01 UTC.
        step: as above; may be changed.
    """

    def __init__(self, start: datetime = START, *, step: int = 1) -> None:
        self.micros = to_micros(start, "start")
        self.step = step

    def now(self) -> int:
        """The time, in microseconds since 1970-01-01 UTC."""
        self.micros += self.step
        return self.micros

    def moment(self) -> datetime:
        """The time of the last look."""
        return from_micros(self.micros)

    def wait(self, seconds: float) -> datetime:
        """Move on by so many seconds; the time it is then."""
        self.micros += timedelta(seconds=seconds) // timedelta(microseconds=1)
        return self.moment()
