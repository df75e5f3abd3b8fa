"""The ledger: the SQL database that is the truth."""

from __future__ import annotations

from commonplace.ledger.ledger import Ledger
from commonplace.ledger.links import Edge, Links, Way
from commonplace.ledger.selection import Selection
from commonplace.ledger.snapshot import Change, Snapshot, Space
from commonplace.ledger.sqlite import Durability
from commonplace.ledger.transaction import Entry, IfExists, Transaction, Written

__all__ = [
    "Change",
    "Durability",
    "Edge",
    "Entry",
    "IfExists",
    "Ledger",
    "Links",
    "Selection",
    "Snapshot",
    "Space",
    "Transaction",
    "Way",
    "Written",
]
