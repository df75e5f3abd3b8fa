"""What becomes of rows from elsewhere, by what stands in their places and by what was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from commonplace.errors import ConflictError
from commonplace.ledger import UNIQUE, Verdict
from commonplace.moving.lines import scope_of
from commonplace.moving.manifest import PLURAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from commonplace.ledger import Comparison, Finding, RowKind, Whole
    from commonplace.moving.reports import ImportReport, Tally
    from commonplace.moving.spaces import SpacePlan
    from commonplace.view import View

OnConflict: TypeAlias = Literal["error", "skip", "replace"]
"""What to do when an id, or what else must be unique, is taken by something different."""


@dataclass(slots=True)
class Decision:
    """What is to become of some rows of one kind.

    Attributes:
        new: nothing stands in their places.
        different: they are to replace what does.
        unchanged: how many are there already.
        skipped: how many are to be left out.
    """

    new: list[Whole] = field(default_factory=list["Whole"])
    different: list[Whole] = field(default_factory=list["Whole"])
    unchanged: int = 0
    skipped: int = 0

    @property
    def to_write(self) -> list[Whole]:
        """The rows that are written."""
        return [*self.new, *self.different]

    def add_to(self, report: ImportReport, kind: RowKind) -> None:
        """Count the rows in a report."""
        tally: Tally = getattr(report, PLURAL[kind])
        tally.added += len(self.new)
        tally.replaced += len(self.different)
        tally.unchanged += self.unchanged
        tally.skipped += self.skipped


@dataclass(slots=True)
class Lately:
    """The records decided about lately whose versions, which follow them, share their fate.

    Attributes:
        left_out: the ids of those that were left out.
        replaced: the ids of those that took the place of another state, and of its history.
    """

    left_out: list[str] = field(default_factory=list[str])
    replaced: list[str] = field(default_factory=list[str])

    def next_batch(self) -> None:
        """Forget all but the last of each: only its versions can come in another batch."""
        del self.left_out[:-1], self.replaced[:-1]

    def copy(self) -> Lately:
        """The same, to be kept up apart."""
        return Lately(list(self.left_out), list(self.replaced))


class Chooser:
    """Decides about the rows of one file.

    Args:
        plan: what its spaces are called here.
        view: what may be written.
        on_conflict: what to do when something else is in a row's place.
    """

    def __init__(self, plan: SpacePlan, view: View, on_conflict: OnConflict) -> None:
        self.plan = plan
        self._view = view
        self._on_conflict = on_conflict

    def check_scopes(self, wholes: Iterable[Whole]) -> None:
        """Refuse rows at scopes that the view does not write.

        Raises:
            OutsideViewError: there is one.
        """
        for whole in wholes:
            if "scope" in whole.values:
                self._view.writable(scope_of(whole.values["scope"]))

    def may_write(self, path: str) -> bool:
        """Whether rows at the scope of this path may be changed."""
        return self._view.may_write(scope_of(path))

    def decided(
        self,
        comparison: Comparison,
        kind: RowKind,
        wholes: Sequence[Whole],
        lately: Lately,
        hangs: Callable[[Whole], bool] = lambda _: True,
    ) -> Decision:
        """What is to become of some rows of one kind.

        Args:
            comparison: what they are held against.
            kind: their kind.
            wholes: the rows, in the order of the file.
            lately: what became of records whose versions may be among them; kept up here.
            hangs: whether all that a link or a message hangs on is there.

        Raises:
            ConflictError: something else is in a row's place, and that was to be an error.
        """
        decision = Decision()
        if kind == "record":
            lately.next_batch()
        if kind == "version":
            gone = set(lately.left_out)
            decision.skipped = sum(whole.values["id"] in gone for whole in wholes)
            wholes = [whole for whole in wholes if whole.values["id"] not in gone]
        findings = comparison.judged(kind, wholes, self.plan.measure)
        for whole, finding in zip(wholes, findings, strict=True):
            self._sort(whole, finding, decision, lately, hangs)
        return decision

    def _sort(
        self,
        whole: Whole,
        finding: Finding,
        decision: Decision,
        lately: Lately,
        hangs: Callable[[Whole], bool],
    ) -> None:
        if whole.kind == "version" and whole.values["id"] in lately.replaced:
            # Its history was replaced too, but for states that lie outside the view.
            if finding.verdict is not Verdict.DIFFERENT or self._replaces(whole, finding):
                decision.new.append(whole)
        elif finding.verdict is Verdict.SAME:
            decision.unchanged += 1
        elif finding.verdict is Verdict.NEW and hangs(whole):
            decision.new.append(whole)
        elif finding.verdict is Verdict.DIFFERENT and self._replaces(whole, finding):
            decision.different.append(whole)
            if whole.kind == "record":
                lately.replaced.append(whole.values["id"])
        else:
            decision.skipped += 1
            if whole.kind == "record":
                lately.left_out.append(whole.values["id"])

    def _replaces(self, whole: Whole, finding: Finding) -> bool:
        if self._on_conflict == "skip":
            return False
        if not all(map(self.may_write, finding.places)):
            raise ConflictError(
                f"{_called(whole)} is taken outside this view; on_conflict='skip' leaves it out"
            )
        if self._on_conflict == "error":
            raise ConflictError(
                f"{_called(whole)} is in this memory already, or its key is, in another state; "
                "decide with on_conflict='skip' or 'replace'"
            )
        return True


def _called(whole: Whole) -> str:
    """The row, by what identifies it."""
    parts = ", ".join(repr(whole.values[name]) for name in UNIQUE[whole.kind][0])
    return f"{whole.kind} {parts}"
