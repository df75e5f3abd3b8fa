"""Which of some records say the same: by their words, or by their vectors."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from commonplace.drafts import later_expiry
from commonplace.parts import checked_parts
from commonplace.repeats import ROUNDING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from commonplace.record import Record

    Matrix = NDArray[np.float32]

_AT_ONCE = 256


def plain(content: str) -> str:
    """A text without what makes no difference: case and the amount of white space."""
    return " ".join(content.casefold().split())


def combined(stays: Record, record: Record) -> Record:
    """The record that stays with what another has and it lacks; it lives as long as both.

    Raises:
        LimitExceededError: that is too much for one record.
    """
    both = {
        "tags": (*stays.tags, *record.tags),
        "metadata": {**record.metadata, **stays.metadata},
    }
    return replace(
        stays,
        **checked_parts(both),
        importance=max(stays.importance, record.importance),
        expires_at=later_expiry(stays, record),
        version=stays.version + 1,
    )


def groups(
    ranked: Sequence[Record], vectors: Mapping[str, Matrix], *, least: float | None
) -> dict[str, str]:
    """Each record that repeats a better one, and which.

    The first record of a group stays; whatever equals it belongs to it. So nothing is merged into
    something that it does not itself resemble, as a chain of neighbours would have it.

    Args:
        ranked: the records of one scope and kind, the best first.
        vectors: a unit vector by record id, for those that have exactly one.
        least: from which cosine on two records say the same; None for equal texts alone.

    Returns:
        The id of the record that stays by the id of each that repeats it.
    """
    found = _same_texts(ranked)
    if least is not None:
        left = [record.id for record in ranked if record.id not in found and record.id in vectors]
        found.update(_same_vectors(left, vectors, least))
    return {repeated: found.get(stays, stays) for repeated, stays in found.items()}


def _same_texts(ranked: Sequence[Record]) -> dict[str, str]:
    first: dict[str, str] = {}
    found: dict[str, str] = {}
    for record in ranked:
        if text := plain(record.content):
            stays = first.setdefault(text, record.id)
            if stays != record.id:
                found[record.id] = stays
    return found


def _same_vectors(
    ids: Sequence[str], vectors: Mapping[str, Matrix], least: float
) -> dict[str, str]:
    if not ids:
        return {}
    units = np.stack([vectors[name] for name in ids])
    taken = np.zeros(len(ids), dtype=bool)
    found: dict[str, str] = {}
    for start in range(0, len(ids), _AT_ONCE):
        alike = units[start : start + _AT_ONCE] @ units.T >= least - ROUNDING
        for row, number in enumerate(range(start, min(start + _AT_ONCE, len(ids)))):
            if not taken[number]:
                same = np.flatnonzero(alike[row] & ~taken)
                later = same[same > number]
                taken[later] = True
                stays = ids[number]
                found.update({ids[int(other)]: stays for other in later})
    return found
