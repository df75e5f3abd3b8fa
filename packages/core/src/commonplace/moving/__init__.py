"""Moving data: exports and imports of whole memories, plain files, arrays of vectors."""

from __future__ import annotations

from commonplace.moving.reports import ExportReport, ImportReport, Progress, Refusal, Tally

__all__ = ["ExportReport", "ImportReport", "Progress", "Refusal", "Tally"]
