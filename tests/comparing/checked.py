"""Runs that are checked as they go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from commonplace import Memory


def counts(report: Any) -> dict[str, int]:
    return {
        name: number for name, number in report.to_dict().items() if number and name != "dry_run"
    }


def contents(memory: Memory, **which: Any) -> list[str]:
    return sorted(one.content for one in memory.list(include_archived=True, **which))


def head(memory: Memory) -> int:
    return memory._store.head()  # pyright: ignore[reportPrivateUsage] - the end of the journal


def merge(target: Memory, source: Memory, strategy: Any = "newest") -> dict[str, int]:
    """A merge that does what its dry run said, and that a second one adds nothing to."""
    ends = head(target), head(source)
    told = target.merge(source, strategy=strategy, dry_run=True)
    assert told.dry_run
    assert (head(target), head(source)) == ends
    done = target.merge(source, strategy=strategy)
    without = {"links": 0, "dry_run": False}
    assert done.to_dict() | without == told.to_dict() | without
    records = target.list(order_by="id", include_closed=True, include_archived=True)
    again = counts(target.merge(source, strategy=strategy))
    assert not again.keys() & {"added", "updated", "doubled", "links"}
    assert target.list(order_by="id", include_closed=True, include_archived=True) == records
    return counts(done)


def links(memory: Memory) -> list[dict[str, Any]]:
    ids = [one.id for one in memory.list(include_closed=True, include_archived=True)]
    found = [link.to_dict() for link in memory.links(ids, limit=1000)]
    return sorted(
        found, key=lambda link: [link[name] for name in ("source_id", "target_id", "type")]
    )


def sync(target: Memory, source: Memory) -> tuple[int, int, int]:
    """A run that does what its dry run said and makes an equal copy; a second one does nothing."""
    ends = head(target), head(source)
    told = target.sync(source, dry_run=True)
    assert told.dry_run
    assert (head(target), head(source)) == ends
    done = target.sync(source)
    assert (done.written, done.deleted, done.position) == (told.written, told.deleted, ends[1])
    assert not done.dry_run
    assert head(source) == ends[1]
    end = head(target)
    again = target.sync(source)
    assert (again.written, again.deleted, again.links) == (0, 0, 0)
    assert head(target) == end
    return done.written, done.deleted, done.links


def equal(target: Memory, source: Memory) -> bool:
    return target.diff(source).empty and links(target) == links(source)
