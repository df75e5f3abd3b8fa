"""Writes docs/trust.md from the figures that the tests of reliability left in docs/trust/.

Run the full forms first; each leaves a JSON line there:

    uv run pytest -m nightly --figures docs/trust

Tests 4, 8, 28 and 30 have one form, which runs with each change; run their files without -m:

    uv run pytest tests/processes/test_rights.py tests/trust/test_formats.py --figures docs/trust

Then make the page:

    uv run python scripts/trust_page.py
"""

from __future__ import annotations

import json
import os
import platform
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"

TESTS = {
    1: ("Kill in mid-write", "0 lost, 0 partial, 0 phantom"),
    2: ("Kill in mid-change", "finished or undone; 0 resurrected, 0 survivors lost"),
    3: ("Disk full", "a typed error; everything acknowledged is there; works again"),
    4: ("No permission, vanishing directory", "a typed error; nothing created"),
    5: ("Damaged files", "healthy, repaired or a typed error; 0 crashes, 0 silent short answers"),
    6: ("Rebuild from the ledger", "everything back and found"),
    7: ("Backup while writing", "each restores and holds all acknowledged before it began"),
    8: ("Other formats", "older ones open, newer ones are refused"),
    9: ("Quiet exits", "everything found after reopening"),
    10: ("State machine", "0 differences from the reference"),
    11: ("Sync equals async", "same results, same errors, same signatures"),
    12: ("The frameworks' own suites", "no difference that is not named with its reason"),
    13: ("Parity across frameworks", "the same record everywhere"),
    14: ("Filters", "the ids that the plain matcher says"),
    15: ("Hostile input", "refused with our own error, or exactly what went in"),
    16: ("Limits and model drift", "done, or a typed error that names the limit"),
    17: ("Threads", "0 errors, 0 anomalies"),
    18: ("asyncio", "after a cancellation a write is wholly in or wholly out"),
    19: ("Processes", "one owner of the index; 0 lost; all found by all"),
    20: ("Fork", "a typed error in the child, the parent unharmed"),
    21: ("Open and close", "no file, thread or process left"),
    22: ("Held load", "0 errors"),
    23: ("Churn", "after compact at most 1.3 times a fresh store"),
    24: ("Recall", "recall@10 at least 0.95 everywhere, 0.99 on clustered data"),
    25: ("Soak with faults", "0 lost, 0 leaks"),
    26: ("Isolation", "0 foreign records"),
    27: ("Erasure", "0 patterns found; survivors identical"),
    28: ("Poisoned memories", "never in a system message, the fence never forged"),
    29: ("Paths and rights", "0 bytes outside; owner-only files"),
    30: ("No execution, no network, no leaks", "0 connections, 0 executions, 0 canaries"),
}
HEAD = """\
# The thirty tests

What the [promises](reliability.md) rest on. Every test has a quick form, which runs with each
change, and a full form, which `uv run pytest -m nightly --figures docs/trust` runs; the figures are
those of the full forms, or of the only form that a test has. `uv run python scripts/trust_page.py`
makes this page from them. Speeds among them were measured beside other work;
[benchmarks](benchmarks.md) has those that count.

"""


def main() -> None:
    """Write the page."""
    lines = [json.loads(file.read_text()) for file in sorted((DOCS / "trust").glob("*.json"))]
    by_test = {**_by_test(lines, "quick"), **_by_test(lines, "full")}
    table = ["| # | test | pass mark | figures | run |", "|---|---|---|---|---|"]
    table += [
        _row(number, title, mark, line)
        for number, (title, mark) in TESTS.items()
        for line in by_test.get(number, [None])
    ]
    (DOCS / "trust.md").write_text(HEAD + _machine() + "\n" + "\n".join(table) + "\n")


def _by_test(lines: list[dict[str, Any]], form: str) -> dict[int, list[dict[str, Any]]]:
    some = [line for line in lines if line["form"] == form]
    return {number: list(found) for number, found in groupby(some, lambda line: line["test"])}


def _row(number: int, title: str, mark: str, line: dict[str, Any] | None) -> str:
    if line is None:
        return f"| {number} | {title} | {mark} | the full form was not run yet | |"
    figures = ", ".join(
        f"{_said(name)} {_number(value)}" for name, value in line["figures"].items()
    )
    run = f"{line['date']}, {line['seconds']:.0f} s"
    if line["form"] == "quick":
        run += ", with each change"
    return f"| {number} | {title} | {mark} | {figures} | {run} |"


def _said(name: str) -> str:
    return name.replace("_", " ")


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _machine() -> str:
    return (
        f"Machine: {os.cpu_count()} processors, {platform.system()} {platform.machine()}, "
        f"Python {sys.version_info.major}.{sys.version_info.minor}.\n"
    )


if __name__ == "__main__":
    main()
