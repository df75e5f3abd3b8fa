"""A batch of operations, checked whole before any of them is carried out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, cast

from langgraph.store.base import (
    GetOp,
    InvalidNamespaceError,
    ListNamespacesOp,
    PutOp,
    SearchOp,
    validate_op_namespace,
)

from commonplace import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from langgraph.store.base import Op

Namespace: TypeAlias = tuple[str, ...]
Mode: TypeAlias = Literal["dense", "hybrid", "lexical"]
Asked: TypeAlias = "Op | Search | Get"


@dataclass(frozen=True, slots=True, kw_only=True)
class Get:
    """One item to get."""

    namespace: Namespace
    key: str
    refresh: bool
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One search. `mode` and `as_of` are what LangGraph's own operation has no room for."""

    prefix: Namespace
    query: str | None
    filter: Any
    limit: int
    offset: int
    refresh: bool
    mode: Mode | None = None
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """One item to write, or to delete if its value is None."""

    namespace: Namespace
    key: str
    value: dict[str, Any] | None
    index: Literal[False] | list[str] | None
    ttl: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Namespaces to list. A prefix of None: the conditions contradict each other."""

    prefix: Namespace | None
    suffix: Namespace | None
    depth: int | None
    limit: int
    offset: int


class Place(NamedTuple):
    """What names an item."""

    namespace: Namespace
    key: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Checked operations, each with its place among the results.

    Where several puts name one item, only the last is left.
    """

    size: int
    gets: list[tuple[int, Get]] = field(default_factory=list[tuple[int, Get]])
    searches: list[tuple[int, Search]] = field(default_factory=list[tuple[int, Search]])
    listings: list[tuple[int, Listing]] = field(default_factory=list[tuple[int, Listing]])
    puts: dict[Place, Put] = field(default_factory=dict[Place, Put])

    @classmethod
    def of(cls, operations: Iterable[Asked]) -> Batch:
        """The batch of these operations.

        Raises:
            InvalidNamespaceError: a namespace is malformed.
            InvalidInputError: another argument is.
        """
        asked = list(operations)
        batch = cls(len(asked))
        for number, operation in enumerate(asked):
            batch._add(number, operation)
        return batch

    def _add(self, number: int, operation: Asked) -> None:
        checked = checked_operation(operation)
        if isinstance(checked, Get):
            self.gets.append((number, checked))
        elif isinstance(checked, Search):
            self.searches.append((number, checked))
        elif isinstance(checked, Listing):
            self.listings.append((number, checked))
        else:
            place = Place(checked.namespace, checked.key)
            self.puts.pop(place, None)
            self.puts[place] = checked


def checked_operation(operation: Asked) -> Get | Search | Put | Listing:
    """One operation, checked, with its namespaces as tuples.

    Raises:
        InvalidNamespaceError: a namespace is malformed.
        InvalidInputError: another argument is.
    """
    if isinstance(operation, Get | Search):
        return operation
    if isinstance(operation, GetOp):
        return Get(
            namespace=checked_namespace(operation.namespace),
            key=str(operation.key),
            refresh=bool(operation.refresh_ttl),
        )
    if isinstance(operation, SearchOp):
        return checked_search(operation)
    if isinstance(operation, PutOp):
        return _put(operation)
    if isinstance(operation, ListNamespacesOp):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
        return _listing(operation)
    raise InvalidInputError(f"{type(operation).__name__} is no operation of a store")


def checked_namespace(namespace: object) -> Namespace:
    """A namespace as a tuple of labels.

    Raises:
        InvalidNamespaceError: it is one text, which would be read letter by letter, or a label is
            not text, empty, or holds a period or a NUL.
    """
    if not isinstance(namespace, tuple | list):
        raise InvalidNamespaceError(
            f"a namespace is a tuple of labels such as ('users', 'alice'), "
            f"not {type(namespace).__name__}"
        )
    labels = cast("Namespace", tuple(cast("Sequence[Any]", namespace)))
    validate_op_namespace(GetOp(labels, ""))
    return labels


def checked_search(
    operation: SearchOp, *, mode: Mode | None = None, as_of: datetime | None = None
) -> Search:
    """A search, checked.

    Raises:
        InvalidNamespaceError: the prefix is malformed.
        InvalidInputError: limit or offset are.
    """
    return Search(
        prefix=checked_namespace(operation.namespace_prefix),
        query=operation.query,
        filter=operation.filter,
        limit=_count(operation.limit, "limit"),
        offset=_count(operation.offset, "offset"),
        refresh=bool(operation.refresh_ttl),
        mode=mode,
        as_of=as_of,
    )


def _put(operation: PutOp) -> Put:
    namespace = checked_namespace(operation.namespace)
    if operation.value is not None and not namespace:
        raise InvalidNamespaceError("Namespace cannot be empty.")
    return Put(
        namespace=namespace,
        key=str(operation.key),
        value=None if operation.value is None else _value(operation.value),
        index=_index(operation.index),
        ttl=_ttl(operation.ttl),
    )


def _listing(operation: ListNamespacesOp) -> Listing:
    paths: dict[str, list[Namespace]] = {"prefix": [], "suffix": []}
    for condition in operation.match_conditions or ():
        if condition.match_type not in paths:
            raise InvalidInputError("a match condition's type is 'prefix' or 'suffix'")
        paths[condition.match_type].append(checked_namespace(condition.path))
    ends = [path[::-1] for path in paths["suffix"]]
    suffix = _merged(ends)
    return Listing(
        prefix=_merged(paths["prefix"]),
        suffix=None if suffix is None else suffix[::-1],
        depth=None if operation.max_depth is None else _count(operation.max_depth, "max_depth"),
        limit=_count(operation.limit, "limit"),
        offset=_count(operation.offset, "offset"),
    )


def _merged(patterns: list[Namespace]) -> Namespace | None:
    """The one pattern that says what several say together; None if nothing matches them all."""
    merged: list[str] = []
    for pattern in patterns:
        for number, wanted in enumerate(pattern):
            if number == len(merged):
                merged.append(wanted)
            elif merged[number] == "*":
                merged[number] = wanted
            elif wanted not in ("*", merged[number]):
                return None
    return tuple(merged)


def _count(number: object, name: str) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise InvalidInputError(f"{name} is a whole number from 0 on")
    return number


def _value(value: object) -> dict[str, Any]:
    try:
        return dict(cast("Any", value))
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"a value is a dict with text keys, or None to delete; not {type(value).__name__}"
        ) from error


def _index(index: object) -> Literal[False] | list[str] | None:
    if index is None or index is False:
        return index
    if not isinstance(index, list | tuple):
        raise InvalidInputError("index is False, or a list of paths such as ['text', 'meta.title']")
    paths = list(cast("Sequence[object]", index))
    if not all(isinstance(path, str) for path in paths):
        raise InvalidInputError("index is a list of paths; one of them is not text")
    return cast("list[str]", paths)


def _ttl(ttl: object) -> float | None:
    if ttl is None:
        return None
    if isinstance(ttl, bool) or not isinstance(ttl, int | float):
        raise InvalidInputError("ttl is a number of minutes, or None for never")
    if not math.isfinite(ttl) or ttl <= 0:
        raise InvalidInputError("ttl is a number of minutes above 0, or None for never")
    return float(ttl)
