"""Maintenance: verify, repair, statistics, sweeping, policies."""

from __future__ import annotations

from commonplace.maintenance.health import Report, repair, verify
from commonplace.maintenance.maintain import maintain
from commonplace.maintenance.policy import MaintenanceReport, Policy, Step
from commonplace.maintenance.statistics import SpaceStats, Stats, stats
from commonplace.maintenance.sweeper import Sweeper

__all__ = [
    "MaintenanceReport",
    "Policy",
    "Report",
    "SpaceStats",
    "Stats",
    "Step",
    "Sweeper",
    "maintain",
    "repair",
    "stats",
    "verify",
]
