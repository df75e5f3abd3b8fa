"""Bringing what one side has into another."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from commonplace.comparing.differing import changed_fields
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
            outcome = _outcome(target, standing, source, record, strategy)
            counts[outcome] += 1
            if outcome in {"added", "updated", "doubled"}:
                made = _draft(target, source, record, standing, outcome)
                drafts.append(made)
                names[record.id] = made.record.id
            elif standing is not None:
                names[record.id] = standing.id
        if not dry_run:
            _write(target, drafts)
    links = 0 if dry_run else carry_links(target, source, names)
    return MergeReport(**counts, links=links, dry_run=dry_run)


def carry_links(target: Side, source: Side, names: dict[str, str]) -> int:
    """Write the links between records that were carried over; how many were new."""
    return target.store.linker.adopt(source.store.linker.among(names), names)


def replaced(target: Side, drafts: Sequence[Draft]) -> None:
    """Write drafts in place of the records with their ids, wherever on this side they lay."""
    standing = target.by_id([made.record.id for made in drafts])
    moved = [
        made.record.id
        for made in drafts
        if (old := standing.get(made.record.id)) and old.scope != made.record.scope
    ]
    if moved:
        target.store.writer.delete(moved, target.selection)
    target.store.writer.put(drafts, if_exists="replace", dedupe=False)


def _write(target: Side, drafts: Sequence[Draft]) -> None:
    if drafts:
        replaced(target, drafts)


def _draft(
    target: Side, source: Side, record: Record, standing: Record | None, outcome: str
) -> Draft:
    if outcome == "updated" and standing is not None:
        return target.copied(source, record, standing.id)
    free = outcome == "added" and not target.store.reader.known([record.id])
    return target.copied(source, record, record.id if free else None, keyless=outcome == "doubled")


def _outcome(
    target: Side, standing: Record | None, source: Side, record: Record, strategy: Strategy
) -> str:
    if standing is None:
        return "added"
    if not changed_fields(target, standing, source, record):
        return "same"
    if strategy == "both":
        return "same" if _doubled_before(target, source, record) else "doubled"
    wins = strategy == "source" or (
        strategy == "newest" and record.updated_at > standing.updated_at
    )
    return "updated" if wins else "kept"


def _doubled_before(target: Side, source: Side, record: Record) -> bool:
    """Whether an earlier merge put the source's state beside the target's already."""
    twin = target.store.reader.by_content(record.content, _place(target, source, record))
    return twin is not None and set(changed_fields(target, twin, source, record)) <= {"key"}


def _matched(
    target: Side, source: Side, page: Sequence[Record]
) -> Iterator[tuple[Record, Record | None]]:
    """Each record of the source with the one that is its like on the other side.

    That is the one with its id; else the one with its key; else, for records without a key, one
    with its content in the same place, if both sides are of one memory and so cannot share ids.
    """
    apart = target.store.name_of_ledger != source.store.name_of_ledger
    named = target.by_id([record.id for record in page]) if apart else {}
    for record in page:
        yield record, named.get(record.id) or _like(target, source, record, apart=apart)


def _like(target: Side, source: Side, record: Record, *, apart: bool) -> Record | None:
    selection = _place(target, source, record)
    if record.key is not None:
        scope = target.place(source, record)
        return target.store.reader.by_key(scope, record.key, selection.widened)
    return None if apart else target.store.reader.by_content(record.content, selection)


def _place(target: Side, source: Side, record: Record) -> Selection:
    """The records of this kind where a record of the source belongs in the target."""
    return Selection(
        scope_ids=target.store.scope_ids([target.place(source, record)]),
        below=False,
        kinds=(record.kind,),
        now=target.store.now(),
    )
