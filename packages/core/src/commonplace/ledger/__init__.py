"""The ledger: the SQL database that is the truth."""

from __future__ import annotations

from commonplace.ledger.auditing import AuditEntry, Head, chain_start, chained, leaf_of
from commonplace.ledger.comparing import UNIQUE, Comparison, Finding, Measure, Verdict
from commonplace.ledger.copying import check_file
from commonplace.ledger.database import Following, is_url
from commonplace.ledger.entries import Entry, IfExists, Written
from commonplace.ledger.erasing import Eraser, Scale, Target
from commonplace.ledger.erasures import Marker
from commonplace.ledger.ledger import Ledger
from commonplace.ledger.links import Edge, Links, Way
from commonplace.ledger.loading import Loading, SpaceModel
from commonplace.ledger.log import LogState, beside, give_up_log, in_use, log_state
from commonplace.ledger.reindexing import Census, Origin, Reached, State
from commonplace.ledger.rotating import SEALED_TABLES
from commonplace.ledger.salvaging import Salvaged
from commonplace.ledger.schema import FORMAT
from commonplace.ledger.scope_list import ScopeList, ScopePattern
from commonplace.ledger.selection import Selection
from commonplace.ledger.snapshot import Snapshot
from commonplace.ledger.spacewriting import check_space
from commonplace.ledger.sqlite import Durability
from commonplace.ledger.sqlite_database import LEDGER_FILE, SIGN_FILE
from commonplace.ledger.tablecopy import COPIED, Arrivals, Mark, StoredRows, Sum
from commonplace.ledger.threads import Place, Placed, Standing, ThreadRow, Wanted, Window
from commonplace.ledger.transaction import Transaction
from commonplace.ledger.transfer import FIELDS, Extract, Field, RowKind, Whole
from commonplace.ledger.vectorreading import PARTIAL, Change, Space

__all__ = [
    "COPIED",
    "FIELDS",
    "FORMAT",
    "LEDGER_FILE",
    "PARTIAL",
    "SEALED_TABLES",
    "SIGN_FILE",
    "UNIQUE",
    "Arrivals",
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
    "Following",
    "Head",
    "IfExists",
    "Ledger",
    "Links",
    "Loading",
    "LogState",
    "Mark",
    "Marker",
    "Measure",
    "Origin",
    "Place",
    "Placed",
    "Reached",
    "RowKind",
    "Salvaged",
    "Scale",
    "ScopeList",
    "ScopePattern",
    "Selection",
    "Snapshot",
    "Space",
    "SpaceModel",
    "Standing",
    "State",
    "StoredRows",
    "Sum",
    "Target",
    "ThreadRow",
    "Transaction",
    "Verdict",
    "Wanted",
    "Way",
    "Whole",
    "Window",
    "Written",
    "beside",
    "chain_start",
    "chained",
    "check_file",
    "check_space",
    "give_up_log",
    "in_use",
    "is_url",
    "leaf_of",
    "log_state",
]
