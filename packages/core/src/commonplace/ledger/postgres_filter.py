"""One filter comparison in PostgreSQL's SQL, equal to the plain-Python meaning case by case.

JSON is kept as the text it was written as, one way for each value, so that a value is compared as
it is written: a text is its quoted text, and a number with a `.` or an `e` in it is a float, whose
exact value the server's `float8` has. Integers have any number of digits, as `numeric` has. Between
the two kinds, what is to compare is worked out here.

`document` is a function of the ledger's own: JSON of which the server can read every text.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import (
    ColumnElement,
    Float,
    Numeric,
    Text,
    and_,
    case,
    false,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy import cast as as_type
from sqlalchemy.dialects.postgresql import ARRAY, JSON

from commonplace.filters.parse import DOCUMENTS, TEXTS
from commonplace.jsonvalue import dump_json
from commonplace.ledger.leaves import (
    ORDERINGS,
    Spelling,
    column,
    fits,
    tag_traces,
    trace,
)
from commonplace.ledger.postgres_text import written
from commonplace.ledger.schema import records

if TYPE_CHECKING:
    from commonplace.filters import Compare, Field

Json = ColumnElement[Any]
Condition = ColumnElement[bool]
_INT64 = 2**63
_EXACT = 2**53


def _sure(condition: Condition) -> Condition:
    return func.coalesce(condition, false())


def _is_null(field: Field) -> Condition:
    if field.root not in DOCUMENTS:
        return column(field).is_(None)
    found = _at(field)
    return or_(found.is_(None), _text(found) == "null")


def _document_leaf(node: Compare) -> Condition:
    found = _at(node.field)
    if node.operator == "$exists":
        return found.is_not(None) if node.operand else found.is_(None)
    exact = _sure(_compared(found, node.operator, node.operand))
    if (seen := trace(node)) is None:
        return exact
    held = func.strpos(records.c[node.field.root], literal(seen, Text)) > 0
    return case((held, exact), else_=false())


def _attribute_leaf(node: Compare) -> Condition:
    return _sure(_attribute_test(node))


def _attribute_test(node: Compare) -> Condition:
    root, operand = node.field.root, node.operand
    attribute = column(node.field)
    if node.operator == "$exists":
        return attribute.is_not(None) if operand else attribute.is_(None)
    if root == "tags":
        return _tags_leaf(node)
    if node.operator == "$contains":
        held = root in TEXTS and isinstance(operand, str)
        return func.strpos(attribute, literal(operand, Text)) > 0 if held else false()
    if not fits(root, operand) or (isinstance(operand, float) and math.isnan(operand)):
        return false()
    if isinstance(operand, int) and abs(operand) >= _INT64:
        operand = math.copysign(math.inf, operand)
    kind = Float() if isinstance(operand, float) else None
    return ORDERINGS[node.operator](attribute, literal(operand, kind))


def _tags_leaf(node: Compare) -> Condition:
    if node.operator == "$contains" and isinstance(node.operand, str):
        tags = records.c.tags
        return or_(*(func.strpos(tags, literal(one, Text)) > 0 for one in tag_traces(node.operand)))
    return _compared(_document(records.c.tags), node.operator, node.operand)


def _at(field: Field) -> Json:
    """The JSON at the field: at the literal name if it is there, else along the dotted path."""
    document = _document(records.c[field.root])
    if "." not in field.name:
        return _walked(document, ((field.name,) if field.name else ()) + field.rest)
    literally = _walked(document, (field.name, *field.rest))
    dotted = _walked(document, (*field.name.split("."), *field.rest))
    return case((_walked(document, (field.name,)).is_not(None), literally), else_=dotted)


def _document(stored: ColumnElement[Any]) -> Json:
    return func.document(stored, type_=JSON)


def _walked(document: Json, keys: tuple[str, ...]) -> Json:
    """What is found key by key, through objects alone: a list has no keys for `->` a text."""
    for key in keys:
        document = document.op("->", return_type=JSON())(literal(key, Text))
    return document


def _text(found: Json) -> ColumnElement[str]:
    return as_type(found, Text)


def _kind(found: Json) -> ColumnElement[str]:
    return func.json_typeof(found)


def _compared(found: Json, operator: str, operand: Any) -> Condition:
    """The condition that JSON, which may be missing, satisfies an operator; NULL means no."""
    if operator == "$object":
        return _kind(found) == "object"
    if operator == "$contains":
        return _contains(found, operand)
    if operator == "$eq":
        return _equal(found, operand)
    if isinstance(operand, str):
        ordered = ORDERINGS[operator](_plain(found), literal(operand, Text))
        return case((_kind(found) == "string", ordered), else_=false())
    if isinstance(operand, int | float) and not isinstance(operand, bool):
        return _number(found, operator, operand)
    return false()


def _plain(found: Json) -> ColumnElement[str]:
    """A JSON text as it is, not quoted."""
    here = as_type(literal("{}", Text), ARRAY(Text))
    return found.op("#>>", return_type=Text())(here).collate("C")


def _equal(found: Json, operand: Any) -> Condition:
    if operand is None:
        return _text(found) == "null"
    if isinstance(operand, bool):
        return _text(found) == ("true" if operand else "false")
    if isinstance(operand, str):
        return _text(found) == literal(dump_json(written(operand)), Text)
    if isinstance(operand, int | float):
        return _number(found, "$eq", operand)
    if isinstance(operand, list):
        return _equal_list(found, cast("list[Any]", operand))
    return _equal_object(found, cast("dict[str, Any]", operand))


def _equal_list(found: Json, operand: list[Any]) -> Condition:
    items = (_equal(_item(found, place), item) for place, item in enumerate(operand))
    same = and_(func.json_array_length(found) == len(operand), *items)
    return case((_kind(found) == "array", same), else_=false())


def _equal_object(found: Json, operand: dict[str, Any]) -> Condition:
    keys = func.json_object_keys(found).table_valued("key")
    number = select(func.count()).select_from(keys).scalar_subquery()
    parts = (_equal(_walked(found, (key,)), item) for key, item in operand.items())
    return case((_kind(found) == "object", and_(number == len(operand), *parts)), else_=false())


def _item(found: Json, place: int) -> Json:
    return found.op("->", return_type=JSON())(func.int4(place))


def _contains(found: Json, operand: Any) -> Condition:
    items = func.json_array_elements(found).table_valued("value")
    holds = select(true()).select_from(items).where(_equal(items.c.value, operand)).exists()
    whens: list[tuple[Any, Any]] = [(_kind(found) == "array", holds)]
    if isinstance(operand, str):
        within = func.strpos(_plain(found), literal(operand, Text)) > 0
        whens.append((_kind(found) == "string", within))
    return case(*whens, else_=false())


def _number(found: Json, operator: str, operand: float) -> Condition:
    if isinstance(operand, float) and math.isnan(operand):
        return false()
    token = _text(found)
    # NULL where it is no such number: so the document, which costs most, is read no more often
    # than there are kinds of numbers.
    integer = func.substring(token, "^-?[0-9]+$", type_=Text)
    number = func.substring(token, "^-?[0-9].*$", type_=Text)
    return func.coalesce(
        _limited(integer, _to_integer(operator, operand)),
        _limited(number, _to_float(operator, operand)),
        false(),
    )


def _limited(digits: ColumnElement[Any], limit: bool | tuple[str, Any]) -> Condition:  # noqa: FBT001 - the answer itself
    """Whether a number is within a limit; NULL if there is none."""
    if isinstance(limit, bool):
        return case((digits.is_not(None), true() if limit else false()))
    operator, value = limit
    bound = literal(str(value), Text) if isinstance(value, int) else literal(value, Float())
    kind = Numeric if isinstance(value, int) else Float(53)
    return ORDERINGS[operator](as_type(digits, kind), as_type(bound, kind))


def _to_float(operator: str, operand: float) -> bool | tuple[str, float]:
    """What a float is compared with so that it compares as with the operand; or the answer."""
    if isinstance(operand, float) or abs(operand) <= _EXACT:
        return operator, float(operand)
    try:
        near = float(operand)
    except OverflowError:  # beyond every float
        return operator in ({"$lt", "$lte"} if operand > 0 else {"$gt", "$gte"})
    if int(near) == operand:
        return operator, near
    if operator == "$eq":
        return False
    above = int(near) > operand  # no float lies between the two
    if operator in {"$gt", "$gte"}:
        return ("$gte" if above else "$gt"), near
    return ("$lt" if above else "$lte"), near


def _to_integer(operator: str, operand: float) -> bool | tuple[str, int]:
    """As `_to_float`, for an integer of any size."""
    if isinstance(operand, int):
        return operator, operand
    if math.isinf(operand):
        return operator in ({"$lt", "$lte"} if operand > 0 else {"$gt", "$gte"})
    if operand.is_integer():
        return operator, int(operand)
    if operator == "$eq":
        return False
    if operator in {"$gt", "$gte"}:
        return "$gte", math.ceil(operand)
    return "$lte", math.floor(operand)


SPELLING = Spelling(
    missing=_is_null,
    document=_document_leaf,
    attribute=_attribute_leaf,
)
