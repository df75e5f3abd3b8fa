"""Commonplace: one memory, every agent framework.

The public names are loaded when they are first used, so that importing the package is cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from commonplace.aio import AsyncMemory
    from commonplace.aiothreads import AsyncThread, AsyncThreads
    from commonplace.analysis import Language
    from commonplace.analytics import ThreadStats, Timeline, TimelinePart
    from commonplace.checkup import doctor
    from commonplace.clock import Clock, SystemClock
    from commonplace.comparing import Change, Diff, MergeReport, SyncReport
    from commonplace.diagnosis import Diagnosis, Finding
    from commonplace.drafts import RecordFields
    from commonplace.embedders import (
        CallableEmbedder,
        Embedder,
        HashingEmbedder,
        PrecomputedEmbedder,
        from_chroma,
        from_langchain,
    )
    from commonplace.embedders.static import StaticEmbedder
    from commonplace.encryption import Encryption, key_from_passphrase
    from commonplace.errors import (
        ClosedStoreError,
        CommonplaceError,
        ConflictError,
        DataDamagedError,
        EmbedderError,
        EncryptionError,
        FileDamagedError,
        ForkedStoreError,
        FormatError,
        FormatTooNewError,
        IndexDamagedError,
        IndexUnavailableError,
        InvalidInputError,
        KeyMissingError,
        LimitExceededError,
        ModelMismatchError,
        NotFoundError,
        OutsideViewError,
        PermissionDeniedError,
        QuotaExceededError,
        RefusedError,
        RerankerError,
        StorageFullError,
        StoreDamagedError,
        StoreLockedError,
        StoreUnavailableError,
        ThreadEndedError,
    )
    from commonplace.events import HandlerErrors, Subscription
    from commonplace.filters import Filter, matches, parse_filter
    from commonplace.index.servers import ChromaCloud, ChromaServer
    from commonplace.ledger import Scale
    from commonplace.maintenance import (
        CompactReport,
        MaintenanceReport,
        Policy,
        Receipt,
        ReindexReport,
        Report,
        RotationReport,
        Scan,
        SpaceStats,
        Stats,
        Step,
    )
    from commonplace.memory import Memory
    from commonplace.message import Message, ThreadInfo
    from commonplace.middleware import ReadMiddleware, WriteMiddleware
    from commonplace.middleware.redaction import Redaction
    from commonplace.middleware.sizes import SizeLimits
    from commonplace.moving import (
        ExportReport,
        ImportReport,
        Progress,
        Refusal,
        Tally,
        ThreadExportReport,
        ThreadImportReport,
    )
    from commonplace.moving.auditing import AuditReport
    from commonplace.moving.backing import BackupReport, check_backup
    from commonplace.moving.migrating import MigrationReport, TableReport, migrate
    from commonplace.moving.restoring import RestoreReport, restore_backup
    from commonplace.quotas import Quota
    from commonplace.recalling import LeftOut, Recall
    from commonplace.record import (
        Event,
        Hit,
        Hits,
        Link,
        Plan,
        Record,
        Related,
        ScopeInfo,
        Source,
        Version,
    )
    from commonplace.rendering import Rendering, render
    from commonplace.reranking import Reranker
    from commonplace.rollback import RollBack
    from commonplace.scope import Scope
    from commonplace.search.context import ContextWeights
    from commonplace.search.request import Bm25
    from commonplace.threads.extracting import Extraction, Extractor, Fact
    from commonplace.threads.summarising import SentencePicker, Summarizer
    from commonplace.threads.tokens import approximate_tokens
    from commonplace.threads.windows import Context
    from commonplace.verbs.auditing import check_audit
    from commonplace.verbs.thread import Thread
    from commonplace.verbs.threads import Threads

__version__ = "0.1.0"

_HOMES = {
    "aio": ["AsyncMemory"],
    "analysis": ["Language"],
    "aiothreads": ["AsyncThread", "AsyncThreads"],
    "analytics": ["ThreadStats", "Timeline", "TimelinePart"],
    "checkup": ["doctor"],
    "diagnosis": ["Diagnosis", "Finding"],
    "clock": ["Clock", "SystemClock"],
    "comparing": ["Change", "Diff", "MergeReport", "SyncReport"],
    "drafts": ["RecordFields"],
    "embedders": [
        "CallableEmbedder",
        "Embedder",
        "HashingEmbedder",
        "PrecomputedEmbedder",
        "from_chroma",
        "from_langchain",
    ],
    "embedders.static": ["StaticEmbedder"],
    "encryption": ["Encryption", "key_from_passphrase"],
    "errors": [
        "ClosedStoreError",
        "CommonplaceError",
        "ConflictError",
        "DataDamagedError",
        "EmbedderError",
        "EncryptionError",
        "FileDamagedError",
        "ForkedStoreError",
        "FormatError",
        "FormatTooNewError",
        "IndexDamagedError",
        "IndexUnavailableError",
        "InvalidInputError",
        "KeyMissingError",
        "LimitExceededError",
        "ModelMismatchError",
        "NotFoundError",
        "OutsideViewError",
        "PermissionDeniedError",
        "QuotaExceededError",
        "RefusedError",
        "RerankerError",
        "StorageFullError",
        "StoreDamagedError",
        "StoreLockedError",
        "StoreUnavailableError",
        "ThreadEndedError",
    ],
    "events": ["HandlerErrors", "Subscription"],
    "filters": ["Filter", "matches", "parse_filter"],
    "maintenance": [
        "CompactReport",
        "MaintenanceReport",
        "Policy",
        "Receipt",
        "ReindexReport",
        "Report",
        "RotationReport",
        "Scan",
        "SpaceStats",
        "Stats",
        "Step",
    ],
    "index.servers": ["ChromaCloud", "ChromaServer"],
    "ledger": ["Scale"],
    "memory": ["Memory"],
    "message": ["Message", "ThreadInfo"],
    "middleware": ["ReadMiddleware", "WriteMiddleware"],
    "middleware.redaction": ["Redaction"],
    "middleware.sizes": ["SizeLimits"],
    "moving": [
        "ExportReport",
        "ImportReport",
        "Progress",
        "Refusal",
        "Tally",
        "ThreadExportReport",
        "ThreadImportReport",
    ],
    "moving.backing": ["BackupReport", "check_backup"],
    "moving.migrating": ["MigrationReport", "TableReport", "migrate"],
    "moving.restoring": ["RestoreReport", "restore_backup"],
    "quotas": ["Quota"],
    "moving.auditing": ["AuditReport"],
    "record": [
        "Event",
        "Hit",
        "Hits",
        "Link",
        "Plan",
        "Record",
        "Related",
        "ScopeInfo",
        "Source",
        "Version",
    ],
    "recalling": ["LeftOut", "Recall"],
    "rendering": ["Rendering", "render"],
    "reranking": ["Reranker"],
    "rollback": ["RollBack"],
    "scope": ["Scope"],
    "search.context": ["ContextWeights"],
    "search.request": ["Bm25"],
    "threads.extracting": ["Extraction", "Extractor", "Fact"],
    "threads.summarising": ["SentencePicker", "Summarizer"],
    "threads.tokens": ["approximate_tokens"],
    "threads.windows": ["Context"],
    "verbs.auditing": ["check_audit"],
    "verbs.thread": ["Thread"],
    "verbs.threads": ["Threads"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AsyncMemory",
    "AsyncThread",
    "AsyncThreads",
    "AuditReport",
    "BackupReport",
    "Bm25",
    "CallableEmbedder",
    "Change",
    "ChromaCloud",
    "ChromaServer",
    "Clock",
    "ClosedStoreError",
    "CommonplaceError",
    "CompactReport",
    "ConflictError",
    "Context",
    "ContextWeights",
    "DataDamagedError",
    "Diagnosis",
    "Diff",
    "Embedder",
    "EmbedderError",
    "Encryption",
    "EncryptionError",
    "Event",
    "ExportReport",
    "Extraction",
    "Extractor",
    "Fact",
    "FileDamagedError",
    "Filter",
    "Finding",
    "ForkedStoreError",
    "FormatError",
    "FormatTooNewError",
    "HandlerErrors",
    "HashingEmbedder",
    "Hit",
    "Hits",
    "ImportReport",
    "IndexDamagedError",
    "IndexUnavailableError",
    "InvalidInputError",
    "KeyMissingError",
    "Language",
    "LeftOut",
    "LimitExceededError",
    "Link",
    "MaintenanceReport",
    "Memory",
    "MergeReport",
    "Message",
    "MigrationReport",
    "ModelMismatchError",
    "NotFoundError",
    "OutsideViewError",
    "PermissionDeniedError",
    "Plan",
    "Policy",
    "PrecomputedEmbedder",
    "Progress",
    "Quota",
    "QuotaExceededError",
    "ReadMiddleware",
    "Recall",
    "Receipt",
    "Record",
    "RecordFields",
    "Redaction",
    "Refusal",
    "RefusedError",
    "ReindexReport",
    "Related",
    "Rendering",
    "Report",
    "Reranker",
    "RerankerError",
    "RestoreReport",
    "RollBack",
    "RotationReport",
    "Scale",
    "Scan",
    "Scope",
    "ScopeInfo",
    "SentencePicker",
    "SizeLimits",
    "Source",
    "SpaceStats",
    "StaticEmbedder",
    "Stats",
    "Step",
    "StorageFullError",
    "StoreDamagedError",
    "StoreLockedError",
    "StoreUnavailableError",
    "Subscription",
    "Summarizer",
    "SyncReport",
    "SystemClock",
    "TableReport",
    "Tally",
    "Thread",
    "ThreadEndedError",
    "ThreadExportReport",
    "ThreadImportReport",
    "ThreadInfo",
    "ThreadStats",
    "Threads",
    "Timeline",
    "TimelinePart",
    "Version",
    "WriteMiddleware",
    "approximate_tokens",
    "check_audit",
    "check_backup",
    "doctor",
    "from_chroma",
    "from_langchain",
    "key_from_passphrase",
    "matches",
    "migrate",
    "parse_filter",
    "render",
    "restore_backup",
]


def __getattr__(name: str) -> Any:
    """The public name, loaded now (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
