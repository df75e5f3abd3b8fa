"""Closing a fact in favour of another one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from commonplace.clock import from_micros
from commonplace.errors import InvalidInputError
from commonplace.ledger import Selection
from commonplace.record import Link, Record

if TYPE_CHECKING:
    from datetime import datetime

    from commonplace.ledger import Transaction

TYPE = "supersedes"


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
