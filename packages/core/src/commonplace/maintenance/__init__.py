"""Maintenance: verify, repair, statistics, sweeping."""

from __future__ import annotations

from commonplace.maintenance.health import Report, repair, verify
from commonplace.maintenance.statistics import SpaceStats, Stats, stats
from commonplace.maintenance.sweeper import Sweeper

__all__ = ["Report", "SpaceStats", "Stats", "Sweeper", "repair", "stats", "verify"]
