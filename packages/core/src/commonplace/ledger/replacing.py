"""Statements with one table in place of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Column
from sqlalchemy.sql.visitors import replacement_traverse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import FromClause, Table


def replaced(statement: Any, tables: Mapping[Table, FromClause]) -> Any:
    """The statement with other tables, which have columns of the same names, in place of some."""

    def other(element: object, **_: Any) -> Any:
        for table, instead in tables.items():
            if element is table:
                return instead
            if isinstance(element, Column) and element.table is table:
                return instead.c[element.name]
        return None

    return replacement_traverse(statement, {}, other)  # pyright: ignore[reportUnknownVariableType] - of the kind that was given
