"""JSON values: checked and copied on the way in, written one way, read back equal."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from commonplace.errors import InvalidInputError, LimitExceededError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_JSON_DEPTH = 64
MAX_INTEGER_BITS = 4096
_WRITER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
"""Anything JSON can hold. Tuples, bytes, dates and NaN are not JSON and are refused."""


def checked_json(value: object, name: str, *, depth: int = 0) -> JsonValue:
    """A deep copy of `value`, proven to be JSON that reads back equal.

    Args:
        value: what the caller gave.
        name: what to call it in an error, such as `"metadata"`.
        depth: how deep `value` itself already lies.

    Raises:
        InvalidInputError: something in it is not JSON: another type, a key that is not text, NaN,
            an infinity, or a lone surrogate.
        LimitExceededError: nested more than 64 deep (which a value that contains itself is, too),
            or an integer of more than 4,096 bits.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return checked_text(value, name)
    if isinstance(value, int):
        return _writable(value, name)
    if isinstance(value, float):
        return _finite(value, name)
    if depth >= MAX_JSON_DEPTH:
        raise LimitExceededError(f"{name} is nested more than {MAX_JSON_DEPTH} deep; flatten it")
    if isinstance(value, list):
        items = cast("list[object]", value)
        return [checked_json(item, name, depth=depth + 1) for item in items]
    if isinstance(value, dict):
        return _checked_object(cast("dict[object, object]", value), name, depth)
    raise InvalidInputError(
        f"{name} holds a {type(value).__name__}, which is not JSON; "
        "use None, bool, int, float, str, list or dict"
    )


def checked_text(text: str, name: str) -> str:
    """`text` as a plain `str`, proven to be valid Unicode.

    Raises:
        InvalidInputError: it holds a lone surrogate, which no file or database can keep.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInputError(
            f"{name} holds a lone surrogate at position {error.start}; "
            "clean it with text.encode('utf-8', 'replace').decode()"
        ) from None
    return str.__str__(text)  # the text of an enum member, not its name


def dump_json(value: JsonValue | Mapping[str, Any]) -> str:
    """The one way a JSON value is written: compact, in the order given, Unicode as it is."""
    return _WRITER.encode(value)


def load_json(text: str) -> Any:
    """The JSON value written as `text`."""
    return json.loads(text)


def parse_json(text: str) -> Any:
    """The JSON value that somebody wrote as `text`, taken strictly.

    Raises:
        InvalidInputError: it is none; the message holds none of the text.
    """
    try:
        return json.loads(text, parse_constant=refuse_constant)
    except json.JSONDecodeError as error:
        raise InvalidInputError(f"not JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise InvalidInputError("nested too deep") from None
    except InvalidInputError:
        raise
    except ValueError:
        raise InvalidInputError("not JSON: an integer has too many digits") from None


def refuse_constant(constant: str) -> Any:
    """Refuse NaN and the infinities, which Python's reader takes and JSON does not have.

    Raises:
        InvalidInputError: always.
    """
    raise InvalidInputError(f"{constant} is not JSON")


def _writable(number: int, name: str) -> int:
    if number.bit_length() > MAX_INTEGER_BITS:
        raise LimitExceededError(
            f"{name} holds an integer of more than {MAX_INTEGER_BITS} bits; store it as text"
        )
    return int(number)


def _finite(number: float, name: str) -> float:
    if not math.isfinite(number):
        raise InvalidInputError(f"{name} holds {number!r}, which JSON cannot keep; use None")
    return float(number)


def _checked_object(value: dict[object, object], name: str, depth: int) -> JsonValue:
    copy: dict[str, JsonValue] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise InvalidInputError(f"{name} has a key of type {type(key).__name__}; use text keys")
        copy[checked_text(key, f"a key of {name}")] = checked_json(item, name, depth=depth + 1)
    return copy
