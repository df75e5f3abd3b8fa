"""Walks over links: what lies near, best first, and the shortest way from one record to another.

They see edges only, through a `Reach` that reads them hop by hop and never too many.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from commonplace import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from commonplace.ledger import Edge

    Read: TypeAlias = Callable[[Sequence[str], int], Mapping[str, Sequence[Edge]]]

_LEAST_AT_ONCE = 25


class Reach:
    """The edges of records, each record's read once, until so many have been read.

    Args:
        read: reads the edges of some records by record, at most so many in all.
        most: how many edges to read at most.
    """

    def __init__(self, read: Read, most: int) -> None:
        self._read = read
        self._known: dict[str, Sequence[Edge]] = {}
        self._left = most

    def edges(self, ids: Sequence[str]) -> Iterator[Edge]:
        """The edges of these records, in their order; the first of them are read first."""
        most = limits.MAX_LINKS_OF_A_RECORD
        unknown = [record_id for record_id in ids if record_id not in self._known]
        while unknown and self._left:
            # As many as can be read whole; when little is left, still not one by one.
            count = max(self._left // most, _LEAST_AT_ONCE)
            some, unknown = unknown[:count], unknown[count:]
            found = self._read(some, self._left)
            self._known |= {record_id: found.get(record_id, ())[:most] for record_id in some}
            self._left -= sum(map(len, found.values()))
        for record_id in ids:
            yield from self._known.get(record_id, ())


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record that was reached: its score, and the numbers of the links that lead to it."""

    score: float
    path: tuple[int, ...] = ()


def nearby(
    seeds: Mapping[str, float], reach: Reach, *, hops: int, decay: float, limit: int
) -> dict[str, Arrival]:
    """The records within so many hops of the seeds, each by its best path; the seeds among them.

    A record from which none of the `limit` best can be reached any more is not walked from, so
    that what lies beyond it may be missing; it would not be among the best.
    """
    found = {seed: Arrival(score) for seed, score in seeds.items()}
    arrived = dict(found)
    for _ in range(hops):
        least = _least(found, limit)
        onwards = [one for one in arrived if arrived[one].score * decay >= least]
        onwards.sort(key=lambda one: (-arrived[one].score, one))
        fresh: dict[str, Arrival] = {}
        for edge in reach.edges(onwards):
            before = arrived[edge.here]
            score = before.score * edge.weight * decay
            if edge.there not in found or score > found[edge.there].score:
                found[edge.there] = fresh[edge.there] = Arrival(score, (*before.path, edge.number))
        arrived = fresh
    return found


def shortest(
    source: str, target: str, forth: Reach, back: Reach, *, hops: int
) -> tuple[int, ...] | None:
    """The numbers of the links of a shortest path, or None if none of at most `hops` is found.

    Breadth first from both ends, the narrower end first: a record with very many links is passed
    by the few of whoever is linked with it.

    Args:
        source: where it begins.
        target: where it ends, another record.
        forth: the edges as they are walked from the source.
        back: the edges as they are walked from the target, against the path.
        hops: at most so many links.
    """
    sides = (_Side(source, forth), _Side(target, back))
    for _ in range(hops):
        near, far = sorted(sides, key=lambda side: len(side.rim))
        if not near.rim:
            return None
        if (meeting := near.widen(far)) is not None:
            begun, ended = (side.paths[meeting] for side in sides)
            return (*begun, *reversed(ended))
    return None


class _Side:
    """One end of a search from both: what it has reached, and by which links."""

    def __init__(self, start: str, reach: Reach) -> None:
        self.paths: dict[str, tuple[int, ...]] = {start: ()}
        self.rim = [start]
        self._reach = reach

    def widen(self, other: _Side) -> str | None:
        """Go one hop further; a record that the other side has reached too, or None."""
        rim: list[str] = []
        for edge in self._reach.edges(self.rim):
            if edge.there not in self.paths:
                self.paths[edge.there] = (*self.paths[edge.here], edge.number)
                rim.append(edge.there)
                if edge.there in other.paths:
                    return edge.there
        self.rim = rim
        return None


def _least(found: Mapping[str, Arrival], limit: int) -> float:
    """What a record must score to be among the best `limit`; 0 while there are fewer."""
    best = heapq.nlargest(limit, (arrival.score for arrival in found.values()))
    return best[-1] if best and len(best) == limit else 0.0
