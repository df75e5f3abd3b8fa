"""Keeping one memory a copy of another, deletions included."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from commonplace.comparing.differing import changed_fields
from commonplace.comparing.merging import carry_links, replaced

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    nothing.
    """
    cursor = f"sync:{source.store.name_of_ledger}:{source.base.path}>{target.base.path}"
    position = target.store.reader.cursor(cursor) or 0
    head = source.store.reader.head()
    names = source.store.reader.changed_ids(position, head) if position else _every(source)
    written = deleted = links = 0
    while some := list(islice(names, _AT_ONCE)):
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
        if dry_run:
            continue
        if gone:
            target.store.writer.delete(gone, target.selection)
        if fresh:
            replaced(target, [target.copied(source, record, record.id) for record in fresh])
        links += carry_links(target, source, {name: name for name in present})
    if not dry_run:
        target.store.writer.keep_cursor(cursor, head)
    return SyncReport(written=written, deleted=deleted, links=links, position=head, dry_run=dry_run)


def _every(source: Side) -> Iterator[str]:
    return (record.id for record in source.records())
