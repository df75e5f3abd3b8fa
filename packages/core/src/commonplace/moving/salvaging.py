"""Salvaging: a new memory made of what can still be read of a damaged one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from commonplace.clock import SystemClock
from commonplace.ledger import LEDGER_FILE, Ledger, Salvaged
from commonplace.moving.files import sync, translated_errors
from commonplace.moving.restoring import draft_beside

if TYPE_CHECKING:
    from pathlib import Path

_TOLD = ("records", "versions", "vectors", "version_vectors", "links", "threads", "messages")


@dataclass(frozen=True, slots=True, kw_only=True)
class SalvageReport:
    """A memory that was made of a damaged one.

    Attributes:
        path: its directory.
        found: what came over.
    """

    path: Path
    found: Salvaged

    def __str__(self) -> str:
        rows, refused = self.found.rows, self.found.refused
        over = ", ".join(f"{rows[name]:,} {_said(name)}" for name in _TOLD if rows.get(name))
        lost = [f"{count:,} {_said(name)} that were damaged" for name, count in refused.items()]
        if self.found.missing:
            lost.append(f"{self.found.missing:,} records that were counted and not found")
        return f"{over or 'nothing'} came over into {self.path}; not {', '.join(lost) or 'none'}"


def salvage(directory: Path) -> SalvageReport:
    """Put what can be read of a damaged memory into a new one beside it.

    Every record that passes its checksum comes over with its id, times, former states and vectors,
    as do links, conversations, quotas and what is encrypted. The journal begins anew, and with it
    events, synchronisations and audits; receipts of erasures stay behind. A record whose scope has
    lost its name lies below `recovered`. The damaged memory is not touched.

    Args:
        directory: of the damaged one.

    Raises:
        DataDamagedError: nothing can be read.
        FormatError: it is of another format.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    target = directory.with_name(f"{directory.name}.salvaged-{stamp}")
    with translated_errors(target), draft_beside(directory) as draft:
        ledger = Ledger.open(draft, durability="full")
        try:
            found = ledger.salvage(directory / LEDGER_FILE, SystemClock().now())
            with ledger.write() as transaction:
                transaction.mend()
        finally:
            ledger.close()
        draft.rename(target)
        sync(target.parent)
    return SalvageReport(path=target, found=found)


def _said(table: str) -> str:
    return {"versions": "former states", "version_vectors": "vectors of former states"}.get(
        table, table
    )
