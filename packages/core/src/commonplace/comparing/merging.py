"""Bringing what one side has into another."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from commonplace.comparing.differing import changed_fields
from commonplace.failpoints import reach
from commonplace.ledger import Selection

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from commonplace.comparing.sides import Side
    from commonplace.drafts import Draft
    from commonplace.record import Record

Strategy = Literal["newest", "source", "target", "both"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeReport:
    """What a merge did, or would do.

    Attributes:
        added: records that the target lacked.
        updated: records whose state the source decided.
        kept: records whose state the target decided.
        doubled: records of which the target now has both states.
        same: records that were the same already.
        links: links that came along.
        dry_run: whether nothing was written.
    """

    added: int = 0
    updated: int = 0
    kept: int = 0
    doubled: int = 0
    same: int = 0
    links: int = 0
    dry_run: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        return asdict(self)


def merge(target: Side, source: Side, strategy: Strategy, *, dry_run: bool) -> MergeReport:
    """Write into the target what the source has and it lacks, some records at a time."""
    counts: Counter[str] = Counter()
    names: dict[str, str] = {}
    for page in source.pages():
        drafts: list[Draft] = []
        for record, standing in _matched(target, source, page):
            outcome, standing = _outcome(target, standing, source, record, strategy)  # noqa: PLW2901 - or its double
            counts[outcome] += 1
            if outcome in {"added", "updated", "doubled"}:
                made = _draft(target, source, record, standing, outcome)
                drafts.append(made)
                names[record.id] = made.record.id
            elif standing is not None:
                names[record.id] = standing.id
        if drafts and not dry_run:
            exchanged(target, drafts, [])
            reach("merge.after_lot")
    links = 0 if dry_run else _carry_links(target, source, names, strategy)
    return MergeReport(**counts, links=links, dry_run=dry_run)


def exchanged(target: Side, drafts: Sequence[Draft], gone: Sequence[str]) -> None:
    """Write drafts in place of the records with their ids, and remove others, in one step.

    Those that change their place or their key are removed first, so that keys may change hands.
    """
    standing = target.by_id([made.record.id for made in drafts])
    moved = [
        made.record.id
        for made in drafts
        if (old := standing.get(made.record.id))
        and (old.scope, old.key) != (made.record.scope, made.record.key)
    ]
    target.store.writer.exchange(drafts, [*gone, *moved], target.selection)


def _carry_links(target: Side, source: Side, names: dict[str, str], strategy: Strategy) -> int:
    """Write the links between records that were carried over; how many were new."""
    links = [
        link
        for link in source.store.linker.touching(names)
        if link.source_id in names and link.target_id in names
    ]
    return target.store.linker.adopt(links, names, over=strategy in {"newest", "source"})


def _draft(
    target: Side, source: Side, record: Record, standing: Record | None, outcome: str
) -> Draft:
    if outcome == "updated" and standing is not None:
        return target.copied(source, record, standing.id)
    free = outcome == "added" and not target.taken(record.id)
    return target.copied(source, record, record.id if free else None, keyless=outcome == "doubled")


def _outcome(
    target: Side, standing: Record | None, source: Side, record: Record, strategy: Strategy
) -> tuple[str, Record | None]:
    """What is to become of a record, and the one that it is on the target's side."""
    if standing is None:
        return "added", None
    if not changed_fields(target, standing, source, record):
        return "same", standing
    if strategy == "both":
        double = _double(target, source, record)
        return ("doubled", standing) if double is None else ("same", double)
    wins = strategy == "source" or (
        strategy == "newest" and record.updated_at > standing.updated_at
    )
    return ("updated" if wins else "kept"), standing


def _double(target: Side, source: Side, record: Record) -> Record | None:
    """What an earlier merge put beside the target's state."""
    for twin in _same_content(target, source, record):
        if set(changed_fields(target, twin, source, record)) <= {"key"}:
            return twin
    return None


def _matched(
    target: Side, source: Side, page: Sequence[Record]
) -> Iterator[tuple[Record, Record | None]]:
    """Each record of the source with the one that is its like on the other side.

    That is the one with its id; else the one with its key, unless that is another record of the
    source by its id; else, for records without a key that cannot have the same id, because both
    sides are of one memory or the id is taken elsewhere, one with its content in the same place.
    """
    apart = not target.store.is_at(source.store)
    named = target.by_id([record.id for record in page]) if apart else {}
    for record in page:
        if record.id in named:
            yield record, named[record.id]
        elif record.key is not None:
            keyed = _keyed(target, source, record)
            own = apart and keyed is not None and keyed.id in source.by_id([keyed.id])
            yield record, None if own else keyed
        elif not apart or target.taken(record.id):
            yield record, _like(target, source, record)
        else:
            yield record, None


def _keyed(target: Side, source: Side, record: Record) -> Record | None:
    selection = _place(target, source, record).widened
    return target.store.reader.by_key(record.key or "", selection)


def _like(target: Side, source: Side, record: Record) -> Record | None:
    """The record of the same content that is equal, or else the newest."""
    same = _same_content(target, source, record)
    equal = (one for one in same if not changed_fields(target, one, source, record))
    return next(equal, same[0] if same else None)


def _same_content(target: Side, source: Side, record: Record) -> list[Record]:
    return target.store.reader.by_content(record.content, _place(target, source, record))


def _place(target: Side, source: Side, record: Record) -> Selection:
    """The records of this kind where a record of the source belongs in the target."""
    return Selection(
        scope_ids=target.store.scope_ids([target.place(source, record)]),
        below=False,
        kinds=(record.kind,),
        now=target.store.now(),
    )
