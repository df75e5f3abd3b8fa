"""One filter comparison in SQLite's SQL, equal to the plain-Python meaning case by case.

Scalars of ordinary shape compare in SQL. What SQLite's JSON functions cannot do exactly (integers
beyond 64 bits, floats that differ in the last digits, text with NUL, whole lists and objects, keys
that its path syntax cannot name) goes to the Python function `commonplace_leaf`.
"""

from __future__ import annotations

import functools
import json
import math
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, and_, case, false, func, literal, or_, select
from sqlalchemy.sql import operators

from commonplace.filters import Compare, Field
from commonplace.filters.match import compare_in
from commonplace.filters.parse import DOCUMENTS, NUMBERS, TEXTS, TIMES
from commonplace.jsonvalue import dump_json, load_json
from commonplace.ledger.schema import records, scopes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ORDERINGS: dict[str, Callable[[Any, Any], Any]] = {
    "$eq": operators.eq,
    "$gt": operators.gt,
    "$gte": operators.ge,
    "$lt": operators.lt,
    "$lte": operators.le,
}
_INT64 = 2**63
_NUL = "\\u0000"
# Up to here a float that equals an integer is written with the integer's digits.
_PLAIN_INTEGERS = 10**15
# SQLite reads a decimal into a double with an error of a few units in the last place.
_NEAR = 1e-12


def leaf(node: Compare) -> ColumnElement[bool]:
    """The condition for one comparison; never NULL."""
    if node.operator == "$ne":
        present = Compare(node.field, "$in", [node.operand, None])
        return ~leaf(present) if node.operand is not None else ~_is_null(node.field)
    if node.operator == "$nin":
        return ~leaf(Compare(node.field, "$in", [*node.operand, None]))
    if node.operator == "$in":
        return or_(false(), *(leaf(Compare(node.field, "$eq", item)) for item in node.operand))
    if node.operator == "$eq" and node.operand is None:
        return _is_null(node.field)
    if node.field.root in DOCUMENTS:
        return _document_leaf(node)
    return func.coalesce(_attribute_leaf(node), 0) == 1


def has_tag(tags: Sequence[str]) -> ColumnElement[bool]:
    """The condition that a record carries at least one of the tags."""
    return or_(*(leaf(Compare(Field("tags"), "$contains", tag)) for tag in tags))


def leaf_function(document: str | None, leaf_text: str) -> int:
    """`commonplace_leaf(document, leaf)`: one comparison decided in Python."""
    if document is None:
        return 0
    field, name, operand = _parsed_leaf(leaf_text)
    return int(compare_in(load_json(document), field, name, operand))


@functools.lru_cache(maxsize=256)
def _parsed_leaf(text: str) -> tuple[Field, str, Any]:
    root, name, rest, operator, operand = load_json(text)
    return Field(root, name, tuple(rest)), operator, operand


def _in_python(node: Compare) -> ColumnElement[bool]:
    field = node.field
    # NaN and infinities are legal operands, so this is Python's lenient JSON, not ours.
    text = json.dumps([field.root, field.name, field.rest, node.operator, node.operand])
    return func.commonplace_leaf(records.c[field.root], text) == 1


def _is_null(field: Field) -> ColumnElement[bool]:
    if field.root not in DOCUMENTS:
        return _column(field).is_(None)
    if not _addressable(field):
        return or_(records.c[field.root].is_(None), _in_python(Compare(field, "$eq", None)))
    kind = _per_path(field, _kind_at)
    return or_(kind.is_(None), kind == "null")


def _document_leaf(node: Compare) -> ColumnElement[bool]:
    if not _addressable(node.field):
        return _in_python(node)
    if node.operator == "$exists":
        kind = _per_path(node.field, _kind_at)
        return kind.is_not(None) if node.operand else kind.is_(None)
    if node.operator == "$object":
        return func.coalesce(_per_path(node.field, _kind_at) == "object", 0) == 1
    if node.operator == "$contains":
        return _in_python(node)
    exact = func.coalesce(_scalar_leaf(node), 0) == 1
    if (trace := _trace(node)) is None:
        return exact
    seen = func.instr(records.c[node.field.root], trace) > 0
    return case((seen, exact), else_=false())


def _trace(node: Compare) -> str | None:
    """Text that the stored JSON must hold if the field equals the operand; None if none is sure.

    Looking for it spares most rows the parsing of their JSON.
    """
    operand, field = node.operand, node.field
    key = field.rest[-1] if field.rest else field.name
    if node.operator != "$eq" or not key or (not field.rest and "." in key):
        return None
    if isinstance(operand, float) and operand.is_integer() and abs(operand) < _PLAIN_INTEGERS:
        operand = int(operand)
    if isinstance(operand, bool | str):
        return f"{dump_json(key)}:{dump_json(operand)}"
    if isinstance(operand, int) and 0 < abs(operand) < _PLAIN_INTEGERS:
        return f"{dump_json(key)}:{operand}"
    return None


def _scalar_leaf(node: Compare) -> ColumnElement[Any]:
    operand = node.operand
    if isinstance(operand, bool):
        kind = "true" if operand else "false"
        return _per_path(node.field, _kind_at) == kind if node.operator == "$eq" else false()
    if isinstance(operand, str):
        return _text_leaf(node)
    if isinstance(operand, int | float):
        return _number_leaf(node)
    return _in_python(node)


def _text_leaf(node: Compare) -> ColumnElement[Any]:
    document = records.c[node.field.root]
    in_sql = and_(
        _per_path(node.field, _kind_at) == "text",
        _ORDERINGS[node.operator](_per_path(node.field, func.json_extract), node.operand),
    )
    return case((func.instr(document, _NUL) > 0, _in_python(node)), else_=in_sql)


def _number_leaf(node: Compare) -> ColumnElement[Any]:
    operand = node.operand
    if math.isnan(operand):
        return false()
    if abs(operand) >= _INT64:
        return _in_python(node)
    kind = _per_path(node.field, _kind_at)
    found = _per_path(node.field, func.json_extract)
    near = func.abs(found - operand) <= abs(operand) * _NEAR
    in_sql = _ORDERINGS[node.operator](found, operand)
    return case(
        (kind == "integer", in_sql),
        (kind == "real", case((near, _in_python(node)), else_=in_sql)),
        else_=false(),
    )


def _attribute_leaf(node: Compare) -> ColumnElement[Any]:
    root, operand = node.field.root, node.operand
    column = _column(node.field)
    if node.operator == "$exists":
        return column.is_not(None) if operand else column.is_(None)
    if root == "tags":
        return _tags_leaf(node)
    if node.operator == "$contains":
        held = root in TEXTS and isinstance(operand, str)
        return func.instr(column, operand) > 0 if held else false()
    if not _fits(root, operand) or (isinstance(operand, float) and math.isnan(operand)):
        return false()
    if isinstance(operand, int) and abs(operand) >= _INT64:
        operand = math.copysign(math.inf, operand)
    return _ORDERINGS[node.operator](column, literal(operand))


def _tags_leaf(node: Compare) -> ColumnElement[Any]:
    """Tags are a list of texts, written without spaces: one of them is found without parsing it.

    A quote within a tag has a backslash before it, so that `["` and `,"` begin a tag.
    """
    if node.operator == "$contains" and isinstance(node.operand, str):
        tag = dump_json(node.operand)
        tags = records.c.tags
        return or_(func.instr(tags, f"[{tag}") > 0, func.instr(tags, f",{tag}") > 0)
    return _in_python(node)


def _fits(root: str, operand: Any) -> bool:
    if root in TEXTS:
        return isinstance(operand, str)
    number = isinstance(operand, int | float) and not isinstance(operand, bool)
    return number and root in NUMBERS | TIMES


def _column(field: Field) -> ColumnElement[Any]:
    if field.root == "scope":
        path = select(scopes.c.path).where(scopes.c.id == records.c.scope_id)
        return path.scalar_subquery()
    return records.c[field.root]


def _addressable(field: Field) -> bool:
    keys = (*(field.name.split(".") if field.name else ()), *field.rest)
    return all(key and not any(c in '"\\' or ord(c) < ord(" ") for c in key) for key in keys)


def _kind_at(document: ColumnElement[Any], path: str) -> ColumnElement[Any]:
    return func.json_type(document, path)


def _per_path(
    field: Field, function: Callable[[ColumnElement[Any], str], ColumnElement[Any]]
) -> ColumnElement[Any]:
    """`function` at the field: at the literal name if it is there, else along the dotted path."""
    document = records.c[field.root]
    if "." not in field.name:
        name = (field.name,) if field.name else ()
        return function(document, _path((*name, *field.rest)))
    literally = _path((field.name, *field.rest))
    dotted = _path((*field.name.split("."), *field.rest))
    return case(
        (_kind_at(document, _path((field.name,))).is_not(None), function(document, literally)),
        else_=function(document, dotted),
    )


def _path(keys: tuple[str, ...]) -> str:
    return "$" + "".join(f'."{key}"' for key in keys)
