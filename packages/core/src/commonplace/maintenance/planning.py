"""What a policy would do to a store at one moment; nothing is changed here."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from itertools import groupby, islice
from typing import TYPE_CHECKING, Literal

import numpy as np

from commonplace.drafts import OWN_SPACE
from commonplace.errors import LimitExceededError
from commonplace.maintenance.duplicates import combined, groups, plain
from commonplace.maintenance.policy import Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from commonplace.ledger import Selection, Snapshot
    from commonplace.maintenance.policy import Policy
    from commonplace.record import Record

_AT_ONCE = 1000
_ALL = 2**62


def plan(snapshot: Snapshot, selection: Selection, policy: Policy) -> list[Step]:
    """The steps of a policy on the records of some scopes, each record in one step at most.

    Args:
        snapshot: the moment.
        selection: the scopes, with everything in them.
        policy: what may be done.
    """
    steps: dict[str, Step] = {}
    for step in _steps(snapshot, selection, policy, steps):
        if step.record_id not in steps and step.into not in steps:
            steps[step.record_id] = step
    return list(steps.values())


def _steps(
    snapshot: Snapshot, selection: Selection, policy: Policy, taken: Mapping[str, Step]
) -> Iterator[Step]:
    if policy.expired:
        yield from _expired(snapshot, selection)
    narrowed = replace(
        selection,
        kinds=policy.kinds,
        filter=policy.narrowing,
        archived=policy.action == "delete",
    )
    if (forgotten := policy.forgotten(selection.now)) is not None:
        chosen = replace(narrowed, filter=forgotten)
        for record in _records(snapshot, snapshot.pks(chosen)):
            yield _forget(record, policy, "older, idler or less important than the policy keeps")
    if policy.duplicates is not None:
        present = replace(narrowed, archived=False, closed=False)
        yield from _repeated(snapshot, present, policy.duplicates, taken)
    if policy.at_most is not None:
        yield from _too_many(snapshot, narrowed, policy, policy.at_most, taken)


def _expired(snapshot: Snapshot, selection: Selection) -> Iterator[Step]:
    flat = snapshot.flattened(selection)
    for record in _records(snapshot, snapshot.expired(flat)):
        yield _step("expire", record, "its expiry has passed")


def _too_many(
    snapshot: Snapshot,
    selection: Selection,
    policy: Policy,
    at_most: int,
    taken: Mapping[str, Step],
) -> Iterator[Step]:
    """What is too much in each scope once the steps already taken are done."""
    leaving = Counter(step.scope for step in taken.values() if step.action != "expire")
    staying = {step.into for step in taken.values()}
    for place in _places(snapshot, selection, more_than=at_most):
        held = snapshot.count(place)
        scope = snapshot.scope(place.scope_ids[0]).path
        excess = held - leaving[scope] - at_most
        ranked = snapshot.page(place, ("importance", "updated_at"), held if excess > 0 else 0, 0)
        free = (one for one in ranked if one.id not in taken and one.id not in staying)
        for record in islice(free, max(excess, 0)):
            yield _forget(record, policy, f"its scope holds more than {at_most}")


def _repeated(
    snapshot: Snapshot,
    selection: Selection,
    alike: float | Literal["text"],
    taken: Mapping[str, Step],
) -> Iterator[Step]:
    """What repeats another in each scope, of what the steps already taken leave.

    The messages of conversations repeat nothing: what was said twice was said twice.
    """
    for place in _places(snapshot, selection, more_than=1):
        ranked = snapshot.page(place, ("kind", "-importance", "-updated_at"), _ALL, 0)
        said = snapshot.threads.holding([record.id for record in ranked])
        left = (record for record in ranked if record.id not in taken and record.id not in said)
        for _, some in groupby(left, key=lambda record: record.kind):
            yield from _alike(snapshot, list(some), None if alike == "text" else alike)


def _alike(snapshot: Snapshot, ranked: Sequence[Record], least: float | None) -> Iterator[Step]:
    vectors = {} if least is None else _unit_vectors(snapshot, ranked)
    found = groups(ranked, vectors, least=least)
    wholes = {record.id: record for record in ranked}
    for record in ranked:
        if stays := found.get(record.id):
            with suppress(LimitExceededError):  # what does not fit into one record stays apart
                wholes[stays] = combined(wholes[stays], record)
                same = plain(record.content) == plain(wholes[stays].content)
                reason = f"its {'text' if same else 'vector'} repeats that of {stays}"
                yield _step("merge", record, reason, into=stays)


def _places(snapshot: Snapshot, selection: Selection, *, more_than: int) -> Iterator[Selection]:
    """Each selected scope that holds so many records itself, as a selection of its own."""
    for info in snapshot.scope_infos(selection, None, _ALL, 0):
        if info.records > more_than:
            scope_ids = snapshot.scope_ids([info.scope])
            yield replace(selection, scope_ids=scope_ids, below=False)


def _unit_vectors(snapshot: Snapshot, records: Sequence[Record]) -> dict[str, NDArray[np.float32]]:
    """The vector of each record that has exactly one in the memory's own space."""
    space = snapshot.spaces().get(OWN_SPACE)
    if space is None:
        return {}
    names = {pk: name for name, pk in snapshot.pks_by_id([record.id for record in records]).items()}
    pks, matrix = snapshot.vectors(space, names)
    lengths = np.linalg.norm(matrix, axis=1)
    single, counts = np.unique(pks, return_counts=True)
    alone = np.isin(pks, single[counts == 1]) & (lengths > 0)
    units = matrix[alone] / lengths[alone, None]
    return {names[pk]: unit for pk, unit in zip(pks[alone].tolist(), units, strict=True)}


def _records(snapshot: Snapshot, pks: NDArray[np.int64]) -> Iterator[Record]:
    numbers = np.sort(pks).tolist()
    for start in range(0, len(numbers), _AT_ONCE):
        yield from snapshot.records(numbers[start : start + _AT_ONCE])


def _forget(record: Record, policy: Policy, reason: str) -> Step:
    return _step(policy.action, record, reason)


def _step(action: str, record: Record, reason: str, *, into: str | None = None) -> Step:
    return Step(
        action=action,  # pyright: ignore[reportArgumentType] - one of the four
        record_id=record.id,
        version=record.version,
        scope=record.scope.path,
        reason=reason,
        into=into,
    )
