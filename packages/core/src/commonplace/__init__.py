"""Commonplace: one memory, every agent framework.

The public names are loaded when they are first used, so that importing the package is cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from commonplace.aio import AsyncMemory
    from commonplace.clock import Clock, SystemClock
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
    from commonplace.errors import (
        ClosedStoreError,
        CommonplaceError,
        ConflictError,
        DataDamagedError,
        EmbedderError,
        ForkedStoreError,
        FormatError,
        FormatTooNewError,
        IndexDamagedError,
        IndexUnavailableError,
        InvalidInputError,
        LimitExceededError,
        ModelMismatchError,
        NotFoundError,
        OutsideViewError,
        PermissionDeniedError,
        RefusedError,
        StorageFullError,
        StoreDamagedError,
        StoreLockedError,
        StoreUnavailableError,
    )
    from commonplace.filters import Filter, matches, parse_filter
    from commonplace.maintenance import Report, SpaceStats, Stats
    from commonplace.memory import Memory
    from commonplace.middleware import ReadMiddleware, WriteMiddleware
    from commonplace.middleware.redaction import Redaction
    from commonplace.middleware.sizes import SizeLimits
    from commonplace.record import Hit, Hits, Link, Plan, Record, ScopeInfo, Source
    from commonplace.scope import Scope

__version__ = "0.1.0"

_HOMES = {
    "aio": ["AsyncMemory"],
    "clock": ["Clock", "SystemClock"],
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
    "errors": [
        "ClosedStoreError",
        "CommonplaceError",
        "ConflictError",
        "DataDamagedError",
        "EmbedderError",
        "ForkedStoreError",
        "FormatError",
        "FormatTooNewError",
        "IndexDamagedError",
        "IndexUnavailableError",
        "InvalidInputError",
        "LimitExceededError",
        "ModelMismatchError",
        "NotFoundError",
        "OutsideViewError",
        "PermissionDeniedError",
        "RefusedError",
        "StorageFullError",
        "StoreDamagedError",
        "StoreLockedError",
        "StoreUnavailableError",
    ],
    "filters": ["Filter", "matches", "parse_filter"],
    "maintenance": ["Report", "SpaceStats", "Stats"],
    "memory": ["Memory"],
    "middleware": ["ReadMiddleware", "WriteMiddleware"],
    "middleware.redaction": ["Redaction"],
    "middleware.sizes": ["SizeLimits"],
    "record": ["Hit", "Hits", "Link", "Plan", "Record", "ScopeInfo", "Source"],
    "scope": ["Scope"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AsyncMemory",
    "CallableEmbedder",
    "Clock",
    "ClosedStoreError",
    "CommonplaceError",
    "ConflictError",
    "DataDamagedError",
    "Embedder",
    "EmbedderError",
    "Filter",
    "ForkedStoreError",
    "FormatError",
    "FormatTooNewError",
    "HashingEmbedder",
    "Hit",
    "Hits",
    "IndexDamagedError",
    "IndexUnavailableError",
    "InvalidInputError",
    "LimitExceededError",
    "Link",
    "Memory",
    "ModelMismatchError",
    "NotFoundError",
    "OutsideViewError",
    "PermissionDeniedError",
    "Plan",
    "PrecomputedEmbedder",
    "ReadMiddleware",
    "Record",
    "RecordFields",
    "Redaction",
    "RefusedError",
    "Report",
    "Scope",
    "ScopeInfo",
    "SizeLimits",
    "Source",
    "SpaceStats",
    "StaticEmbedder",
    "Stats",
    "StorageFullError",
    "StoreDamagedError",
    "StoreLockedError",
    "StoreUnavailableError",
    "SystemClock",
    "WriteMiddleware",
    "from_chroma",
    "from_langchain",
    "matches",
    "parse_filter",
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
