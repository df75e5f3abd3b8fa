"""What was found, the marks it is held against, and how both are written down."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

START = "<!-- benchmarks:start -->"
END = "<!-- benchmarks:end -->"
_TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True, slots=True)
class Measured:
    """One side of a comparison, in the finding's unit."""

    p50: float
    p95: float | None = None
    recall: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What should hold.

    Attributes:
        ratio: the peer's figure is at least so many times ours; 1/1.5 is "within 1.5 times".
        limit: ours is at most this.
        recall: our recall is at least this.
    """

    ratio: float | None = None
    limit: float | None = None
    recall: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the report.

    Attributes:
        section: the subject; findings of a section are a table.
        what: what was done.
        records: how many records the stores held; 0 where that does not matter.
        unit: of the figures: ms, s or MB.
        ours: Commonplace.
        peer: the other's name; empty if there is none.
        theirs: the other.
        mark: what should hold, or None where the line is for information.
        short: the line's name in the README; empty to leave it out there.
    """

    section: str
    what: str
    records: int
    unit: str
    ours: Measured
    peer: str = ""
    theirs: Measured | None = None
    mark: Mark | None = None
    short: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times ours goes into theirs: above 1, ours is the better one."""
        return self.theirs.p50 / self.ours.p50 if self.theirs else None

    @property
    def holds(self) -> bool | None:
        """Whether the mark holds; None without a mark."""
        mark = self.mark
        if mark is None:
            return None
        return (
            (mark.ratio is None or (self.ratio or 0) >= mark.ratio)
            and (mark.limit is None or self.ours.p50 <= mark.limit)
            and (mark.recall is None or (self.ours.recall or 0) >= mark.recall)
        )


def environment() -> dict[str, str]:
    """What the figures depend on: the versions and the class of the machine."""
    memory = round(psutil.virtual_memory().total / 2**30)
    system = f"{platform.system()} {platform.machine()}"
    return {
        "Date": datetime.now(UTC).date().isoformat(),
        "Machine": f"{os.cpu_count()} cores, {memory} GB of memory, {system}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "Commonplace": version("commonplace"),
        "Chroma": version("chromadb"),
        "LangGraph's SqliteStore": version("langgraph-checkpoint-sqlite"),
        "sqlite-vec": version("sqlite-vec"),
    }


def document(findings: Sequence[Finding]) -> str:
    """The whole report in Markdown: a list of versions, and a table for every section."""
    parts = ["\n".join(f"* {name}: {value}" for name, value in environment().items())]
    for section, some in groupby(_by_section(findings), key=lambda finding: finding.section):
        head = "| | records | Commonplace | peer | its figure | ratio | mark | holds |"
        rule = "|---|--:|--:|---|--:|--:|---|---|"
        parts += [f"### {section}", "\n".join([head, rule, *map(_line, some)])]
    return "\n\n".join(parts)


def summary(findings: Sequence[Finding]) -> str:
    """A short table for the README, at the largest number of records of each line."""
    largest = {finding.short: finding for finding in findings if finding.short}
    sizes = {finding.records for finding in findings if finding.short}
    lines = [
        f"| {name} | {finding.peer} | {_short_ratio(finding)} |"
        for name, finding in largest.items()
    ]
    found = environment()
    notes = (
        f"Medians of one run at {max(sizes, default=0):,} records of 384 dimensions: "
        f"{found['Machine']}, Chroma {found['Chroma']}, Python {found['Python']}."
    )
    return "\n".join(["| | against | |", "|---|---|--:|", *lines, "", notes])


def put_between_markers(path: Path, text: str) -> None:
    """Replaces what a file has between the markers.

    Raises:
        SystemExit: the file has no markers.
    """
    old = path.read_text("utf-8") if path.exists() else ""
    head, start, rest = old.partition(START)
    _, end, tail = rest.partition(END)
    if not start or not end:
        raise SystemExit(f"{path} lacks the lines {START} and {END} to write between")
    path.write_text(f"{head}{START}\n\n{text}\n\n{END}{tail}", "utf-8")


def write_json(path: Path, findings: Sequence[Finding]) -> None:
    """The same figures for programs."""
    lines = [
        {**asdict(finding), "ratio": finding.ratio, "holds": finding.holds} for finding in findings
    ]
    found = {"environment": environment(), "findings": lines}
    path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def _by_section(findings: Sequence[Finding]) -> list[Finding]:
    """By section in the order they first came; within one as measured."""
    order = list(dict.fromkeys(finding.section for finding in findings))
    return sorted(findings, key=lambda finding: order.index(finding.section))


def _line(finding: Finding) -> str:
    cells = [
        finding.what,
        f"{finding.records:,}" if finding.records else "",
        _cell(finding.ours, finding.unit),
        finding.peer,
        _cell(finding.theirs, finding.unit) if finding.theirs else "",
        f"{_number(finding.ratio)}{_TIMES}" if finding.ratio else "",
        _marked(finding),
        {True: "yes", False: "**no**", None: ""}[finding.holds],
    ]
    return "| " + " | ".join(cells) + " |"


def _cell(figure: Measured, unit: str) -> str:
    most = f" ({_number(figure.p95)})" if figure.p95 is not None else ""
    recall = f", recall {figure.recall:.3f}" if figure.recall is not None else ""
    return f"{_number(figure.p50)}{most} {unit}{recall}"


def _marked(finding: Finding) -> str:
    mark = finding.mark
    if mark is None:
        return ""
    parts: list[str] = []
    if mark.ratio is not None:
        within = f"within {_plain(1 / mark.ratio)}{_TIMES}"
        parts.append(f"≥ {_plain(mark.ratio)}{_TIMES}" if mark.ratio >= 1 else within)
    if mark.limit is not None:
        parts.append(f"≤ {_plain(mark.limit)} {finding.unit}")
    if mark.recall is not None:
        parts.append(f"recall ≥ {_plain(mark.recall)}")
    return ", ".join(parts)


def _short_ratio(finding: Finding) -> str:
    ratio = finding.ratio
    if ratio is None:
        return f"{_number(finding.ours.p50)} {finding.unit}"
    better, worse = ("less", "more") if finding.unit == "MB" else ("faster", "slower")
    if ratio >= 1:
        return f"**{_number(ratio)}{_TIMES} {better}**"
    return f"{_number(1 / ratio)}{_TIMES} {worse}"


def _plain(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")


def _number(number: float) -> str:
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}" if number >= 1 else f"{number:.3f}"
