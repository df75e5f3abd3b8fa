"""Comparing an index with the ledger: how many entries it has, and where some vectors lead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from commonplace.index.follower import record_ids

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from commonplace.index.port import VectorStore
    from commonplace.ledger import Snapshot, Space

    Vector = NDArray[np.float32]

_PROBES = 20
_ALIKE = 0.99
_NEAR = 1e-2


def followed(snapshot: Snapshot) -> bool:
    """Whether the index has followed all of the journal."""
    head = snapshot.head()
    return all(seq >= head for seq in snapshot.applied_seqs())


def differences(
    snapshot: Snapshot, store: VectorStore, nearest: Callable[[Space, Vector], list[str]]
) -> list[str]:
    """Where the index, as far as it has followed, does not hold what the ledger holds.

    Args:
        snapshot: of the ledger.
        store: the index.
        nearest: asks it for the one entry nearest to a vector.
    """
    found: list[str] = []
    head = snapshot.head()
    for space in snapshot.searchable_spaces().values():
        if snapshot.applied_seq(space) == head:
            held = store.count(space)
            if held != space.vectors:
                found.append(f"space {space.name!r}: {held} of {space.vectors} vectors")
            elif astray := _astray(snapshot, space, nearest):
                found.append(f"space {space.name!r}: {astray} of {_PROBES} probes astray")
    return found


def misfits(
    snapshot: Snapshot,
    space: Space,
    vector: Vector,
    answer: list[tuple[str, float]],
    changed: set[int],
) -> int:
    """How many of some entries of an answer are not as far from a vector as it says.

    Args:
        snapshot: of the ledger, taken after the question.
        space: what was asked.
        vector: the question.
        answer: entries and their distances.
        changed: the records that may be otherwise in the index than here.
    """
    some = answer[:: max(len(answer) // _PROBES, 1)]
    pks = snapshot.pks_by_id(record_ids(name for name, _ in some))
    length = float(np.linalg.norm(vector))
    wrong = 0
    for name, distance in some:
        pk = pks.get(record_ids([name])[0])
        if pk is None:  # gone since, or never there: only the journal could tell
            wrong += not changed
            continue
        if pk not in changed:
            _, found = snapshot.vectors(space, [pk])
            lengths = np.linalg.norm(found, axis=1) * length
            if len(found) and np.all(lengths > 0) and np.all(np.isfinite(lengths)):
                apart = np.abs(1 - (found @ vector) / lengths - distance)
                wrong += not np.any(apart <= _NEAR)
            wrong += not len(found)
    return wrong


def _astray(snapshot: Snapshot, space: Space, nearest: Callable[[Space, Vector], list[str]]) -> int:
    """How many of some stored vectors do not lead to a vector like themselves."""
    probes = snapshot.some_vectors(space, _PROBES)
    return sum(not _leads_home(snapshot, space, vector, nearest) for vector in probes)


def _leads_home(
    snapshot: Snapshot,
    space: Space,
    vector: Vector,
    nearest: Callable[[Space, Vector], list[str]],
) -> bool:
    ids = record_ids(nearest(space, vector))
    _, found = snapshot.vectors(space, snapshot.pks_by_id(ids).values())
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(vector)
    return bool(np.any(found @ vector >= _ALIKE * lengths))
