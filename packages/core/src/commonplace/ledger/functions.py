"""SQL functions that every database has, each under a name of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Boolean, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler

NO_LIMIT = 2**62
"""A limit that no query reaches; none of the databases has a word for it that the others know."""


class greatest(GenericFunction[int]):  # noqa: N801 - a function of SQL
    """The largest of several integers, none of them null."""

    type = BigInteger()
    inherit_cache = True


class least(GenericFunction[int]):  # noqa: N801 - a function of SQL
    """The smallest of several integers, none of them null."""

    type = BigInteger()
    inherit_cache = True


class ends_with_question(GenericFunction[bool]):  # noqa: N801 - a function of SQL
    """Whether a text ends with a question mark, spaces aside."""

    type = Boolean()
    inherit_cache = True


class target_of(GenericFunction[str]):  # noqa: N801 - a function of SQL
    """What the detail of a journal entry, which is JSON, has as its target."""

    type = Text()
    inherit_cache = True


@compiles(greatest, "sqlite")
def _greatest(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    return f"max({compiler.process(element.clauses, **options)})"


@compiles(least, "sqlite")
def _least(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    return f"min({compiler.process(element.clauses, **options)})"


@compiles(ends_with_question, "sqlite")
def _ends_in_sqlite(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    return f"(substr(rtrim({compiler.process(element.clauses, **options)}), -1) = '?')"


@compiles(ends_with_question)
def _ends(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    return f"(right(rtrim({compiler.process(element.clauses, **options)}), 1) = '?')::int"


@compiles(target_of, "sqlite")
def _target_in_sqlite(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_extract({compiler.process(element.clauses, **options)}, '$.target')"


@compiles(target_of)
def _target(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)}::json ->> 'target')"
