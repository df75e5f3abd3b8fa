"""Time expressions in a question, resolved against a moment: `in May`, `two weeks ago`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_MONTH = "|".join(
    [*_MONTHS, "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sept?", "oct", "nov", "dec"]
)
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"((?:19|20)\d\d)"
_ISO = re.compile(rf"\b{_YEAR}[-/](\d{{1,2}})[-/](\d{{1,2}})\b")
_DAY_MONTH = re.compile(rf"\b{_DAY}\s+(?:of\s+)?({_MONTH})\b\.?(?:,?\s+{_YEAR})?")
_MONTH_DAY = re.compile(rf"\b({_MONTH})\b\.?\s+{_DAY}(?!\d)(?:,?\s+{_YEAR})?")
_MONTH_YEAR = re.compile(rf"\b({_MONTH})\b\.?,?\s+(?:of\s+)?{_YEAR}")
_MONTH_ALONE = re.compile(
    rf"\b(?:in|during|of|since|by|last|this|early|late|mid)[\s-]+({_MONTH})\b"
)
_YEAR_ALONE = re.compile(rf"\b{_YEAR}\b")
_NUMBERS = {
    word: number
    for number, words in enumerate(
        [
            "",
            "a an one",
            "two couple",
            "three few",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
        ]
    )
    for word in words.split()
}
_AGO = re.compile(
    rf"\b(?:a\s+)?(\d{{1,3}}|{'|'.join(_NUMBERS)})\s+(?:of\s+)?(day|week|month|year)s?\s+(?:ago|before|earlier)\b"
)
_PAST = re.compile(
    rf"\b(?:past|last|previous)\s+(?:(\d{{1,3}}|{'|'.join(_NUMBERS)})\s+)?(day|week|month|year)s?\b"
)
_NAMED = re.compile(r"\b(today|yesterday|this\s+(?:week|month|year)|(?:last|this)\s+weekend)\b")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_LAST_WEEKDAY = re.compile(rf"\b(?:last|past|on)\s+({'|'.join(_WEEKDAYS)})\b")
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_SEASON = re.compile(
    rf"\b(last|this|in(?:\s+the)?|during(?:\s+the)?)\s+({'|'.join(_SEASONS)})\b(?:\s+(?:of\s+)?{_YEAR})?"
)
_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}
_SEASON_DAYS = 92
_LEAST_SLACK = 7.0
_MICROS_A_DAY = 86_400_000_000


class Span(NamedTuple):
    """A stretch of time, both ends in days since 1970."""

    start: float
    end: float


def spans(question: str, now: datetime, years: range) -> list[Span]:
    """The stretches of time that a question names.

    Args:
        question: in English.
        now: what `yesterday` is reckoned from.
        years: the years that `in May` may mean.
    """
    text = question.lower()
    return [*_dates(text, years), *_relative(text, now)]


def closeness(times: NDArray[np.int64], wanted: list[Span]) -> NDArray[np.float64]:
    """How near each time (microseconds) is to one of the stretches: 1 within, falling to 0."""
    days = times / _MICROS_A_DAY
    best = np.zeros(len(days))
    for span in wanted:
        outside = np.maximum(np.maximum(span.start - days, days - span.end), 0.0)
        slack = max(_LEAST_SLACK, (span.end - span.start) / 2)
        best = np.maximum(best, np.exp(-outside / slack))
    return best


def _dates(text: str, years: range) -> Iterator[Span]:
    """Calendar dates; the more exact expression wins over the ones within it."""
    for pattern, parts in _PATTERNS:
        for found in pattern.finditer(text):
            named = dict(zip(parts, found.groups(), strict=True))
            year = named.get("year")
            for each in [int(year)] if year else years:
                yield from _calendar(each, _month(named.get("month")), int(named.get("day") or 0))
        text = pattern.sub(" ", text)


def _calendar(year: int, month: int, day: int) -> Iterator[Span]:
    try:
        if not month:
            start, length = datetime(year, 1, 1, tzinfo=UTC), 365
        elif not day:
            start, length = datetime(year, month, 1, tzinfo=UTC), 30
        else:
            start, length = datetime(year, month, day, tzinfo=UTC), 1
    except ValueError:  # no such day
        return
    yield _span(start, length)


def _month(name: str | None) -> int:
    if name is None:
        return 0
    if name.isdigit():
        return int(name)
    return next(n for n, month in enumerate(_MONTHS, 1) if month.startswith(name[:3]))


def _relative(text: str, now: datetime) -> Iterator[Span]:
    for number, unit in _AGO.findall(text):
        length = _DAYS[unit]
        middle = now - timedelta(days=_count(number) * length)
        yield _span(middle - timedelta(days=length / 2), length)
    for number, unit in _PAST.findall(text):
        length = _count(number) * _DAYS[unit] if number else 2 * _DAYS[unit]
        yield _span(now - timedelta(days=length), length)
    for name in _NAMED.findall(text):
        back = (
            2 if name == "yesterday" else 1 if name == "today" else _DAYS.get(name.split()[-1], 8)
        )
        yield _span(now - timedelta(days=back), back)
    for name in _LAST_WEEKDAY.findall(text):
        back = (now.weekday() - _WEEKDAYS.index(name)) % 7 or 7
        yield _span(now - timedelta(days=back + 0.5), 1)
    for which, name, year in _SEASON.findall(text):
        first = datetime(int(year or now.year), _SEASONS[name], 1, tzinfo=UTC)
        latest = now - timedelta(days=_SEASON_DAYS) if which == "last" else now
        if not year and first > latest:
            first = first.replace(year=first.year - 1)
        yield _span(first, _SEASON_DAYS)


def _count(number: str) -> int:
    return int(number) if number.isdigit() else _NUMBERS[number]


def _span(start: datetime, days: float) -> Span:
    first = start.timestamp() / 86_400
    return Span(first, first + days)


_PATTERNS = (
    (_ISO, ("year", "month", "day")),
    (_DAY_MONTH, ("day", "month", "year")),
    (_MONTH_DAY, ("month", "day", "year")),
    (_MONTH_YEAR, ("month", "year")),
    (_MONTH_ALONE, ("month",)),
    (_YEAR_ALONE, ("year",)),
)
