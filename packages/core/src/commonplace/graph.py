"""Records and their links as a graph of NetworkX: needs the extra `networkx`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

try:
    import networkx as nx
except ImportError as error:
    raise ImportError(
        "commonplace.graph needs NetworkX; install it with `pip install networkx`"
    ) from error

from commonplace import limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from commonplace.memory import Memory
    from commonplace.record import Link, Record
    from commonplace.scope import ScopeLike
    from commonplace.verbs.handle import FilterLike

_RECORDS_AT_ONCE = 1000


def to_networkx(
    memory: Memory,
    *,
    scope: ScopeLike | None = None,
    types: str | Sequence[str] = (),
    filter: FilterLike = None,  # noqa: A002 - the field's name everywhere
) -> nx.MultiDiGraph[str]:
    """The records that a memory or a view sees, and the links between them, as a graph.

    A node is a record's id; an edge leads from source to target and its key is the link's type.
    Their attributes are the JSON values of `Record.to_dict` and `Link.to_dict`: `kind`, `scope`,
    `content`, `created_at` and so on; `type`, `weight`, `reason`, `metadata` and `created_at`.
    It is read page by page: what is written meanwhile may be in it or not.

    Args:
        memory: what is read; nothing outside its view is in the graph.
        scope: only records at this scope or below it.
        types: only links of this type, or of one of several.
        filter: only records that match, as in `Memory.list`. Closed and archived ones count.

    Raises:
        InvalidInputError: an argument is malformed.
    """
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    for record in _records(memory, scope, filter):
        graph.add_node(record.id, **_attributes(record, "id"))
    for link in _links(memory, list(graph), types):
        if link.target_id in graph:
            attributes = _attributes(link, "source_id", "target_id")
            graph.add_edge(link.source_id, link.target_id, key=link.type, **attributes)
    return graph


def _records(memory: Memory, scope: ScopeLike | None, condition: FilterLike) -> Iterator[Record]:
    offset = 0
    while page := memory.list(
        scope=scope,
        filter=condition,
        include_closed=True,
        include_archived=True,
        order_by="id",
        limit=_RECORDS_AT_ONCE,
        offset=offset,
    ):
        yield from page
        offset += len(page)


def _links(memory: Memory, ids: Sequence[str], types: str | Sequence[str]) -> Iterator[Link]:
    for start in range(0, len(ids), _RECORDS_AT_ONCE):
        some, offset = ids[start : start + _RECORDS_AT_ONCE], 0
        while page := memory.links(
            some, direction="out", type=types, limit=limits.MAX_PAGE, offset=offset
        ):
            yield from page
            offset += len(page)


def _attributes(value: Record | Link, *named: str) -> dict[str, Any]:
    """The parts of a record or a link but its ids."""
    return {name: part for name, part in value.to_dict().items() if name not in named}
