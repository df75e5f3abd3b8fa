"""From the caller's dict to the filter tree; everything malformed is refused here."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from commonplace.clock import to_micros
from commonplace.errors import InvalidInputError, LimitExceededError
from commonplace.filters.tree import EVERYTHING, And, Compare, Field, Filter, Not, Or
from commonplace.jsonvalue import checked_json, checked_text
from commonplace.limits import MAX_FILTER_DEPTH, MAX_FILTER_ITEMS, MAX_FILTER_LEAVES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DOCUMENTS = frozenset({"metadata", "value", "source"})
TIMES = frozenset({"created_at", "updated_at", "expires_at", "valid_from", "valid_to"})
NUMBERS = frozenset({"importance", "version"})
TEXTS = frozenset({"id", "scope", "key", "kind", "content"})
ATTRIBUTES = TIMES | NUMBERS | TEXTS | {"tags"}
OPERATORS = frozenset(
    {"$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists", "$contains"}
)


def parse_filter(given: Mapping[str, Any] | Filter | None, *, root: str = "metadata") -> Filter:
    """The tree for a filter such as `{"topic": "food", "stars": {"$gte": 4}}`.

    Conditions side by side must all hold. A bare name is looked up in the metadata; `@` addresses
    the record itself: `@kind`, `@importance`, `@created_at`, `@tags`, `@source.app`,
    `@value.price`, `@metadata.topic`. Operators: `$eq $ne $gt $gte $lt $lte $in $nin $exists
    $contains` on a field, `$not` on a field or a filter, `$and` and `$or` over lists of filters.
    The decided cases follow one table: a missing field and null are alike, and only `None`,
    `$in` with `None` and `$exists` match them; values of different JSON types never match
    (`True` is not `1`); a plain dict matches an object that holds at least its keys.

    Args:
        given: the filter; None or `{}` matches everything; a tree is returned as it is.
        root: the document that bare names are looked up in: `metadata`, `value` or `source`.

    Raises:
        InvalidInputError: an unknown operator or attribute, or an operand of the wrong type.
        LimitExceededError: nested more than 16 deep, or more than 256 conditions.
    """
    if given is None:
        return EVERYTHING
    if isinstance(given, And | Or | Not | Compare):
        return given
    return _Parser(root).parse(given, depth=0)


class _Parser:
    def __init__(self, root: str) -> None:
        if root not in DOCUMENTS:
            raise InvalidInputError(f"a filter's root is one of {sorted(DOCUMENTS)}")
        self._root = root
        self._leaves = 0

    def parse(self, given: object, depth: int) -> Filter:
        if not isinstance(given, dict):
            raise InvalidInputError(f"a filter is a dict, not {type(given).__name__}")
        if depth > MAX_FILTER_DEPTH:
            raise LimitExceededError(f"a filter is nested at most {MAX_FILTER_DEPTH} deep")
        conditions = cast("dict[object, object]", given)
        parts = [self._condition(name, part, depth) for name, part in conditions.items()]
        return _all_of(parts)

    def _condition(self, name: object, part: object, depth: int) -> Filter:
        if not isinstance(name, str):
            raise InvalidInputError(f"a filter's field is text, not {type(name).__name__}")
        if name in {"$and", "$or"}:
            parts = tuple(self.parse(item, depth + 1) for item in _filters(name, part))
            return And(parts) if name == "$and" else Or(parts)
        if name == "$not":
            return Not(self.parse(part, depth + 1))
        if name.startswith("$"):
            raise InvalidInputError(
                f"unknown operator {name!r} where a field was expected; "
                "only $and, $or and $not stand there"
            )
        return self._field(self._locate(name), part, depth)

    def _locate(self, name: str) -> Field:
        name = checked_text(name, "a filter's field")
        if not name.startswith("@"):
            return Field(self._root, name)
        root, _, rest = name[1:].partition(".")
        if root in DOCUMENTS:
            return Field(root, rest)
        if root in ATTRIBUTES and not rest:
            return Field(root)
        raise InvalidInputError(
            f"a record has no attribute {name!r}; it has "
            f"{', '.join('@' + known for known in sorted(ATTRIBUTES | DOCUMENTS))}"
        )

    def _field(self, field: Field, part: object, depth: int) -> Filter:
        if depth > MAX_FILTER_DEPTH:
            raise LimitExceededError(f"a filter is nested at most {MAX_FILTER_DEPTH} deep")
        if not isinstance(part, dict):
            return self._leaf(field, "$eq", part)
        conditions = cast("dict[object, object]", part)
        operators = [str(key) for key in conditions if str(key).startswith("$")]
        if not operators:
            return self._subset(field, conditions, depth)
        if len(operators) < len(conditions):
            raise InvalidInputError("operators and plain fields do not stand side by side")
        parts = [self._operator(field, str(key), item, depth) for key, item in conditions.items()]
        return _all_of(parts)

    def _operator(self, field: Field, operator: str, operand: object, depth: int) -> Filter:
        if operator == "$not":
            return Not(self._field(field, operand, depth + 1))
        return self._leaf(field, operator, operand)

    def _subset(self, field: Field, conditions: Mapping[object, object], depth: int) -> Filter:
        if field.root not in DOCUMENTS:
            raise InvalidInputError(f"@{field.root} is not an object; compare it with a value")
        parts: list[Filter] = [self._leaf(field, "$object", None)]
        for key, item in conditions.items():
            if not isinstance(key, str):
                raise InvalidInputError("a filter's field is text")
            deeper = checked_text(key, "a filter's field")
            below = Field(field.root, field.name, (*field.rest, deeper))
            parts.append(self._field(below, item, depth + 1))
        return _all_of(parts)

    def _leaf(self, field: Field, operator: str, operand: object) -> Filter:
        self._leaves += 1
        if self._leaves > MAX_FILTER_LEAVES:
            raise LimitExceededError(f"a filter has at most {MAX_FILTER_LEAVES} conditions")
        if operator == "$object":
            return Compare(field, operator, None)
        if operator not in OPERATORS:
            raise InvalidInputError(
                f"unknown operator {operator!r}; use one of {', '.join(sorted(OPERATORS))}"
            )
        return Compare(field, operator, _operand(field, operator, operand))


def _all_of(parts: list[Filter]) -> Filter:
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _filters(name: str, given: object) -> Iterator[object]:
    if not isinstance(given, list | tuple) or not given:
        raise InvalidInputError(f"{name} takes a list of at least one filter")
    yield from cast("list[object]", given)


def _operand(field: Field, operator: str, operand: object) -> Any:
    if operator == "$exists":
        if not isinstance(operand, bool):
            raise InvalidInputError("$exists takes True or False")
        return operand
    if operator in {"$in", "$nin"}:
        if not isinstance(operand, list | tuple | set | frozenset):
            raise InvalidInputError(f"{operator} takes a list of values")
        if len(cast("list[object]", operand)) > MAX_FILTER_ITEMS:
            raise LimitExceededError(
                f"{operator} takes at most {MAX_FILTER_ITEMS} values; ask several times"
            )
        return [_single(field, item) for item in cast("list[object]", operand)]
    return _single(field, operand)


def _single(field: Field, operand: object) -> Any:
    if field.root in TIMES:
        if operand is not None and not isinstance(operand, datetime):
            raise InvalidInputError(f"@{field.root} is compared with an aware datetime")
        return None if operand is None else to_micros(operand, f"@{field.root}")
    if isinstance(operand, float) and not math.isfinite(operand):
        return float(operand)  # NaN matches nothing; an infinity bounds every number
    if isinstance(operand, tuple):
        operand = list(cast("tuple[object, ...]", operand))
    return checked_json(operand, "a filter's operand")
