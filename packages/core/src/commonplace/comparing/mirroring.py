"""Keeping one memory a copy of another, deletions included."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from commonplace.comparing.differing import changed_fields
from commonplace.comparing.merging import exchanged
from commonplace.failpoints import reach

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from commonplace.comparing.sides import Side

_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What a synchronisation did.

    Attributes:
        written: records that were new or had changed.
        deleted: records that the source no longer has.
        links: links that came along.
        position: the entry of the source's journal up to which the target now follows.
        dry_run: whether nothing was written.
    """

    written: int
    deleted: int
    links: int
    position: int
    dry_run: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        return asdict(self)


def mirror(target: Side, source: Side, *, dry_run: bool) -> SyncReport:
    """Bring the target up to what changed on the source since the last time.

    A run that was stopped begins again where the last whole one ended; doing a part twice changes
    nothing. A source that stands before that, such as an older copy, is read anew.
    """
    cursor = _cursor(target, source)
    position = target.store.reader.cursor(cursor) or 0
    head = source.store.reader.head()
    if 0 < position <= head:
        names = list(source.changed_ids(position, head))
    else:
        names = _all(target, source, f"{cursor}:begun", head, dry_run=dry_run)
    written = deleted = links = 0
    for some in _lots(names):
        present = source.by_id(some)
        standing = target.by_id(some)
        fresh = [
            record
            for name, record in present.items()
            if name not in standing or changed_fields(target, standing[name], source, record)
        ]
        gone = [name for name in standing if name not in present]
        written += len(fresh)
        deleted += len(gone)
        if (fresh or gone) and not dry_run:
            drafts = [target.copied(source, record, record.id) for record in fresh]
            exchanged(target, drafts, gone)
            reach("sync.after_lot")
    if not dry_run:
        links = sum(_mirror_links(target, source, some) for some in _lots(names))
        reach("sync.after_links")
        target.store.writer.keep_cursor(cursor, head)
    return SyncReport(written=written, deleted=deleted, links=links, position=head, dry_run=dry_run)


def _mirror_links(target: Side, source: Side, ids: Sequence[str]) -> int:
    """Give records the links that they have on the source, once all records are there.

    Those to records that only the target has stay.
    """
    theirs = source.links(ids)
    standing = {(link.source_id, link.target_id, link.type) for link in theirs}
    ours = target.links(ids)
    ends = sorted({end for link in (*theirs, *ours) for end in (link.source_id, link.target_id)})
    known = source.by_id(ends)
    target.store.linker.drop(
        [
            link
            for link in ours
            if (link.source_id, link.target_id, link.type) not in standing
            and link.source_id in known
            and link.target_id in known
        ]
    )
    return target.store.linker.adopt(theirs, {end: end for end in ends})


def _cursor(target: Side, source: Side) -> str:
    return f"sync:{source.store.name_of_ledger}:{json.dumps([source.base.path, target.base.path])}"


def _lots(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[start : start + _AT_ONCE] for start in range(0, len(names), _AT_ONCE))


def _all(target: Side, source: Side, cursor: str, head: int, *, dry_run: bool) -> list[str]:
    """Every record, and what changed since a first run was begun that did not end."""
    begun = target.store.reader.cursor(cursor)
    if begun is None or begun > head:
        begun = head
    if not dry_run:
        target.store.writer.keep_cursor(cursor, begun)
    every = (record.id for record in source.records())
    return list(dict.fromkeys((*every, *source.changed_ids(begun, head))))
