"""JSON that people and files give: parsed strictly, with times as they are written in JSON."""

from __future__ import annotations

from typing import Any, cast

import typer

from commonplace.cli.times import moment
from commonplace.filters.parse import TIMES
from commonplace.jsonvalue import parse_json


def metadata_option(text: str | None) -> dict[str, Any]:
    """The object given as `--metadata`.

    Raises:
        typer.BadParameter: it is not a JSON object.
    """
    return _object(text, "--metadata")


def filter_option(text: str | None) -> dict[str, Any] | None:
    """The filter given as `--filter`, with times as datetimes.

    Raises:
        typer.BadParameter: it is not a JSON object, or a time in it is none.
    """
    return None if text is None else _with_times(_object(text, "--filter"))


def _object(text: str | None, option: str) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        value = parse_json(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
    if not isinstance(value, dict):
        raise typer.BadParameter('not a JSON object such as {"a": 1}', param_hint=option)
    return cast("dict[str, Any]", value)


def _with_times(given: Any, name: str = "") -> Any:
    """JSON has no times, and the filter wants them for the fields that are times."""
    if isinstance(given, dict):
        parts = cast("dict[str, Any]", given)
        return {
            key: _with_times(part, name if key[:1] == "$" else key) for key, part in parts.items()
        }
    if isinstance(given, list):
        return [_with_times(item, name) for item in cast("list[Any]", given)]
    if isinstance(given, str) and name[:1] == "@" and name[1:] in TIMES:
        return moment(given, "--filter")
    return given
