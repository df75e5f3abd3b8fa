"""The ledger: the SQL database that is the truth."""

from __future__ import annotations

from commonplace.ledger.ledger import Ledger
from commonplace.ledger.links import Edge, Links, Way
from commonplace.ledger.reindexing import Census, Origin, Reached, State
from commonplace.ledger.selection import Selection
from commonplace.ledger.snapshot import PARTIAL, Change, Snapshot, Space
from commonplace.ledger.sqlite import Durability
from commonplace.ledger.transaction import Entry, IfExists, Transaction, Written, check_space

__all__ = [
    "PARTIAL",
    "Census",
    "Change",
    "Durability",
    "Edge",
    "Entry",
    "IfExists",
    "Ledger",
    "Links",
    "Origin",
    "Reached",
    "Selection",
    "Snapshot",
    "Space",
    "State",
    "Transaction",
    "Way",
    "Written",
    "check_space",
]
