"""Maintenance: verify, repair, reindex, statistics, sweeping."""

from __future__ import annotations

from commonplace.maintenance.health import Report, repair, verify
from commonplace.maintenance.reindex import Reindex, ReindexReport, planned
from commonplace.maintenance.statistics import SpaceStats, Stats, stats
from commonplace.maintenance.sweeper import Sweeper

__all__ = [
    "Reindex",
    "ReindexReport",
    "Report",
    "SpaceStats",
    "Stats",
    "Sweeper",
    "planned",
    "repair",
    "stats",
    "verify",
]
