"""A clock for tests: the same times in every run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = 1_700_000_000_000_000
"""When it begins, in microseconds."""


class StepClock:
    """A clock that moves a microsecond a look, and further when it is told to."""

    def __init__(self) -> None:
        self.micros = START

    def now(self) -> int:
        self.micros += 1
        return self.micros

    def moment(self) -> datetime:
        """The time of the last look."""
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self.micros)

    def wait(self, seconds: float) -> datetime:
        """Move on; the time it is then."""
        self.micros += int(seconds * 1_000_000)
        return self.moment()
