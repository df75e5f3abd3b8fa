"""Maintenance: verify, repair, statistics, sweeping, policies."""

from __future__ import annotations

from commonplace.maintenance.health import Report, repair, verify
from commonplace.maintenance.maintain import maintain
from commonplace.maintenance.policy import MaintenanceReport, Policy, Step
from commonplace.maintenance.reindex import Reindex, ReindexReport, planned
from commonplace.maintenance.rotation import RotationReport, rotate
from commonplace.maintenance.statistics import SpaceStats, Stats, spaces, stats
from commonplace.maintenance.sweeper import Sweeper

__all__ = [
    "MaintenanceReport",
    "Policy",
    "Reindex",
    "ReindexReport",
    "Report",
    "RotationReport",
    "SpaceStats",
    "Stats",
    "Step",
    "Sweeper",
    "maintain",
    "planned",
    "repair",
    "rotate",
    "spaces",
    "stats",
    "verify",
]
