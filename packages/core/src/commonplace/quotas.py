"""`Quota`: how many records a scope may hold, and how many it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from commonplace.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """The quota of a scope.

    Attributes:
        scope: which scope.
        records: how many records there may be at it and below it.
        used: how many there are, expired ones that were not swept yet included.
    """

    scope: Scope
    records: int
    used: int

    def to_dict(self) -> dict[str, Any]:
        """The quota as JSON."""
        return {"scope": self.scope.path, "records": self.records, "used": self.used}
