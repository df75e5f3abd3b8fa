"""`Selection`: which records a call may touch, and the one place that turns it into SQL."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from sqlalchemy import ColumnElement, and_, bindparam, false, not_, or_, select, true

from commonplace.filters import EVERYTHING, And, Compare, Field, Filter, Not, Or
from commonplace.ledger.schema import ROOT_SCOPE_ID, messages, records, scope_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Select


Query: TypeAlias = "Select[*tuple[Any, ...]]"
"""A select of any columns."""


class FilterDialect(Protocol):
    """How one database spells a single comparison."""

    def leaf(self, leaf: Compare) -> ColumnElement[bool]:
        """The condition for one comparison; never NULL."""
        ...

    def among(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        """`column IN (:name)` for any number of values, which travel as one `array`."""
        ...

    def array(self, values: Iterable[int | str]) -> Any:
        """The parameter that carries the values for `among`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The records that a view, a filter and the present moment leave.

    Attributes:
        scope_ids: the scopes to read; with `below`, everything under them too. Empty: nothing.
        below: whether records below the scopes count.
        filter: the parsed filter.
        kinds: only these kinds; empty for any.
        tags: only records with at least one of these tags; empty for any.
        threads: only messages of these threads, by id; None for any record.
        now: records that expired at or before this moment (microseconds) do not exist.
        closed: whether facts that were closed at or before `now` are among them.
        archived: whether archived records are.
        valid_at: only what was true at this moment, if given.
        as_of: the records as they were at this moment, if given; `now` is then the same.
    """

    scope_ids: tuple[int, ...]
    below: bool = True
    filter: Filter = EVERYTHING
    kinds: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    threads: tuple[str, ...] | None = None
    now: int
    closed: bool = True
    archived: bool = True
    valid_at: int | None = None
    as_of: int | None = None

    @classmethod
    def everything(cls, *, now: int) -> Selection:
        """Every live record of the ledger."""
        return cls(scope_ids=(ROOT_SCOPE_ID,), now=now)

    @property
    def everywhere(self) -> bool:
        """Whether every scope is read."""
        return self.below and ROOT_SCOPE_ID in self.scope_ids

    @property
    def widened(self) -> Selection:
        """The same scopes and moment, without filter, kinds, tags and threads."""
        return replace(self, filter=EVERYTHING, kinds=(), tags=(), threads=None)

    @property
    def narrowed(self) -> bool:
        """Whether kinds, tags, threads or a filter narrow the selection."""
        chosen = self.kinds or self.tags or self.threads is not None
        return bool(chosen or self.filter != EVERYTHING)


def condition(
    selection: Selection, dialect: FilterDialect, *, by_scope: bool = True
) -> ColumnElement[bool]:
    """The SQL condition on `records` that the selection means; its values are `parameters`.

    Args:
        selection: what may be touched.
        dialect: how the database spells comparisons.
        by_scope: whether an index on the scope may drive the query. False makes the database walk
            another index, such as the one by time, and check the scope of each row.
    """
    live = live_in_scopes(shape(selection, by_scope=by_scope), dialect)
    if not selection.narrowed:
        return live
    return and_(
        live,
        records.c.kind.in_(selection.kinds) if selection.kinds else true(),
        _has_tag(selection.tags, dialect) if selection.tags else true(),
        true() if selection.threads is None else _in_threads(selection.threads),
        compiled(selection.filter, dialect),
    )


def _has_tag(tags: Sequence[str], dialect: FilterDialect) -> ColumnElement[bool]:
    return or_(*(dialect.leaf(Compare(Field("tags"), "$contains", tag)) for tag in tags))


class Shape(NamedTuple):
    """What decides the SQL of an un-narrowed selection, whatever its values."""

    everywhere: bool
    below: bool
    single: bool
    by_scope: bool
    closed: bool
    archived: bool
    dated: bool


def shape(selection: Selection, *, by_scope: bool = True) -> Shape:
    """The shape of a selection: the key for statements that are built once."""
    everywhere = selection.everywhere
    single = not everywhere and not selection.below and len(selection.scope_ids) == 1
    return Shape(
        everywhere=everywhere,
        below=selection.below and not everywhere,
        single=single,
        by_scope=by_scope,
        closed=selection.closed,
        archived=selection.archived,
        dated=selection.valid_at is not None,
    )


def parameters(selection: Selection, dialect: FilterDialect) -> dict[str, Any]:
    """The values for the condition of a selection."""
    values: dict[str, Any] = {"now": selection.now}
    if selection.valid_at is not None:
        values["valid_at"] = selection.valid_at
    if shape(selection).single:
        values["scope_ids"] = selection.scope_ids[0]
    elif not selection.everywhere:
        values["scope_ids"] = dialect.array(selection.scope_ids)
    return values


@functools.cache
def live_in_scopes(kind: Shape, dialect: FilterDialect) -> ColumnElement[bool]:
    """The condition that a record lies in the scopes and is to be seen."""
    seen = [_ends_after(records.c.expires_at, "now")]
    if not kind.closed:
        seen.append(_ends_after(records.c.valid_to, "now"))
    if not kind.archived:
        seen.append(records.c.archived_at.is_(None))
    if kind.dated:
        begun = records.c.valid_from <= bindparam("valid_at")
        seen.append(or_(records.c.valid_from.is_(None), begun))
        seen.append(_ends_after(records.c.valid_to, "valid_at"))
    return and_(in_scopes(kind, dialect), *seen)


@functools.cache
def hidings(kind: Shape) -> tuple[ColumnElement[bool], ...]:
    """What hides a record of the scopes from an undated selection: a condition for each cause."""
    found = [records.c.expires_at <= bindparam("now")]
    if not kind.closed:
        found.append(records.c.valid_to <= bindparam("now"))
    if not kind.archived:
        found.append(records.c.archived_at.is_not(None))
    return tuple(found)


def _ends_after(column: ColumnElement[Any], moment: str) -> ColumnElement[bool]:
    return or_(column.is_(None), column > bindparam(moment))


@functools.cache
def in_scopes(kind: Shape, dialect: FilterDialect) -> ColumnElement[bool]:
    """The condition that a record lies in the scopes, expired or not."""
    if kind.everywhere:
        return true()
    column = records.c.scope_id if kind.by_scope else records.c.scope_id + 0
    if kind.single:
        return column == bindparam("scope_ids")
    if not kind.below:
        return dialect.among(column, "scope_ids")
    contained = dialect.among(scope_tree.c.ancestor_id, "scope_ids")
    return column.in_(select(scope_tree.c.scope_id).where(contained))


def _in_threads(ids: Sequence[str]) -> ColumnElement[bool]:
    held = select(messages.c.record_pk).where(messages.c.thread_id.in_(ids))
    return records.c.pk.in_(held)


def compiled(tree: Filter, dialect: FilterDialect) -> ColumnElement[bool]:
    """The SQL condition that a filter tree means."""
    if isinstance(tree, And):
        return and_(true(), *(compiled(part, dialect) for part in tree.parts))
    if isinstance(tree, Or):
        return or_(false(), *(compiled(part, dialect) for part in tree.parts))
    if isinstance(tree, Not):
        return not_(compiled(tree.part, dialect))
    return dialect.leaf(tree)
