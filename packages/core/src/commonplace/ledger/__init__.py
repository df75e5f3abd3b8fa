"""The ledger: the SQL database that is the truth."""

from __future__ import annotations

from commonplace.ledger.comparing import UNIQUE, Comparison, Finding, Measure, Verdict
from commonplace.ledger.ledger import Ledger
from commonplace.ledger.loading import Loading, SpaceModel
from commonplace.ledger.selection import Selection
from commonplace.ledger.snapshot import Change, Snapshot, Space
from commonplace.ledger.sqlite import Durability
from commonplace.ledger.transaction import Entry, IfExists, Transaction, Written, check_space
from commonplace.ledger.transfer import FIELDS, Extract, Field, RowKind, Whole

__all__ = [
    "FIELDS",
    "UNIQUE",
    "Change",
    "Comparison",
    "Durability",
    "Entry",
    "Extract",
    "Field",
    "Finding",
    "IfExists",
    "Ledger",
    "Loading",
    "Measure",
    "RowKind",
    "Selection",
    "Snapshot",
    "Space",
    "SpaceModel",
    "Transaction",
    "Verdict",
    "Whole",
    "Written",
    "check_space",
]
