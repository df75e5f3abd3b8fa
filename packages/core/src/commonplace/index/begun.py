"""`Begun`: what the ledger knows of the one index that follows it."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commonplace.ledger import Ledger, Snapshot, Transaction

EMBEDDED = "embedded"
_SETTING = "index_begun"


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """An index that was begun. How far each of its spaces has come stands beside it.

    Attributes:
        place: where it is: `embedded`, or a server with tenant and database.
        generation: what tells it from every index that was begun before, at any place. It is in
            the names of its collections: who still writes to those of an older one, writes to what
            is not there.
        epoch: how many erasures there had been: after another one it may hold what was erased.
        writing: whether its owner may be in the midst of writing to it. Where the owner is gone
            then, something of his may still arrive.
        compared: whether it was found to hold what the ledger holds.
    """

    place: str
    generation: str
    epoch: int = 0
    writing: bool = False
    compared: bool = False

    @classmethod
    def of(cls, snapshot: Snapshot) -> Begun | None:
        """The index of a ledger, or None if none was begun."""
        text = snapshot.setting(_SETTING)
        return None if text is None else cls(**json.loads(text))

    @classmethod
    def anew(cls, transaction: Transaction, place: str) -> Begun:
        """Begin an index that has followed nothing yet."""
        begun = cls(
            place=place,
            generation=secrets.token_hex(4),
            epoch=transaction.epoch,
            writing=True,
        )
        for space in transaction.searchable_spaces().values():
            transaction.set_applied_seq(space, 0)
        begun.keep(transaction)
        return begun

    def keep(self, transaction: Transaction) -> None:
        """Keep it in the ledger."""
        transaction.set_setting(_SETTING, json.dumps(asdict(self)))


def place_of(ledger: Ledger) -> str | None:
    """Where the index of a ledger is: `embedded`, or a server; None if none was begun."""
    with ledger.read() as snapshot:
        begun = Begun.of(snapshot)
    return None if begun is None else begun.place
