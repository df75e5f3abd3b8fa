"""Moving data: exports and imports of whole memories, conversations, plain files, arrays."""

from __future__ import annotations

from commonplace.moving.reports import (
    ExportReport,
    ImportReport,
    Progress,
    Refusal,
    Tally,
    ThreadExportReport,
    ThreadImportReport,
)

__all__ = [
    "ExportReport",
    "ImportReport",
    "Progress",
    "Refusal",
    "Tally",
    "ThreadExportReport",
    "ThreadImportReport",
]
