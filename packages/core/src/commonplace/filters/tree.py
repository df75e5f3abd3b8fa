"""The filter tree: plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

Filter: TypeAlias = "And | Or | Not | Compare"


@dataclass(frozen=True, slots=True)
class Field:
    """Where a filter looks.

    Attributes:
        root: `"metadata"`, `"value"`, `"source"`, or an attribute of the record such as `"kind"`.
        name: the field's name below the root. If the root has it literally it is that field;
            otherwise a dotted name is a path. Empty for an attribute or the root itself.
        rest: further keys below the named field, each literal.
    """

    root: str
    name: str = ""
    rest: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Compare:
    """One field against one operand."""

    field: Field
    operator: str
    operand: Any


@dataclass(frozen=True, slots=True)
class And:
    """All parts match; true if there is none."""

    parts: tuple[Filter, ...]


EVERYTHING = And(())
"""The filter that every record matches."""


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part matches."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not match."""

    part: Filter


def roots(tree: Filter) -> set[str]:
    """Where a filter looks: the documents and attributes of a record that it names."""
    if isinstance(tree, Compare):
        return {tree.field.root}
    parts = (tree.part,) if isinstance(tree, Not) else tree.parts
    return {root for part in parts for root in roots(part)}
