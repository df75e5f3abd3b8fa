"""The meaning of a filter, in plain Python: the oracle that every backend is held to."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Final, cast

from commonplace.clock import to_micros
from commonplace.filters.parse import DOCUMENTS, TIMES, parse_filter
from commonplace.filters.tree import And, Compare, Field, Filter, Not, Or

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from commonplace.record import Record


class _Missing:
    """The value of a field that is not there."""


_MISSING: Final = _Missing()
_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


def matches(filter: Mapping[str, Any] | Filter | None, record: Record) -> bool:  # noqa: A002 - the field's name everywhere
    """Whether `record` matches the filter: a dict, or one that `parse_filter` made of it.

    Raises:
        InvalidInputError: the dict is malformed.
    """
    return _holds(parse_filter(filter), record)


def _holds(tree: Filter, record: Record) -> bool:
    if isinstance(tree, And):
        return all(_holds(part, record) for part in tree.parts)
    if isinstance(tree, Or):
        return any(_holds(part, record) for part in tree.parts)
    if isinstance(tree, Not):
        return not _holds(tree.part, record)
    return compare(tree.operator, _attribute(record, tree), tree.operand)


def compare(name: str, found: Any, operand: Any) -> bool:
    """Whether the value found in a field satisfies one operator."""
    if name == "$exists":
        return (found is not _MISSING) == operand
    if found is _MISSING or found is None:
        return (name == "$eq" and operand is None) or (name == "$in" and None in operand)
    return _compare_present(name, found, operand)


def _compare_present(name: str, found: Any, operand: Any) -> bool:
    if name == "$object":
        return isinstance(found, dict)
    if name == "$contains":
        return _contains(found, operand)
    if name in _ORDERINGS:
        return _comparable(found, operand) and _ORDERINGS[name](found, operand)
    listed = operand if name in {"$in", "$nin"} else [operand]
    return any(json_equal(found, item) for item in listed) == (name in {"$eq", "$in"})


def compare_in(document: Any, field: Field, name: str, operand: Any) -> bool:
    """Whether `field` of a document (metadata, value, source) satisfies one operator."""
    return compare(name, _resolve(document, field), operand)


def json_equal(left: Any, right: Any) -> bool:
    """Equality of JSON values: numbers by value, `True` never equal to `1`."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        lefts, rights = cast("list[Any]", left), cast("list[Any]", right)
        return len(lefts) == len(rights) and all(map(json_equal, lefts, rights))
    if isinstance(left, dict) and isinstance(right, dict):
        ours, theirs = cast("dict[str, Any]", left), cast("dict[str, Any]", right)
        return ours.keys() == theirs.keys() and all(
            json_equal(ours[key], theirs[key]) for key in ours
        )
    return left == right


def _contains(found: Any, operand: Any) -> bool:
    if isinstance(found, str):
        return isinstance(operand, str) and operand in found
    if isinstance(found, list):
        return any(json_equal(item, operand) for item in cast("list[Any]", found))
    return False


def _comparable(left: Any, right: Any) -> bool:
    return (_is_number(left) and _is_number(right)) or (
        isinstance(left, str) and isinstance(right, str)
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _attribute(record: Record, leaf: Compare) -> Any:
    root = leaf.field.root
    if root == "source":
        return _resolve(record.source.to_dict(), leaf.field)
    found = getattr(record, root)
    if found is None:
        return _MISSING
    if root in DOCUMENTS:
        return _resolve(found, leaf.field)
    if root in TIMES:
        return to_micros(found, root)
    if root == "scope":
        return record.scope.path
    return list(record.tags) if root == "tags" else found


def _resolve(document: Any, field: Field) -> Any:
    if not field.name:
        return _walk(document, field.rest)
    if isinstance(document, dict) and field.name in document:
        return _walk(document, (field.name, *field.rest))
    return _walk(document, (*field.name.split("."), *field.rest))


def _walk(document: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        if not isinstance(document, dict) or key not in document:
            return _MISSING
        document = cast("dict[str, Any]", document)[key]
    return document
