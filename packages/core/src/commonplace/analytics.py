"""`ThreadStats` and `Timeline`: conversations and records in numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from commonplace.clock import from_micros

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

Bucket: TypeAlias = Literal["hour", "day", "week", "month"]
"""How long the parts of a timeline are."""
BUCKETS: tuple[Bucket, ...] = ("hour", "day", "week", "month")

_HOUR = 3_600_000_000
DAY = 24 * _HOUR
WIDTHS: dict[Bucket, int] = {"hour": _HOUR, "day": DAY, "week": DAY, "month": DAY}
"""What a ledger counts by, in microseconds, so that the parts can be made of it."""
_SPANS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}


class Counted(NamedTuple):
    """How many records were made in a span of time, by its number since 1970, and the ends."""

    number: int
    records: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadStats:
    """A conversation, or several together, in numbers. Days and times are UTC.

    Attributes:
        threads: how many conversations.
        messages: how many messages they have.
        tokens: how many tokens these take.
        roles: how many messages each role has, most first.
        first_at: when the oldest message was written; None if there is none.
        last_at: when the newest one was.
        days: how many messages were written on each day on which there were any, in order.
    """

    threads: int = 0
    messages: int = 0
    tokens: int = 0
    roles: dict[str, int] = field(default_factory=dict[str, int])
    first_at: datetime | None = None
    last_at: datetime | None = None
    days: dict[date, int] = field(default_factory=dict["date", int])

    def to_dict(self) -> dict[str, Any]:
        """The numbers as JSON: times and days as ISO 8601 text."""
        return {
            "threads": self.threads,
            "messages": self.messages,
            "tokens": self.tokens,
            "roles": self.roles,
            "first_at": _text(self.first_at),
            "last_at": _text(self.last_at),
            "days": {day.isoformat(): messages for day, messages in self.days.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelinePart:
    """An hour, a day, a week or a month of a timeline.

    Attributes:
        start: when it begins, UTC; a week on Monday.
        end: when the next one would begin.
        records: how many records were made in it.
    """

    start: datetime
    end: datetime
    records: int

    def to_dict(self) -> dict[str, Any]:
        """The part as JSON: times as ISO 8601 text."""
        return {
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "records": self.records,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """When records were made.

    Attributes:
        bucket: how long its parts are.
        parts: those in which there are records, in order.
        records: how many records there are in all.
        first_at: when the oldest was made, UTC; None if there is none.
        last_at: when the newest was.
    """

    bucket: Bucket
    parts: tuple[TimelinePart, ...] = ()
    records: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None

    @property
    def span(self) -> timedelta:
        """The time between the oldest record and the newest."""
        if self.first_at is None or self.last_at is None:
            return timedelta()
        return self.last_at - self.first_at

    @property
    def busiest(self) -> TimelinePart | None:
        """The part with most records, the newest of several; None if there are none."""
        return max(self.parts, key=lambda part: (part.records, part.start), default=None)

    def to_dict(self) -> dict[str, Any]:
        """The timeline as JSON: times as ISO 8601 text, the span in seconds."""
        return {
            "bucket": self.bucket,
            "records": self.records,
            "first_at": _text(self.first_at),
            "last_at": _text(self.last_at),
            "span": self.span.total_seconds(),
            "busiest": None if self.busiest is None else self.busiest.to_dict(),
            "parts": [part.to_dict() for part in self.parts],
        }


def timeline_of(bucket: Bucket, counts: Iterable[Counted]) -> Timeline:
    """A timeline from what a ledger counted by the width of its parts (`WIDTHS`), in order."""
    width = WIDTHS[bucket]
    held: dict[datetime, int] = {}
    spans = list(counts)
    for span in spans:
        start = _start(bucket, from_micros(span.number * width))
        held[start] = held.get(start, 0) + span.records
    return Timeline(
        bucket=bucket,
        parts=tuple(
            TimelinePart(start=start, end=_end(bucket, start), records=records)
            for start, records in held.items()
        ),
        records=sum(held.values()),
        first_at=from_micros(spans[0].first) if spans else None,
        last_at=from_micros(spans[-1].last) if spans else None,
    )


def _start(bucket: Bucket, moment: datetime) -> datetime:
    """When the part begins that a moment lies in; the year 1 begins on a Monday."""
    if bucket == "week":
        return moment - timedelta(days=moment.weekday())
    return moment.replace(day=1) if bucket == "month" else moment


def _end(bucket: Bucket, start: datetime) -> datetime:
    """When the part ends that begins then; the last moment there is, where none comes after."""
    try:
        if bucket == "month":
            return (start + timedelta(days=31)).replace(day=1)
        return start + _SPANS[bucket]
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
