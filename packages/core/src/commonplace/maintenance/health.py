"""What is wrong with a store, and mending it from the ledger."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from commonplace.failpoints import reach

if TYPE_CHECKING:
    from commonplace.index import Index
    from commonplace.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The health of a store.

    Attributes:
        problems: what is wrong now, in words that hold no memory text.
        mended: what a repair changed.
    """

    problems: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def with_mended(self, what: str, count: int) -> Report:
        """The report with one more thing that was mended, unless it was none."""
        return replace(self, mended=(*self.mended, f"{what}: {count}")) if count else self

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        return {"ok": self.ok, "problems": list(self.problems), "mended": list(self.mended)}


def verify(ledger: Ledger, index: Index) -> Report:
    """What is wrong with the ledger, and with the index beside it; nothing is changed."""
    with ledger.read() as snapshot:
        found = snapshot.problems()
    with ledger.audit() as audit:
        tampered = audit.problem()
    return Report(problems=(*found, *([tampered] if tampered else []), *index.problems()))


def repair(ledger: Ledger, index: Index) -> Report:
    """Mend the ledger's derived parts and rebuild the index if it is wrong.

    Returns:
        What was mended, and what is still wrong: damage to the ledger's own file is not mended
        here, it takes a backup.
    """
    with ledger.write() as transaction:
        mended = transaction.mend()
    reach("repair.after_ledger")
    if index.problems():
        index.rebuild()
        mended.append("index rebuilt from the ledger")
    return Report(problems=verify(ledger, index).problems, mended=tuple(mended))
