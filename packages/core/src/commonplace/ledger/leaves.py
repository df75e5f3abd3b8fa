"""What the SQL of one filter comparison has in common, whichever database it is for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ColumnElement, false, or_, select
from sqlalchemy.sql import operators

from commonplace.filters import Compare, Field
from commonplace.filters.parse import DOCUMENTS, NUMBERS, TEXTS, TIMES
from commonplace.jsonvalue import dump_json
from commonplace.ledger.schema import records, scopes

if TYPE_CHECKING:
    from collections.abc import Callable

ORDERINGS: dict[str, Callable[[Any, Any], Any]] = {
    "$eq": operators.eq,
    "$gt": operators.gt,
    "$gte": operators.ge,
    "$lt": operators.lt,
    "$lte": operators.le,
}
# Up to here a float that equals an integer is written with the integer's digits.
_PLAIN_INTEGERS = 10**15


class Spelling(NamedTuple):
    """The conditions that a database spells in a way of its own.

    Attributes:
        missing: that a field is missing or null; never NULL itself.
        document: a comparison in a JSON document, with an operand; never NULL.
        attribute: a comparison of an attribute of the record, with an operand; never NULL.
    """

    missing: Callable[[Field], ColumnElement[bool]]
    document: Callable[[Compare], ColumnElement[bool]]
    attribute: Callable[[Compare], ColumnElement[bool]]


def comparison(node: Compare, spelling: Spelling) -> ColumnElement[bool]:
    """The condition for one comparison; never NULL."""
    match node.operator, node.operand:
        case "$eq", None:
            found = spelling.missing(node.field)
        case "$ne", None:
            found = ~spelling.missing(node.field)
        case "$ne", operand:
            found = ~comparison(Compare(node.field, "$in", [operand, None]), spelling)
        case "$nin", operands:
            found = ~comparison(Compare(node.field, "$in", [*operands, None]), spelling)
        case "$in", operands:
            each = (Compare(node.field, "$eq", operand) for operand in operands)
            found = or_(false(), *(comparison(one, spelling) for one in each))
        case _ if node.field.root in DOCUMENTS:
            found = spelling.document(node)
        case _:
            found = spelling.attribute(node)
    return found


def trace(node: Compare) -> str | None:
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


def fits(root: str, operand: Any) -> bool:
    """Whether an attribute of a record can be compared with an operand."""
    if root in TEXTS:
        return isinstance(operand, str)
    number = isinstance(operand, int | float) and not isinstance(operand, bool)
    return number and root in NUMBERS | TIMES


def column(field: Field) -> ColumnElement[Any]:
    """The column of an attribute of a record."""
    if field.root == "scope":
        path = select(scopes.c.path).where(scopes.c.id == records.c.scope_id)
        return path.scalar_subquery()
    return records.c[field.root]


def tag_traces(tag: str) -> tuple[str, str]:
    """How a tag stands in the list of tags, which is written without spaces: first, or later.

    A quote within a tag has a backslash before it, so that `["` and `,"` begin a tag.
    """
    written = dump_json(tag)
    return f"[{written}", f",{written}"
