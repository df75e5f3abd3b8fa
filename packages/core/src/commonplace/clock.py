"""Time and ids, behind ports so that tests can fix them."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from uuid_utils import uuid7

from commonplace.errors import InvalidInputError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Clock(Protocol):
    """Tells the time in whole microseconds since 1970-01-01 UTC."""

    def now(self) -> int:
        """The present moment; never earlier than an answer already given."""
        ...


class SystemClock:
    """The machine's clock, strictly increasing: no two answers are equal, none goes back."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def now(self) -> int:
        """The present moment in microseconds since 1970-01-01 UTC."""
        with self._lock:
            self._last = max(self._last + 1, time.time_ns() // 1000)
            return self._last


def new_id() -> str:
    """A new UUIDv7 as text (RFC 9562): ids made later sort later."""
    return str(uuid7())


def to_micros(moment: datetime, name: str) -> int:
    """`moment` in whole microseconds since 1970-01-01 UTC.

    Raises:
        InvalidInputError: `moment` is not a datetime, or carries no time zone.
    """
    if not isinstance(moment, datetime):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
        raise InvalidInputError(f"{name} is a datetime, not {type(moment).__name__}")
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise InvalidInputError(
            f"{name} has no time zone; use datetime.now(UTC) or .replace(tzinfo=UTC)"
        )
    return (moment - _EPOCH) // _MICROSECOND


def from_iso(text: str) -> datetime:
    """The moment written as ISO 8601 text.

    Raises:
        InvalidInputError: it is none. Whether it has a time zone is checked where it is used.
    """
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError("a time is written like 2025-01-31T18:00:00Z") from None


def from_micros(micros: int) -> datetime:
    """The aware UTC datetime `micros` microseconds after 1970-01-01."""
    return _EPOCH + timedelta(microseconds=micros)


def from_micros_if_any(micros: int | None) -> datetime | None:
    """As `from_micros`; None for None."""
    return None if micros is None else from_micros(micros)
