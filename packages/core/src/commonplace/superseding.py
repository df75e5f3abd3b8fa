"""Closing a fact in favour of another one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from commonplace.clock import from_micros
from commonplace.errors import ConflictError, InvalidInputError
from commonplace.ledger import Selection, Way
from commonplace.limits import MAX_PAGE
from commonplace.record import Link, Record

if TYPE_CHECKING:
    from datetime import datetime

    from commonplace.ledger import Transaction

TYPE = "supersedes"


def check_open(
    transaction: Transaction, old: Record, new_id: str | None, selection: Selection, *, at: datetime
) -> None:
    """Refuse to close a record that is closed, unless by the one that took its place.

    Raises:
        ConflictError: `old` ended at `at` or before.
    """
    if old.valid_to is None or old.valid_to > at:
        return
    links = transaction.links.page(
        [old.id], Way("in", (TYPE,)), selection, limit=MAX_PAGE, offset=0
    )
    successors = [link.source_id for link in links]
    if new_id in successors:
        return
    advice = (
        f"supersede {successors[0]!r}, which took its place"
        if successors
        else "add the new record by itself, or give an at= before it ended"
    )
    raise ConflictError(f"record {old.id!r} is closed already; {advice}")


def supersede(
    transaction: Transaction,
    old: Record,
    new: Record,
    *,
    reason: str | None,
    at: datetime,
    now: int,
) -> None:
    """Close `old` at a moment, unless it was closed before, and link `new` to it.

    Raises:
        InvalidInputError: the two are one, or `old` began to be true only later.
    """
    if old.id == new.id:
        raise InvalidInputError("a record cannot supersede itself; name two records")
    if old.valid_from is not None and old.valid_from > at:
        raise InvalidInputError(f"record {old.id!r} is only true from later on; give a later at=")
    if old.valid_to is None or old.valid_to > at:
        closed = replace(old, valid_to=at, version=old.version + 1)
        transaction.revise(
            old.id, Selection.everything(now=now), lambda _: closed, now=now, operation="supersede"
        )
    made = Link(
        source_id=new.id,
        target_id=old.id,
        type=TYPE,
        reason=reason,
        created_at=from_micros(now),
    )
    transaction.links.put([made], now=now)
