"""Small arguments of the verbs, checked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar, cast

from commonplace import limits
from commonplace.errors import InvalidInputError, LimitExceededError
from commonplace.jsonvalue import checked_text
from commonplace.record import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

T = TypeVar("T")


def checked_ids(ids: object, name: str = "id") -> list[str]:
    """Ids as a list of texts.

    Raises:
        InvalidInputError: one is not text.
    """
    given = [ids] if isinstance(ids, str) else _items(ids, name)
    return [checked_id(one, name) for one in given]


def checked_id(given: object, name: str = "id") -> str:
    """One id.

    Raises:
        InvalidInputError: it is not text.
    """
    if not isinstance(given, str):
        raise InvalidInputError(f"{name} is text, not {type(given).__name__}")
    return checked_text(given, name)


def checked_iterable(given: Iterable[T], name: str) -> Iterator[T]:
    """Something to go through that is not one text.

    Raises:
        InvalidInputError: it is none.
    """
    unsure: object = given
    if not isinstance(unsure, str | bytes | dict):
        try:
            return iter(given)
        except TypeError:
            pass
    raise InvalidInputError(f"{name} is a list, not {type(unsure).__name__}")  # pyright: ignore[reportUnknownArgumentType] - of any type


def checked_flag(given: object, name: str) -> bool:
    """True or False, and nothing that only looks like it.

    Raises:
        InvalidInputError: it is neither.
    """
    if not isinstance(given, bool):
        raise InvalidInputError(f"{name} is True or False")
    return given


def checked_choice(given: object, choices: tuple[str, ...], name: str) -> str:
    """One of the choices.

    Raises:
        InvalidInputError: it is none of them.
    """
    if not isinstance(given, str) or given not in choices:
        raise InvalidInputError(f"{name} is one of {', '.join(map(repr, choices))}")
    return given


def checked_limit(limit: object) -> int:
    """How many results at most: 0 to 100,000.

    Raises:
        InvalidInputError: negative, too many, or not a whole number.
    """
    number = checked_offset(limit, "limit")
    if number > limits.MAX_PAGE:
        raise LimitExceededError(f"limit is at most {limits.MAX_PAGE:,}; read page by page")
    return number


def checked_offset(offset: object, name: str = "offset") -> int:
    """A whole number from 0 on.

    Raises:
        InvalidInputError: it is none.
    """
    if isinstance(offset, bool) or not isinstance(offset, int) or offset < 0:
        raise InvalidInputError(f"{name} is a whole number from 0 on")
    if offset > limits.MAX_OFFSET:
        raise LimitExceededError(f"{name} is at most {limits.MAX_OFFSET}")
    return offset


def checked_size(size: object, name: str) -> int:
    """A whole number from 1 to 100,000.

    Raises:
        InvalidInputError: it is none.
    """
    number = checked_offset(size, name)
    if not 1 <= number <= limits.MAX_PAGE:
        raise InvalidInputError(f"{name} is a whole number from 1 to {limits.MAX_PAGE:,}")
    return number


def checked_function(given: T, name: str) -> T:
    """A function, or None.

    Raises:
        InvalidInputError: it is neither.
    """
    if given is not None and not callable(given):
        raise InvalidInputError(f"{name} is a function, not {type(given).__name__}")
    return given


def checked_order(order_by: str | Sequence[str]) -> tuple[str, ...]:
    """The names to order by; whether they exist is the ledger's to say.

    Raises:
        InvalidInputError: not texts.
    """
    names = [order_by] if isinstance(order_by, str) else _items(order_by, "order_by")
    if not all(isinstance(name, str) for name in names):
        raise InvalidInputError("order_by is a name or a list of names")
    return tuple(cast("list[str]", names))


def checked_operations(operations: str | Sequence[str]) -> tuple[str, ...]:
    """The operations of events; none of them for `"*"`, which is all.

    Raises:
        InvalidInputError: one is none that the journal can hold.
    """
    if isinstance(operations, str):
        names: list[object] = [] if operations == "*" else [operations]
    else:
        names = list(checked_iterable(operations, "operations"))
    if not all(isinstance(name, str) and name in OPERATIONS for name in names):
        raise InvalidInputError(
            f"an operation is one of {', '.join(map(repr, OPERATIONS))}; "
            "or '*' alone for all of them"
        )
    return tuple(dict.fromkeys(cast("list[str]", names)))


def checked_query(query: object) -> str | None:
    """The query, or None if it is missing or blank.

    Raises:
        InvalidInputError: it is not text.
        LimitExceededError: it is longer than 64,000 characters.
    """
    if query is None:
        return None
    if not isinstance(query, str):
        raise InvalidInputError(f"a query is text, not {type(query).__name__}")
    if len(query) > limits.MAX_QUERY_CHARACTERS:
        raise LimitExceededError(
            f"a query has at most {limits.MAX_QUERY_CHARACTERS:,} characters, got {len(query):,}"
        )
    return checked_text(query, "query") if query.strip() else None


def checked_number(number: object, name: str) -> float:
    """A finite number.

    Raises:
        InvalidInputError: it is none.
    """
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise InvalidInputError(f"{name} is a finite number, not {type(number).__name__}")
    try:
        found = float(number)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise InvalidInputError(f"{name} is a finite number")
    return found


def checked_weight(weight: object, name: str = "dense_weight") -> float:
    """A number from 0 to 1.

    Raises:
        InvalidInputError: it is none.
    """
    number = checked_number(weight, name)
    if not 0 <= number <= 1:
        raise InvalidInputError(f"{name} is a number from 0 to 1")
    return number


def checked_instance(given: object, wanted: type[T], name: str) -> T | None:
    """An object of a class of ours, or None.

    Raises:
        InvalidInputError: it is of another type.
    """
    if given is None or isinstance(given, wanted):
        return given
    raise InvalidInputError(f"{name} is a {wanted.__name__} or None, not {type(given).__name__}")


def checked_fraction(fraction: object, name: str) -> float:
    """A number above 0 and at most 1.

    Raises:
        InvalidInputError: it is none.
    """
    number = checked_number(fraction, name)
    if not 0 < number <= 1:
        raise InvalidInputError(f"{name} is a number above 0 and at most 1")
    return number


def checked_hops(hops: object, name: str) -> int:
    """How many links in a row: 1 to 32.

    Raises:
        InvalidInputError: none, too many, or not a whole number.
    """
    number = checked_offset(hops, name)
    if not number:
        raise InvalidInputError(f"{name} is a whole number from 1 on")
    if number > limits.MAX_HOPS:
        raise LimitExceededError(f"{name} is at most {limits.MAX_HOPS}")
    return number


def _items(given: object, name: str) -> list[object]:
    try:
        return list(cast("Iterable[object]", given))
    except TypeError as error:
        raise InvalidInputError(f"{name} is text or a list of texts") from error
