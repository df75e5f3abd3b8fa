"""Two memories, or two scopes of one, side by side: differences, merging, mirroring."""

from __future__ import annotations

from commonplace.comparing.differing import Change, Diff, difference
from commonplace.comparing.merging import MergeReport, Strategy, merge
from commonplace.comparing.mirroring import SyncReport, mirror
from commonplace.comparing.sides import Side

__all__ = [
    "Change",
    "Diff",
    "MergeReport",
    "Side",
    "Strategy",
    "SyncReport",
    "difference",
    "merge",
    "mirror",
]
