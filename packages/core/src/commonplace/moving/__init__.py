"""Moving data: exports and imports of whole memories, conversations, plain files, arrays."""

from __future__ import annotations

from commonplace.moving.backing import BackupReport, check_backup, write_backup
from commonplace.moving.reports import (
    ExportReport,
    ImportReport,
    Progress,
    Refusal,
    Tally,
    ThreadExportReport,
    ThreadImportReport,
)
from commonplace.moving.restoring import RestoreReport, restore_backup

__all__ = [
    "BackupReport",
    "ExportReport",
    "ImportReport",
    "Progress",
    "Refusal",
    "RestoreReport",
    "Tally",
    "ThreadExportReport",
    "ThreadImportReport",
    "check_backup",
    "restore_backup",
    "write_backup",
]
