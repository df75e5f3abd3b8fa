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

from sqlalchemy import ColumnElement, and_, case, false, func, literal, or_

from commonplace.filters import Compare, Field
from commonplace.filters.match import compare_in
from commonplace.filters.parse import DOCUMENTS, TEXTS
from commonplace.jsonvalue import load_json
from commonplace.ledger.leaves import (
    ORDERINGS,
    Spelling,
    column,
    fits,
    tag_traces,
    trace,
)
from commonplace.ledger.schema import records

if TYPE_CHECKING:
    from collections.abc import Callable

_INT64 = 2**63
_NUL = "\\u0000"
# SQLite reads a decimal into a double with an error of a few units in the last place.
_NEAR = 1e-12


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
        return column(field).is_(None)
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
    if (held := trace(node)) is None:
        return exact
    seen = func.instr(records.c[node.field.root], held) > 0
    return case((seen, exact), else_=false())


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
        ORDERINGS[node.operator](_per_path(node.field, func.json_extract), node.operand),
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
    in_sql = ORDERINGS[node.operator](found, operand)
    return case(
        (kind == "integer", in_sql),
        (kind == "real", case((near, _in_python(node)), else_=in_sql)),
        else_=false(),
    )


def _attribute_leaf(node: Compare) -> ColumnElement[bool]:
    return func.coalesce(_attribute_test(node), 0) == 1


def _attribute_test(node: Compare) -> ColumnElement[Any]:
    root, operand = node.field.root, node.operand
    attribute = column(node.field)
    if node.operator == "$exists":
        return attribute.is_not(None) if operand else attribute.is_(None)
    if root == "tags":
        return _tags_leaf(node)
    if node.operator == "$contains":
        held = root in TEXTS and isinstance(operand, str)
        return func.instr(attribute, operand) > 0 if held else false()
    if not fits(root, operand) or (isinstance(operand, float) and math.isnan(operand)):
        return false()
    if isinstance(operand, int) and abs(operand) >= _INT64:
        operand = math.copysign(math.inf, operand)
    return ORDERINGS[node.operator](attribute, literal(operand))


def _tags_leaf(node: Compare) -> ColumnElement[Any]:
    if node.operator == "$contains" and isinstance(node.operand, str):
        return or_(*(func.instr(records.c.tags, one) > 0 for one in tag_traces(node.operand)))
    return _in_python(node)


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


SPELLING = Spelling(
    missing=_is_null,
    document=_document_leaf,
    attribute=_attribute_leaf,
)
