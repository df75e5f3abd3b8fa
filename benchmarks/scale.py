"""What a memory takes and how it answers as it grows: 10,000, 100,000, a million records.

    ./run python -m benchmarks.scale --records 10000,100000
    ./run python -m benchmarks.scale --ledger /big/disk/memory --index exact --write
    ./run python -m benchmarks.scale --ledger postgresql://host/empty --index http://host:8000

One memory grows from size to size and is measured at each. A hundred records a user, twenty users
a team, vectors of 128 numbers that were made beforehand; a thread of 40 messages for each tenth
user. Prints a Markdown table with a column a size; `--write` puts it into docs/scale.md, between
the markers of its kind of ledger and index. A million records take an hour and some gigabytes of
disk, so it is not part of `./run bench`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from benchmarks.report import environment
from benchmarks.scale_asked import Asked, resident, taken
from benchmarks.scale_data import (
    DIMENSION,
    EACH_THREAD,
    EACH_USER,
    Made,
    Truth,
    owners,
    said,
    scope_of,
)
from commonplace import IndexUnavailableError, Memory, PrecomputedEmbedder

Table: TypeAlias = dict[int, dict[str, str]]

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
AT_ONCE = 1_000
ROUNDS = 50
TRIES = 30
TELL_EVERY = 20_000


def main() -> None:
    """Grows a memory and measures it at each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=_sizes, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--ledger", help="directory or URL of an empty memory; a temporary folder")
    parser.add_argument("--index", default="auto", help="as `Memory` takes it: auto, exact, ...")
    parser.add_argument(
        "--write", type=Path, nargs="?", const=PAGE, help="the page for the table; docs/scale.md"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of two calls of each kind")
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        name = kind(given.ledger or "", given.index)
        if given.write:
            around(name, given.write)
        ledger = given.ledger or stack.enter_context(tempfile.TemporaryDirectory())
        embedder = PrecomputedEmbedder("scale", DIMENSION)
        memory = stack.enter_context(Memory(ledger, embedder=embedder, index=given.index))
        if memory.count():
            raise SystemExit("the memory is not empty; give one that is new")
        growing = Growing(memory, given.rounds)
        table: Table = {}
        for records in given.records:
            table[records] = growing.measured(records)
            text = document(table, name)
            print(text, flush=True)  # each time: what was measured stays if the next is given up
            if given.write:
                write(text, name, given.write)


class Growing:
    """A memory that grows.

    Args:
        memory: a new one.
        rounds: how many times two calls of each kind are timed.
    """

    def __init__(self, memory: Memory, rounds: int) -> None:
        self._memory = memory
        self._rounds = rounds
        self._truth = Truth()
        self._records = 0
        self._threads = 0

    def measured(self, records: int) -> dict[str, str]:
        """The figures of a size, by their names, once it has grown to it."""
        found = self._filled(records)
        found |= taken(self._memory, records)
        tell("asking")
        asked = Asked(self._memory, records, self._threads, self._truth)
        found |= asked.times(self._rounds)
        found["recall of the ten nearest of everything"] = asked.recall()
        found["memory of the process after the searches"] = resident()
        found["load of the machine over 5 minutes"] = f"{os.getloadavg()[1]:.1f}"
        return found

    def _filled(self, records: int) -> dict[str, str]:
        """Grows to a size, and waits for the index."""
        tell(f"growing to {records:,}")
        added, started = records - self._records, time.perf_counter()
        seconds = self._grow(records)
        self._converse(records // EACH_USER // EACH_THREAD)
        tell("waiting for the index")
        written = time.perf_counter()
        self._flush()
        ended = time.perf_counter()
        last = seconds[-max(len(seconds) // 10, 1) :]
        per_batch = added / len(seconds)
        return {
            "records that were added": f"{added:,}",
            "written a second": f"{added / sum(seconds):,.0f}",
            "written a second, the last tenth": f"{per_batch * len(last) / sum(last):,.0f}",
            "the index is behind after that for": f"{ended - written:,.0f} s",
            "written and indexed a second": f"{added / (ended - started):,.0f}",
        }

    def _flush(self) -> None:
        """Waits for the index for long: on a busy machine a step of it may time out."""
        for _ in range(TRIES):
            try:
                return self._memory.flush()
            except IndexUnavailableError as error:
                tell(f"tries again: {error}")
        return self._memory.flush()

    def _grow(self, records: int) -> list[float]:
        """How many seconds each batch took."""
        first, self._records = self._records, records
        users = owners(first, records)
        seconds: list[float] = []
        for start in range(first, records, AT_ONCE):
            made = Made(start, users[start - first : start - first + AT_ONCE])
            self._truth.see(made)
            batch = list(made.records())
            started = time.perf_counter()
            self._memory.add_many(batch)
            seconds.append(time.perf_counter() - started)
            if not (start + AT_ONCE) % TELL_EVERY:
                tell(f"{start + AT_ONCE:,} written")
        return seconds

    def _converse(self, threads: int) -> None:
        """Gives the new ones of some users their thread."""
        for number in range(self._threads, max(threads, 1)):
            scope = scope_of(number * EACH_THREAD)
            self._memory.thread("chat", scope=scope, embed=False).add(said(number))
        self._threads = max(threads, 1)


def kind(ledger: str, index: str) -> str:
    """What is measured, as the markers in the page name it, such as `sqlite-auto`."""
    scheme = urlsplit(ledger).scheme.partition("+")[0]
    return f"{scheme or 'sqlite'}-{'server' if '://' in index else index}"


def document(table: Table, name: str) -> str:
    """The figures as a Markdown table with a column a size, and what they depend on."""
    rows = list(next(iter(table.values())))
    sizes = " | ".join(f"{records:,}" for records in table)
    lines = [f"| {name} | {sizes} |", "|---" + "|--:" * len(table) + "|"]
    lines += [f"| {row} | {' | '.join(found[row] for found in table.values())} |" for row in rows]
    named = [f"{name} {value}" for name, value in environment().items() if name in _TOLD]
    told = f"{environment()['Date']}; {environment()['Machine']}; {', '.join(named)}."
    return "\n".join([*lines, "", f"Medians, and 95th percentiles in brackets. {told}"])


def write(text: str, name: str, page: Path) -> None:
    """Puts a table between the markers of its kind."""
    before, after = around(name, page)
    page.write_text(f"{before}\n\n{text}\n\n{after}", "utf-8")


def around(name: str, page: Path) -> tuple[str, str]:
    """What a page has up to a kind's first marker, and from its second one on.

    Raises:
        SystemExit: it lacks one of them.
    """
    start, end = f"<!-- scale:{name}:start -->", f"<!-- scale:{name}:end -->"
    before, found, rest = page.read_text("utf-8").partition(start)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"{page} lacks the lines {start} and {end} to write between")
    return before + start, end + after


def tell(what: str) -> None:
    """Says how far it has come."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def _sizes(given: str) -> list[int]:
    found = [int(size) for size in given.split(",")]
    if found != sorted(set(found)) or found[0] < EACH_USER:
        raise argparse.ArgumentTypeError(f"sizes rise, and are {EACH_USER} at least")
    return found


_TOLD = ("Python", "SQLite", "Commonplace", "Chroma")

if __name__ == "__main__":
    main()
