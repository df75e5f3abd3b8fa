"""Maintenance: verify, repair, statistics, sweeping, policies."""

from __future__ import annotations

from commonplace.maintenance.compacting import CompactReport, compact
from commonplace.maintenance.erasing import Files, check, erase, finish, receipts
from commonplace.maintenance.health import Report, repair, verify
from commonplace.maintenance.maintain import maintain
from commonplace.maintenance.policy import MaintenanceReport, Policy, Step
from commonplace.maintenance.receipt import Receipt, Scan
from commonplace.maintenance.reindex import Reindex, ReindexReport, planned
from commonplace.maintenance.rotation import RotationReport, rotate
from commonplace.maintenance.statistics import SpaceStats, Stats, spaces, stats
from commonplace.maintenance.sweeper import Sweeper

__all__ = [
    "CompactReport",
    "Files",
    "MaintenanceReport",
    "Policy",
    "Receipt",
    "Reindex",
    "ReindexReport",
    "Report",
    "RotationReport",
    "Scan",
    "SpaceStats",
    "Stats",
    "Step",
    "Sweeper",
    "check",
    "compact",
    "erase",
    "finish",
    "maintain",
    "planned",
    "receipts",
    "repair",
    "rotate",
    "spaces",
    "stats",
    "verify",
]
