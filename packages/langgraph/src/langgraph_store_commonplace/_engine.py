"""`Engine`: carries out checked batches on a memory."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.runnables.config import var_child_runnable_config

from commonplace import Scope, Source, parse_filter
from langgraph_store_commonplace._convert import (
    APP,
    content_of,
    item_of,
    metadata_with,
    search_item_of,
    time_to_live,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from langgraph.store.base import Item, SearchItem

    from commonplace import Hit, Memory, Record
    from langgraph_store_commonplace._index import Index
    from langgraph_store_commonplace._operations import (
        Batch,
        Get,
        Listing,
        Mode,
        Namespace,
        Place,
        Put,
        Search,
    )

T = TypeVar("T")

_PAGE = 100_000
_MOST_SCOPES = 10_000
_LONGEST_THREAD = 512
_ORDER = ("-updated_at", "scope", "key")


class Engine:
    """Items and namespaces on top of the verbs of a memory.

    Args:
        memory: where the items are.
        root: the scope under which all namespaces lie.
        index: what is indexed; None for nothing.
        mode: how searches rank unless they say otherwise.
    """

    def __init__(self, memory: Memory, root: Scope, index: Index | None, mode: Mode) -> None:
        self._memory = memory
        self._root = root
        self._depth = len(root.segments)
        self._index = index
        self._mode: Mode = mode
        self._scopes: dict[Namespace, Scope] = {}

    def run(self, batch: Batch) -> list[Any]:
        """The results, one for each operation. Reads see the state before the writes."""
        results: list[Any] = [None] * batch.size
        if batch.gets:
            gets = [get for _, get in batch.gets]
            found = self._get(gets)
            for (number, _), item in zip(batch.gets, found, strict=True):
                results[number] = item
        for number, search in batch.searches:
            results[number] = self._search(search)
        for number, listing in batch.listings:
            results[number] = self._list(listing)
        if batch.puts:
            self._write(batch.puts)
        return results

    def texts(self, batch: Batch) -> tuple[list[str], list[str]]:
        """The texts that a batch embeds: those that it stores, and its queries."""
        if self._index is None:
            return [], []
        puts = (put for put in batch.puts.values() if put.value is not None)
        stored = [text for put in puts for text in self._index.texts(put.value or {}, put.index)]
        return stored, [search.query for _, search in batch.searches if _asks(search)]  # pyright: ignore[reportReturnType] - it asks

    def count(self, prefix: Namespace, filter_: Any, as_of: datetime | None) -> int:
        """How many items lie below a prefix."""
        wanted = parse_filter(filter_, root="value")
        return self._memory.count(scope=self._scope(prefix), filter=wanted, as_of=as_of)

    def delete_namespace(self, prefix: Namespace) -> int:
        """Delete every item below a prefix; how many there were."""
        return self._memory.delete(scope=self._scope(prefix), everything=not prefix)

    def sweep(self) -> int:
        """Remove what expired; how many there were."""
        return self._memory.scope(self._root).sweep()

    def _scope(self, namespace: Namespace) -> Scope:
        found = self._scopes.get(namespace)
        if found is None:
            found = Scope(*self._root.segments, *namespace)
            if len(self._scopes) >= _MOST_SCOPES:
                self._scopes.clear()
            self._scopes[namespace] = found
        return found

    def _get(self, gets: Sequence[Get]) -> list[Item | None]:
        places = [(self._scope(get.namespace), get.key) for get in gets]
        records = self._memory.get_keys(places, as_of=gets[0].as_of)
        used = (record for record, get in zip(records, gets, strict=True) if record and get.refresh)
        self._renew(used)
        return [None if record is None else item_of(record, self._depth) for record in records]

    def _search(self, search: Search) -> list[SearchItem]:
        scope, wanted = self._scope(search.prefix), parse_filter(search.filter, root="value")
        shared: dict[str, Any] = {"scope": scope, "filter": wanted, "as_of": search.as_of}
        found: list[tuple[Record, float | None]]
        if self._index is None or not _asks(search):

            def plain(limit: int, offset: int) -> list[Record]:
                return self._memory.list(**shared, order_by=_ORDER, limit=limit, offset=offset)

            found = [(record, None) for record in _pages(plain, search.limit, search.offset)]
        else:
            shared |= self._ranking(search, self._index)

            def ranked(limit: int, offset: int) -> Sequence[Hit]:
                return self._memory.search(search.query, **shared, limit=limit, offset=offset)

            hits = _pages(ranked, search.limit, search.offset)
            found = [(hit.record, _score(hit)) for hit in hits]
        if search.refresh and search.as_of is None:
            self._renew(record for record, _ in found)
        return [search_item_of(record, self._depth, score) for record, score in found]

    def _ranking(self, search: Search, index: Index) -> dict[str, Any]:
        mode = search.mode or self._mode
        ranking: dict[str, Any] = {"mode": mode, "unscored": mode == "dense"}
        if index.space is not None and index.embedding is not None and mode != "lexical":
            ranking["space"] = index.space
            ranking["vector"] = index.embedding.query(search.query or "")
        return ranking

    def _list(self, listing: Listing) -> list[Namespace]:
        if listing.prefix is None or listing.suffix is None:
            return []
        prefix, suffix = listing.prefix, listing.suffix

        def page(limit: int, offset: int) -> list[Scope]:
            return self._memory.find_scopes(
                scope=self._root,
                prefix=prefix,
                suffix=suffix,
                depth=listing.depth,
                limit=limit,
                offset=offset,
            )

        return [
            scope.segments[self._depth :] for scope in _pages(page, listing.limit, listing.offset)
        ]

    def _write(self, puts: dict[Place, Put]) -> None:
        written = [put for put in puts.values() if put.value is not None]
        gone = [put for put in puts.values() if put.value is None]
        fields = self._fields(written)
        if gone:
            places = [(self._scope(put.namespace), put.key) for put in gone]
            present = [record.id for record in self._memory.get_keys(places) if record]
            self._memory.exchange(fields, delete=present)
        elif fields:
            self._memory.add_many(fields)

    def _without_key(self, puts: Sequence[Put]) -> dict[tuple[Scope, str], str]:
        """The records of others that a put names by their id, as they have no key."""
        keys = list(dict.fromkeys(put.key for put in puts if put.key))
        found = self._memory.get_many(keys) if keys else []
        return {(one.scope, one.id): one.id for one in found if one and one.key is None}

    def _fields(self, puts: Sequence[Put]) -> list[dict[str, Any]]:
        """The records to write, with the vectors of all their texts made at once."""
        source, taken = _source(), self._without_key(puts)
        texts = [self._texts(put) for put in puts]
        made: Mapping[str, Sequence[float]] = {}
        if self._index is not None:
            made = self._index.vectors(itertools.chain(*texts))
        return [
            {
                **self._record(put, some),
                "id": taken.get((self._scope(put.namespace), put.key)),
                "source": source,
                "vectors": self._brought(some, made),
            }
            for put, some in zip(puts, texts, strict=True)
        ]

    def _texts(self, put: Put) -> list[str]:
        return [] if self._index is None else self._index.texts(put.value or {}, put.index)

    def _brought(
        self, texts: Sequence[str], made: Mapping[str, Sequence[float]]
    ) -> dict[str, list[Sequence[float]]] | None:
        if self._index is None or self._index.space is None or not texts:
            return None
        return {self._index.space: [made[text] for text in texts]}

    def _record(self, put: Put, texts: list[str]) -> dict[str, Any]:
        return {
            "content": content_of(put.value or {}, texts),
            "value": put.value,
            "scope": self._scope(put.namespace),
            "key": put.key,
            "embed": True if len(texts) == 1 else texts,
            "metadata": metadata_with(put.ttl),
            "ttl": None if put.ttl is None else timedelta(minutes=put.ttl),
        }

    def _renew(self, used: Iterable[Record]) -> None:
        lives = {record.id: time_to_live(record) for record in used}
        renewed = {name: life for name, life in lives.items() if life is not None}
        if renewed:
            self._memory.renew(renewed)


def _asks(search: Search) -> bool:
    return search.query is not None and bool(search.query.strip())


def _score(hit: Hit) -> float | None:
    if hit.similarity is None and hit.lexical is None:
        return None
    return min(max(hit.score, -1.0), 1.0) if hit.lexical is None else hit.score


def _pages(read: Callable[[int, int], Sequence[T]], limit: int, offset: int) -> list[T]:
    """What one page of any size holds, though the memory reads so many at once at most."""
    if limit <= _PAGE:
        return list(read(limit, offset))
    return list(_each(read, limit, offset))


def _each(read: Callable[[int, int], Sequence[T]], limit: int, offset: int) -> Iterator[T]:
    while limit:
        some = read(min(limit, _PAGE), offset)
        yield from some
        limit, offset = limit - len(some), offset + len(some)
        if len(some) < _PAGE:
            return


def _source() -> Source:
    """Who writes: this face, and the thread of the graph that runs it."""
    config = var_child_runnable_config.get() or {}
    thread = config.get("configurable", {}).get("thread_id")
    known = isinstance(thread, str) and 0 < len(thread) <= _LONGEST_THREAD
    return Source(app=APP, thread=thread if known else None)
