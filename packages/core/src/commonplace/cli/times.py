"""Moments and spans of time that people give on the command line."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import typer

from commonplace.clock import from_iso

if TYPE_CHECKING:
    from datetime import datetime

_SPAN = re.compile(r"([0-9]{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment_option(text: str | None, option: str) -> datetime | None:
    """The moment given as an option.

    Raises:
        typer.BadParameter: it is none, or has no time zone.
    """
    return None if text is None else moment(text, option)


def moment(text: str, option: str) -> datetime:
    """The moment written in an option.

    Raises:
        typer.BadParameter: it is none, or has no time zone.
    """
    try:
        found = from_iso(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
    if found.utcoffset() is None:
        raise typer.BadParameter(
            "write it with a time zone, such as 2024-02-01T00:00Z", param_hint=option
        )
    return found


def span_option(text: str | None, option: str) -> timedelta | None:
    """The span given as an option: a whole number of minutes, hours, days or weeks.

    Raises:
        typer.BadParameter: it is none.
    """
    if text is None:
        return None
    found = _SPAN.fullmatch(text)
    if found is None:
        raise typer.BadParameter("a span is written like 30m, 12h, 90d or 2w", param_hint=option)
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
