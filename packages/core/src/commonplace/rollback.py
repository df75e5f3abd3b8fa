"""Undoing what a source wrote, or all that was written since a moment, in one transaction."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from commonplace.errors import ConflictError
from commonplace.filters import matches
from commonplace.ledger import Selection
from commonplace.superseding import TYPE as SUPERSEDES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from commonplace.filters import Filter
    from commonplace.ledger import Snapshot, Transaction
    from commonplace.record import Link, Record, Version
    from commonplace.scope import Scope

_DERIVED = ("told-by", "summarises")
"""The types of the links from what was made of messages to those messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBack:
    """What `roll_back` did, or would do: the ids of records.

    Attributes:
        dry_run: whether it was only looked at.
        deleted: what was made there; the last states stay in the history.
        restored: what was changed, ended or, if a time alone was given, deleted there: it is again
            as it was before, as its newest version.
        kept: others wrote these later; they stay as they are. What they say may have been taken
            over from what is rolled back: look at them.
        blocked: the state before cannot be brought back: it lies outside this view, its key is
            another record's by now, or it is a message that is gone from its thread. Nothing was
            done with these.
        lost: those of `deleted` that may have been there before, of which no earlier state is kept.
        derived: what was made of deleted messages, summaries and facts. It stays: look at it.
    """

    dry_run: bool
    deleted: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    derived: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        return asdict(self)


class Wrong(NamedTuple):
    """Which states are to be undone.

    Attributes:
        tree: what their source, their other parts and their time must be.
        by_time_alone: whether nothing but the time counts: deletes are undone then, too.
        since: the time, in microseconds; 0 for any.
    """

    tree: Filter
    by_time_alone: bool
    since: int


class _Plan(NamedTuple):
    deleted: list[Record]
    restored: dict[str, int]
    """The version by id."""
    kept: list[str]
    blocked: list[str]
    lost: list[str]
    derived: list[str]

    def report(self, *, dry_run: bool) -> RollBack:
        return RollBack(
            dry_run=dry_run,
            deleted=tuple(record.id for record in self.deleted),
            restored=tuple(name for name in self.restored if name not in self.blocked),
            kept=tuple(self.kept),
            blocked=tuple(self.blocked),
            lost=tuple(self.lost),
            derived=tuple(self.derived),
        )


def roll_back(
    transaction: Transaction,
    selection: Selection,
    wrong: Wrong,
    allowed: Callable[[Scope], bool],
    *,
    now: int,
) -> RollBack:
    """Undo; see `Memory.roll_back`.

    Args:
        transaction: where.
        selection: the records that may be touched, whatever their source.
        wrong: which states are undone.
        allowed: whether a scope may be read and written.
        now: the present moment.
    """
    plan = _planned(transaction, selection, wrong, allowed)
    pks = transaction.pks_by_id([record.id for record in plan.deleted])
    transaction.remove(sorted(pks.values()), operation="delete", now=now)
    waiting = dict(plan.restored)
    while waiting:  # a key may be free only after another record has left it
        left = {
            name: version
            for name, version in waiting.items()
            if not _restored(transaction, name, version, allowed, now)
        }
        if len(left) == len(waiting):
            plan.blocked.extend(left)
            break
        waiting = left
    return plan.report(dry_run=False)


def planned(
    snapshot: Snapshot, selection: Selection, wrong: Wrong, allowed: Callable[[Scope], bool]
) -> RollBack:
    """What `roll_back` would do; keys that are taken by then are not foreseen."""
    return _planned(snapshot, selection, wrong, allowed).report(dry_run=True)


def _planned(
    snapshot: Snapshot, selection: Selection, wrong: Wrong, allowed: Callable[[Scope], bool]
) -> _Plan:
    plan = _Plan([], {}, [], [], [], [])
    present = snapshot.records(snapshot.pks(selection).tolist())
    for record in sorted(present, key=lambda record: record.id):
        _undo(plan, record, _states(snapshot, record, selection), wrong, allowed)
    links = snapshot.links.of_records([record.id for record in plan.deleted])
    _reopen(plan, snapshot, selection.widened, links)
    gone = {record.id for record in plan.deleted}
    made_of = [one.source_id for one in links if one.type in _DERIVED and one.target_id in gone]
    plan.derived.extend(sorted(set(snapshot.records_by_id(made_of, selection.widened)) - gone))
    touched = {record.id for record in present}
    if wrong.by_time_alone:
        for name in snapshot.gone_since(selection.widened, wrong.since):
            _bring_back(plan, snapshot.former_states(name, selection.widened), wrong)
    else:
        others = snapshot.former_matching(selection)
        plan.kept.extend(name for name in others if name not in touched)
    return plan


def _states(snapshot: Snapshot, record: Record, selection: Selection) -> list[Version]:
    """The former states of a record, newest first, wherever they lay.

    An id may have been another record's before: those states are not the record's own.
    """
    states = snapshot.former_states(record.id, Selection.everything(now=selection.now))
    return [
        state
        for state in reversed(states)
        if state.record.scope == record.scope or state.record.created_at == record.created_at
    ]


def _undo(
    plan: _Plan,
    record: Record,
    states: Sequence[Version],
    wrong: Wrong,
    allowed: Callable[[Scope], bool],
) -> None:
    good = next((one.record for one in states if not matches(wrong.tree, one.record)), None)
    if good is None:
        plan.deleted.append(record)
        if min((one.record.version for one in states), default=record.version) > 1:
            plan.lost.append(record.id)
    elif allowed(good.scope):
        plan.restored[record.id] = good.version
    else:
        plan.blocked.append(record.id)


def _reopen(plan: _Plan, snapshot: Snapshot, selection: Selection, links: Sequence[Link]) -> None:
    """Plan to open again what a deleted record had closed by taking its place."""
    gone = {record.id for record in plan.deleted}
    closed = [
        link.target_id for link in links if link.type == SUPERSEDES and link.source_id in gone
    ]
    for name in snapshot.records_by_id(closed, selection):
        before = snapshot.former_states(name, selection)[-1:]
        if name not in gone and before and before[0].replaced_by == "supersede":
            plan.restored.setdefault(name, before[0].record.version)


def _bring_back(plan: _Plan, states: Sequence[Version], wrong: Wrong) -> None:
    """Plan to bring back a record that was deleted, as it was before the moment."""
    good = [one.record for one in states if not matches(wrong.tree, one.record)]
    if good and good[-1].kind == "message":
        plan.blocked.append(good[-1].id)
    elif good:
        plan.restored[good[-1].id] = good[-1].version


def _restored(
    transaction: Transaction,
    name: str,
    version: int,
    allowed: Callable[[Scope], bool],
    now: int,
) -> bool:
    try:
        transaction.restore(name, version, allowed, now=now, archived=True)
    except ConflictError:
        return False
    return True
