"""Carrying out a policy, step by step, each on the record as it was when the step was planned."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from commonplace.clock import from_micros
from commonplace.errors import LimitExceededError
from commonplace.failpoints import reach
from commonplace.ledger import Selection
from commonplace.maintenance.duplicates import combined
from commonplace.maintenance.planning import plan
from commonplace.maintenance.policy import MaintenanceReport, Policy, Step, before

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonplace.clock import Clock
    from commonplace.ledger import Ledger, Transaction
    from commonplace.record import Record

_AT_ONCE = 500


def maintain(
    ledger: Ledger, clock: Clock, selection: Selection, policy: Policy, *, dry_run: bool
) -> MaintenanceReport:
    """Do what a policy asks for in the selected scopes, or only say what that would be.

    Steps are carried out some hundred at a time, each lot whole or not at all; a run that was
    stopped leaves the rest for the next one.
    """
    moment = before(selection.now, policy.history_older_than, "history_older_than")
    with ledger.read() as snapshot:
        steps = plan(snapshot, selection, policy)
        better = snapshot.records_by_id([step.into for step in steps if step.into], selection)
        counted = dry_run and moment is not None
        states = snapshot.former_count(selection, before=moment) if counted else 0
    if dry_run:
        return MaintenanceReport(dry_run=True, steps=tuple(steps), states=states)
    if moment is not None:
        with ledger.write() as transaction:
            states = transaction.former.purge(selection, ids=None, before=moment)
    done: list[Step] = []
    versions = {record.id: record.version for record in better.values()}
    for start in range(0, len(steps), _AT_ONCE):
        with ledger.write() as transaction:
            now = clock.now()
            done += _carried_out(transaction, steps[start : start + _AT_ONCE], versions, now)
        reach("maintain.after_lot")
    return MaintenanceReport(
        dry_run=False, steps=tuple(done), skipped=len(steps) - len(done), states=states
    )


def _carried_out(
    transaction: Transaction, steps: Sequence[Step], versions: dict[str, int], now: int
) -> list[Step]:
    """Those of some steps that were carried out.

    Args:
        transaction: where they are.
        steps: what was planned.
        versions: those of the records that others are merged into, as planned; kept up here.
        now: the present moment.
    """
    ids = [step.record_id for step in steps] + [step.into for step in steps if step.into]
    pks = transaction.pks_by_id(ids)
    records = {record.id: record for record in transaction.numbered(list(pks.values())).values()}
    moment = from_micros(now)
    alive = {
        name: record
        for name, record in records.items()
        if record.expires_at is None or record.expires_at > moment
    }
    done: list[Step] = []
    for step in steps:
        record = (records if step.action == "expire" else alive).get(step.record_id)
        if record is None or record.version != step.version:
            continue
        if step.action == "archive":
            _archive(transaction, record, now)
        else:
            if step.action == "merge":
                stays = alive.get(step.into or "")
                if stays is None or stays.version != versions[stays.id]:
                    continue
                if (stays := _merge(transaction, record, stays, now)) is None:
                    continue
                alive[stays.id], versions[stays.id] = stays, stays.version
            transaction.remove([pks[record.id]], operation=step.action, now=now)
        done.append(step)
    return done


def _archive(transaction: Transaction, record: Record, now: int) -> None:
    archived = replace(record, archived_at=from_micros(now), version=record.version + 1)
    everything = Selection.everything(now=now)
    transaction.revise(record.id, everything, lambda _: archived, now=now, operation="archive")


def _merge(transaction: Transaction, record: Record, stays: Record, now: int) -> Record | None:
    """Give what a record has and its better lacks to the better one, links included.

    Returns:
        The better one as it then is; None if both are too much for one record.
    """
    try:
        merged = combined(stays, record)
    except LimitExceededError:
        return None
    everything = Selection.everything(now=now)
    written = transaction.revise(stays.id, everything, lambda _: merged, now=now, operation="merge")
    transaction.links.move(record.id, stays.id, now=now)
    return written
