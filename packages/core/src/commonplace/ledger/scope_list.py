"""`ScopeList`: the scopes that hold records, in order, kept in memory and fresh by the journal."""

from __future__ import annotations

import bisect
import threading
from typing import TYPE_CHECKING, NamedTuple

from commonplace.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonplace.ledger.snapshot import Snapshot

    Segments = tuple[str, ...]

ANY = "*"
_MOST_CHANGES = 1_000


class ScopePattern(NamedTuple):
    """Which scopes are looked for; `"*"` in prefix and suffix stands for any one segment.

    Attributes:
        base: where prefix, suffix and depth begin.
        prefix: how the segments begin.
        suffix: how they end.
        depth: how many segments are kept; None for all.
    """

    base: Segments
    prefix: Segments
    suffix: Segments
    depth: int | None

    @property
    def literal(self) -> Segments:
        """The segments with which everything that matches begins."""
        wild = self.prefix.index(ANY) if ANY in self.prefix else len(self.prefix)
        return self.base + self.prefix[:wild]

    @property
    def plain(self) -> bool:
        """Whether everything that begins with `literal` matches, uncut."""
        return not self.suffix and ANY not in self.prefix and self.depth is None

    @property
    def wanted(self) -> tuple[int, list[tuple[int, str]]]:
        """What a scope within `literal` has to be: so long at least, and these segments where.

        Places from the end count from -1.
        """
        start = len(self.base)
        front = [(start + n, one) for n, one in enumerate(self.prefix) if one != ANY]
        back = [(n - len(self.suffix), one) for n, one in enumerate(self.suffix) if one != ANY]
        return start + max(len(self.prefix), len(self.suffix)), front + back

    def cuts(self, shown: Segments) -> bool:
        """Whether nothing below what is shown is shown as something else."""
        return self.depth is not None and len(shown) == len(self.base) + self.depth

    def cut(self, segments: Segments) -> Segments:
        """What is shown of a scope that matches."""
        return segments if self.depth is None else segments[: len(self.base) + self.depth]


class ScopeList:
    """The scopes that hold records. Shared by all threads of a memory."""

    def __init__(self) -> None:
        self._seq = -1
        self._sorted: list[Segments] = []
        self._scopes: dict[Segments, Scope] = {}
        self._lock = threading.Lock()

    def find(
        self, snapshot: Snapshot, pattern: ScopePattern, *, limit: int, offset: int, now: int
    ) -> list[Scope]:
        """The scopes that match, segment by segment in order."""
        emptied = {scope.segments for scope in snapshot.expired_whole(now)}
        with self._lock:
            self._follow(snapshot)
            found = self._found(pattern, emptied)
            if pattern.plain and not emptied:
                first, last = self._within(pattern.literal)
                page = self._sorted[min(first + offset, last) : min(first + offset + limit, last)]
            else:
                page = [
                    segments
                    for number, segments in zip(range(offset + limit), found, strict=False)
                    if number >= offset
                ]
            return [self._scopes.get(segments) or Scope(*segments) for segments in page]

    def _found(self, pattern: ScopePattern, emptied: set[Segments]) -> Iterator[Segments]:
        place, last = self._within(pattern.literal)
        shortest, wanted = pattern.wanted
        while place < last:
            segments = self._sorted[place]
            place += 1
            if len(segments) < shortest or segments in emptied:
                continue
            if not all(segments[n] == one for n, one in wanted):
                continue
            shown = pattern.cut(segments)
            yield shown
            if pattern.cuts(shown):  # all below it would be shown as the same
                place = self._within(shown)[1]

    def _within(self, start: Segments) -> tuple[int, int]:
        """From where to where the scopes stand that begin with some segments."""
        if not start:
            return 0, len(self._sorted)
        after = (*start[:-1], start[-1] + "\0")
        first = bisect.bisect_left(self._sorted, start)
        return first, bisect.bisect_left(self._sorted, after, first)

    def _follow(self, snapshot: Snapshot) -> None:
        head = snapshot.head()
        if head <= self._seq:
            return
        changed = snapshot.scopes_changed(self._seq, _MOST_CHANGES + 1) if self._seq >= 0 else None
        if changed is None or len(changed) > _MOST_CHANGES:
            self._scopes = {scope.segments: scope for scope, _ in snapshot.scopes_held()}
            self._sorted = sorted(self._scopes)
        else:
            for scope, held in snapshot.scopes_held(changed):
                self._set(scope, held=bool(held))
        self._seq = head

    def _set(self, scope: Scope, *, held: bool) -> None:
        segments = scope.segments
        if held and segments not in self._scopes:
            bisect.insort(self._sorted, segments)
            self._scopes[segments] = scope
        elif not held and segments in self._scopes:
            del self._scopes[segments]
            del self._sorted[bisect.bisect_left(self._sorted, segments)]
