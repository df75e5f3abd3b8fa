"""What became of the cases: one store's report, and a table of several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from langgraph_store_commonplace.testing._case import BASE, CAPABILITIES, CASES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langgraph_store_commonplace.testing._case import Case

Verdict = Literal["passed", "failed", "skipped"]
_MARKS = {"passed": "yes", "failed": "**no**", "skipped": "-"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one case: its verdict, and why if it did not pass."""

    case: Case
    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of the cases with one store."""

    name: str
    outcomes: tuple[Outcome, ...]

    @property
    def passed(self) -> tuple[Outcome, ...]:
        """The cases that the store keeps."""
        return self._having("passed")

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The cases that it breaks."""
        return self._having("failed")

    @property
    def skipped(self) -> tuple[Outcome, ...]:
        """The cases that were not tried."""
        return self._having("skipped")

    def passed_all(self, *capabilities: str) -> bool:
        """Whether none was broken or left out of these capabilities; of all, if none is named."""
        wanted = capabilities or tuple(CAPABILITIES)
        return all(
            one.verdict == "passed" for one in self.outcomes if one.case.capability in wanted
        )

    def passed_all_base(self) -> bool:
        """Whether the store keeps every case that holds for any `BaseStore`."""
        return self.passed_all(*BASE)

    def to_dict(self) -> dict[str, object]:
        """The report as JSON."""
        return {
            "name": self.name,
            "cases": {
                one.case.id: {"verdict": one.verdict, "reason": one.reason} for one in self.outcomes
            },
        }

    def __str__(self) -> str:
        lines = [f"{self.name}: {len(self.passed)} of {len(self.outcomes)} cases pass"]
        lines += [
            f"  {one.case.id} {one.verdict}: {one.case.says} {one.reason}".rstrip()
            for one in (*self.failed, *self.skipped)
        ]
        return "\n".join(lines)

    def _having(self, verdict: Verdict) -> tuple[Outcome, ...]:
        return tuple(one for one in self.outcomes if one.verdict == verdict)


def summary_table(reports: Sequence[Report]) -> str:
    """How many cases of each capability each store passes, as a Markdown table."""
    lines = _head("capability", reports)
    for capability, title in CAPABILITIES.items():
        cells = [_share(report, capability) for report in reports]
        lines.append(f"| {title} (`{capability}`) | {' | '.join(cells)} |")
    whole = [f"{len(report.passed)} of {len(report.outcomes)}" for report in reports]
    return "\n".join([*lines, f"| **all** | {' | '.join(whole)} |"])


def case_table(reports: Sequence[Report]) -> str:
    """Every case with what it rests on and who passes it, as a Markdown table."""
    verdicts = [{one.case.id: one.verdict for one in report.outcomes} for report in reports]
    lines = _head("case | what it says | rests on", reports, extra=2)
    for case in CASES:
        marks = [_MARKS.get(found.get(case.id, ""), "not run") for found in verdicts]
        lines.append(f"| `{case.id}` | {case.says} | {case.rests_on} | {' | '.join(marks)} |")
    return "\n".join(lines)


def _head(first: str, reports: Sequence[Report], *, extra: int = 0) -> list[str]:
    names = " | ".join(report.name for report in reports)
    return [f"| {first} | {names} |", "|---" * (1 + extra + len(reports)) + "|"]


def _share(report: Report, capability: str) -> str:
    own = [one for one in report.outcomes if one.case.capability == capability]
    tried = [one for one in own if one.verdict != "skipped"]
    if not tried:
        return "-" if own else "not run"
    return f"{sum(one.verdict == 'passed' for one in tried)} of {len(own)}"
