"""The ledger: the SQL database that is the truth."""

from __future__ import annotations

from commonplace.ledger.auditing import AuditEntry, Head, chain_start, chained, leaf_of
from commonplace.ledger.comparing import UNIQUE, Comparison, Finding, Measure, Verdict
from commonplace.ledger.entries import Entry, IfExists, Written
from commonplace.ledger.erasing import Eraser, Scale, Target
from commonplace.ledger.erasures import Marker
from commonplace.ledger.ledger import Ledger
from commonplace.ledger.links import Edge, Links, Way
from commonplace.ledger.loading import Loading, SpaceModel
from commonplace.ledger.reindexing import Census, Origin, Reached, State
from commonplace.ledger.scope_list import ScopeList, ScopePattern
from commonplace.ledger.selection import Selection
from commonplace.ledger.snapshot import Snapshot
from commonplace.ledger.sqlite import Durability
from commonplace.ledger.threads import Place, Placed, Standing, ThreadRow, Wanted, Window
from commonplace.ledger.transaction import Transaction, check_space
from commonplace.ledger.transfer import FIELDS, Extract, Field, RowKind, Whole
from commonplace.ledger.vectorreading import PARTIAL, Change, Space

__all__ = [
    "FIELDS",
    "PARTIAL",
    "UNIQUE",
    "AuditEntry",
    "Census",
    "Change",
    "Comparison",
    "Durability",
    "Edge",
    "Entry",
    "Eraser",
    "Extract",
    "Field",
    "Finding",
    "Head",
    "IfExists",
    "Ledger",
    "Links",
    "Loading",
    "Marker",
    "Measure",
    "Origin",
    "Place",
    "Placed",
    "Reached",
    "RowKind",
    "Scale",
    "ScopeList",
    "ScopePattern",
    "Selection",
    "Snapshot",
    "Space",
    "SpaceModel",
    "Standing",
    "State",
    "Target",
    "ThreadRow",
    "Transaction",
    "Verdict",
    "Wanted",
    "Way",
    "Whole",
    "Window",
    "Written",
    "chain_start",
    "chained",
    "check_space",
    "leaf_of",
]
