"""`Linker`: makes and removes links, and finds what they lead to."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from commonplace import limits
from commonplace.errors import NotFoundError
from commonplace.record import Related
from commonplace.walks import Reach, nearby, shortest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from commonplace.clock import Clock
    from commonplace.ledger import Edge, Ledger, Selection, Snapshot, Way
    from commonplace.middleware import Chain
    from commonplace.record import Link, Record
    from commonplace.walks import Arrival


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """How to go on from the seeds: which links, how far, how fast the score falls, how many."""

    way: Way
    hops: int
    decay: float
    limit: int


class Linker:
    """Links the records of one ledger.

    Args:
        ledger: where the links are.
        chain: changes every record on its way out.
        clock: tells the time.
        written: called after every transaction that changed something.
    """

    def __init__(
        self, ledger: Ledger, chain: Chain, clock: Clock, written: Callable[[], None]
    ) -> None:
        self._ledger = ledger
        self._chain = chain
        self._clock = clock
        self._written = written

    def link(self, link: Link, selection: Selection, may_write: Callable[[Record], bool]) -> Link:
        """Write a link between two selected records, the first of which may be written.

        Raises:
            NotFoundError: there are no such two records.
        """
        with self._ledger.write() as transaction:
            ends = transaction.records_by_id([link.source_id, link.target_id], selection)
            source = ends.get(link.source_id)
            if source is None or not may_write(source):
                raise _not_found(link.source_id, "seen and written")
            if link.target_id not in ends:
                raise _not_found(link.target_id, "seen")
            stored = transaction.links.put([link], now=self._clock.now())
        self._written()
        return stored[0]

    def link_all(self, links: Sequence[Link], selection: Selection) -> None:
        """Write those of the links whose ends are selected, in one transaction."""
        if not links:
            return
        with self._ledger.write() as transaction:
            ids = {name for link in links for name in (link.source_id, link.target_id)}
            ends = transaction.links.ends(ids, selection)
            there = [one for one in links if {one.source_id, one.target_id} <= ends]
            transaction.links.put(there, now=self._clock.now())
        self._written()

    def unlink(
        self,
        source_id: str,
        target_id: str,
        types: Sequence[str],
        selection: Selection,
        may_write: Callable[[Record], bool],
    ) -> int:
        """Remove the links from one record to another that `link` could have written; how many."""
        with self._ledger.write() as transaction:
            ends = transaction.records_by_id([source_id, target_id], selection)
            source = ends.get(source_id)
            if source is None or target_id not in ends or not may_write(source):
                return 0
            now = self._clock.now()
            removed = transaction.links.drop(source_id, target_id, types, now=now)
        self._written()
        return removed

    def touching(self, ids: Iterable[str]) -> list[Link]:
        """Every link from or to these records."""
        with self._ledger.read() as snapshot:
            return snapshot.links.of_records(set(ids))

    def drop(self, links: Sequence[Link]) -> None:
        """Remove links of another memory's records that this one no longer is to have."""
        if not links:
            return
        with self._ledger.write() as transaction:
            now = self._clock.now()
            for link in links:
                transaction.links.drop(link.source_id, link.target_id, [link.type], now=now)
        self._written()

    def adopt(self, links: Sequence[Link], names: Mapping[str, str], *, over: bool = True) -> int:
        """Write links of another memory between the records that have these names here.

        Args:
            links: the links; their ends are among the names.
            names: the id here by the id there. A link that would lead to itself is left out.
            over: whether they replace those that are there in another form.

        Returns:
            How many were not there in this form already.
        """
        renamed = [
            replace(link, source_id=names[link.source_id], target_id=names[link.target_id])
            for link in links
            if names[link.source_id] != names[link.target_id]
        ]
        if not renamed:
            return 0
        with self._ledger.write() as transaction:
            ids = sorted({end for link in renamed for end in (link.source_id, link.target_id)})
            held = transaction.pks_by_id(ids)
            standing = transaction.links.of_records(ids)
            forms, places = set(map(_form, standing)), set(map(_place, standing))
            new = [
                link
                for link in renamed
                if link.source_id in held
                and link.target_id in held
                and _form(link) not in forms
                and (over or _place(link) not in places)
            ]
            transaction.links.put(new, now=self._clock.now())
        self._written()
        return len(new)

    def links(
        self, ids: Iterable[str], way: Way, selection: Selection, limit: int, offset: int
    ) -> list[Link]:
        """One page of the links of some records."""
        with self._ledger.read() as snapshot:
            flat = snapshot.flattened(selection)
            return snapshot.links.page(ids, way, flat, limit=limit, offset=offset)

    def related(
        self, seeds: Mapping[str, float], selection: Selection, walk: Walk, *, with_seeds: bool
    ) -> list[Related]:
        """What links lead to from some records, given with their scores, best first."""
        with self._ledger.read() as snapshot:
            flat = snapshot.flattened(selection)
            seen = snapshot.links.ends(seeds, flat)
            begun = {seed: score for seed, score in seeds.items() if seed in seen}
            hidden = set[str]() if with_seeds else seen
            found = nearby(
                begun,
                _reach(snapshot, walk.way, flat, limits.MAX_LINKS_READ),
                hops=walk.hops,
                decay=walk.decay,
                limit=walk.limit + len(hidden),
            )
            best = sorted(found.keys() - hidden, key=lambda one: _rank(one, found[one]))
            chosen = {record_id: found[record_id] for record_id in best[: walk.limit]}
            loaded = _loaded(snapshot, chosen, flat)
        return [replace(one, record=self._chain.read(one.record)) for one in loaded]

    def path(
        self, source_id: str, target_id: str, way: Way, selection: Selection, hops: int
    ) -> tuple[Link, ...] | None:
        """A shortest path between two selected records, or None if none is found."""
        with self._ledger.read() as snapshot:
            flat = snapshot.flattened(selection)
            ends = {source_id, target_id}
            if snapshot.links.ends(ends, flat) != ends:
                return None
            if source_id == target_id:
                return ()
            forth, back = (
                _reach(snapshot, one, flat, limits.MAX_LINKS_READ // 2) for one in (way, way.back)
            )
            numbers = shortest(source_id, target_id, forth, back, hops=hops)
            if numbers is None:
                return None
            found = snapshot.links.numbered(numbers)
            return tuple(found[number] for number in numbers)


def _place(link: Link) -> tuple[str, str, str]:
    return link.source_id, link.target_id, link.type


def _form(link: Link) -> tuple[object, ...]:
    metadata = json.dumps(link.metadata, sort_keys=True)
    return *_place(link), link.weight, link.reason, metadata


def _reach(snapshot: Snapshot, way: Way, selection: Selection, most: int) -> Reach:
    def read(ids: Sequence[str], left: int) -> dict[str, list[Edge]]:
        each = limits.MAX_LINKS_OF_A_RECORD
        return snapshot.links.strongest(ids, way, selection, each=each, most=left)

    return Reach(read, most)


def _rank(record_id: str, arrival: Arrival) -> tuple[float, int, str]:
    return -arrival.score, len(arrival.path), record_id


def _loaded(
    snapshot: Snapshot, chosen: Mapping[str, Arrival], selection: Selection
) -> list[Related]:
    records = snapshot.records_by_id(list(chosen), selection)
    links = snapshot.links.numbered({n for arrival in chosen.values() for n in arrival.path})
    return [
        Related(
            record=records[record_id],
            score=arrival.score,
            path=tuple(links[number] for number in arrival.path),
        )
        for record_id, arrival in chosen.items()
    ]


def _not_found(record_id: str, what: str) -> NotFoundError:
    return NotFoundError(f"no record {record_id!r} can be {what} from this view")
