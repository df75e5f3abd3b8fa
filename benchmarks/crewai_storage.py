"""`CommonplaceStorage` beside CrewAI's own storages, in one run: times, recall and safety.

    python -m benchmarks.crewai_storage             # 10,000 records of 384 dimensions
    python -m benchmarks.crewai_storage --write     # and the table of docs/crewai.md

Calls alternate between the storages, so that whatever else the machine does hits all alike.
Qdrant Edge takes part where it is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import tempfile
import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ["CREWAI_DISABLE_TELEMETRY"] = os.environ["OTEL_SDK_DISABLED"] = "true"

import numpy as np
from crewai.memory.storage.lancedb_storage import LanceDBStorage
from crewai.memory.types import MemoryRecord

from benchmarks.crewai_checks import answers
from crewai_commonplace import CommonplaceStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Make = Callable[[str], Any]

OURS, LANCEDB = "Commonplace", "LanceDB"
PAGE = Path(__file__).parents[1] / "docs" / "crewai.md"
START, END = "<!-- benchmark:start -->", "<!-- benchmark:end -->"
DIMENSION = 384
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """A search: what it is called, what it passes, and which records it may find."""

    name: str
    options: dict[str, Any]
    may: Callable[[MemoryRecord], bool]


SEARCHES = [
    Asked("no filter", {}, lambda _: True),
    Asked("scope 10 %", {"scope_prefix": "/org/team-03"}, lambda r: "/team-03/" in r.scope),
    Asked(
        "scope 1 %",
        {"scope_prefix": "/org/team-03/user-5"},
        lambda r: r.scope == "/org/team-03/user-5",
    ),
    Asked("category 10 %", {"categories": ["tenth"]}, lambda r: "tenth" in r.categories),
    Asked("category 0.5 %", {"categories": ["rare"]}, lambda r: "rare" in r.categories),
    Asked(
        "metadata 25 %", {"metadata_filter": {"lang": "de"}}, lambda r: r.metadata["lang"] == "de"
    ),
    Asked(
        "scope and category 10 % each",
        {"scope_prefix": "/org/team-03", "categories": ["tenth"]},
        lambda r: "/team-03/" in r.scope and "tenth" in r.categories,
    ),
]


def makers() -> dict[str, Make]:
    """What opens each storage, by name."""
    found: dict[str, Make] = {OURS: CommonplaceStorage, LANCEDB: LanceDBStorage}
    if importlib.util.find_spec("qdrant_edge"):
        qdrant = importlib.import_module("crewai.memory.storage.qdrant_edge_storage")
        found["Qdrant Edge"] = qdrant.QdrantEdgeStorage
    return found


def drawn(count: int) -> tuple[list[MemoryRecord], Any]:
    """Records with their vectors."""
    vectors = np.random.default_rng(7).normal(size=(count, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    begin = datetime(2026, 1, 1)  # noqa: DTZ001 - CrewAI's times are naive UTC
    return [
        MemoryRecord(
            id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"bench-{n}")),
            content=f"memory number {n}: the quick brown fox jumps over lazy dog {n % 97}",
            scope=f"/org/team-{n % 10:02d}/user-{(n // 10) % 10}",
            categories=["common"]
            + ["tenth"] * (n % 10 == (n // 100) % 10)
            + ["rare"] * (n % 200 == (n // 200) % 200),
            metadata={"lang": ["en", "de", "fr", "es"][n % 4], "n": n},
            importance=(n % 11) / 10,
            created_at=begin + timedelta(seconds=n),
            last_accessed=begin + timedelta(seconds=n),
            embedding=vectors[n].tolist(),
        )
        for n in range(count)
    ], vectors


class Run:
    """The storages side by side."""

    def __init__(self, records: int, rounds: int) -> None:
        self.rounds = rounds
        self.records, self.vectors = drawn(records + 4 * rounds)
        self.size = records
        self.spare = iter(self.records[records:])
        self.make = makers()
        self.paths = {name: tempfile.mkdtemp() for name in self.make}
        self.storages = {name: make(self.paths[name]) for name, make in self.make.items()}
        self.times: dict[str, dict[str, float]] = {}
        self.recall: dict[str, dict[str, float]] = {}

    def clock(self, what: str, call: Callable[[str, int], object], rounds: int) -> None:
        """The median time of a call of each storage, in milliseconds, taken in turn."""
        taken: dict[str, list[float]] = {name: [] for name in self.storages}
        for turn in range(rounds):
            for name in self.storages:
                begun = time.perf_counter()
                call(name, turn)
                taken[name].append(time.perf_counter() - begun)
        self.times[what] = {name: float(np.median(some)) * 1000 for name, some in taken.items()}

    def all(self) -> None:
        """Everything, in order."""
        self.fills()
        self.searches()
        self.lists()
        self.changes()

    def fills(self) -> None:
        """Save all records, in batches and one by one."""
        body = self.records[: self.size]
        batches = [body[n : n + BATCH] for n in range(0, self.size, BATCH)]

        def save(name: str, turn: int) -> None:
            self.storages[name].save(batches[turn])

        self.clock(f"save a batch of {BATCH:,}", save, len(batches))
        spare = [next(self.spare) for _ in range(self.rounds)]
        self.clock("save one", lambda name, n: self.storages[name].save([spare[n]]), self.rounds)

    def searches(self) -> None:
        """Every search, with its recall."""
        queries = np.random.default_rng(11).normal(size=(self.rounds, DIMENSION))
        given = [query.tolist() for query in queries]
        for storage in self.storages.values():
            storage.search(given[0])
        for asked in SEARCHES:
            hits: dict[str, list[set[str]]] = {name: [] for name in self.storages}

            def search(
                name: str,
                turn: int,
                asked: Asked = asked,
                hits: dict[str, list[set[str]]] = hits,
            ) -> None:
                found = self.storages[name].search(given[turn], limit=10, **asked.options)
                hits[name].append({one.id for one, _ in found})

            what = f"search, {asked.name}"
            self.clock(what, search, self.rounds)
            best = [set(self.best(asked, query)) for query in queries]
            self.recall[what] = {
                name: sum(len(a & b) for a, b in zip(best, some, strict=True)) / sum(map(len, best))
                for name, some in hits.items()
            }

    def best(self, asked: Asked, query: Any) -> Iterator[str]:
        """The ids of the exact ten best."""
        held = self.size + self.rounds
        may = np.array([asked.may(one) for one in self.records[:held]])
        scores = np.where(may, self.vectors[:held] @ query, -np.inf)
        numbers: list[int] = np.argsort(-scores)[:10].tolist()
        for number in numbers:
            if np.isfinite(scores[number]):
                yield self.records[number].id

    def lists(self) -> None:
        """What lists and counts."""
        some = max(5, self.rounds // 3)
        calls: dict[str, Callable[[Any], object]] = {
            "list 200 records": lambda s: s.list_records(limit=200),
            "list 200 of a scope": lambda s: s.list_records("/org/team-03", limit=200),
            "list 50 after 5,000": lambda s: s.list_records(limit=50, offset=5000),
            "count": lambda s: s.count(),
            "count a scope": lambda s: s.count("/org/team-03"),
            "list_scopes of the root": lambda s: s.list_scopes("/"),
            "list_scopes of a team": lambda s: s.list_scopes("/org/team-03"),
            "list_categories": lambda s: s.list_categories(),
            "get_scope_info of the root": lambda s: s.get_scope_info("/"),
            "get_record": lambda s: s.get_record(self.records[42].id),
        }
        for what, call in calls.items():
            self.clock(what, lambda name, _, call=call: call(self.storages[name]), some)

    def changes(self) -> None:
        """What changes and removes."""
        some = max(5, self.rounds // 3)
        ids = [one.id for one in self.records]
        calls: dict[str, tuple[int, Callable[[Any, int], object]]] = {
            "touch 10": (some, lambda s, _: s.touch_records(ids[:10])),
            "update one": (some, lambda s, _: s.update(self.records[17])),
            "delete 10 ids": (
                some,
                lambda s, n: s.delete(record_ids=ids[100 + 10 * n : 110 + 10 * n]),
            ),
            "delete a scope of 1 %": (
                some,
                lambda s, n: s.delete(scope_prefix=f"/org/team-09/user-{n}"),
            ),
            "reset": (1, lambda s, _: s.reset()),
        }
        for what, (rounds, call) in calls.items():
            self.clock(what, lambda name, n, call=call: call(self.storages[name], n), rounds)

    def checks(self) -> dict[str, dict[str, bool]]:
        """Whether each storage passes, by question."""
        return {name: answers(make) for name, make in self.make.items()}


def report(run: Run, checks: dict[str, dict[str, bool]]) -> str:
    """What was found, as tables."""
    names = list(run.storages)
    lines = [
        f"{run.size:,} records of {DIMENSION} dimensions; medians in milliseconds, called in turn.",
        "The last column says how many times faster than LanceDB.",
        "",
        f"| operation | {' | '.join(names)} | ratio |",
        f"|---|{'--:|' * (len(names) + 1)}",
    ]
    for what, times in run.times.items():
        ratio = times[LANCEDB] / times[OURS]
        cells = " | ".join(f"{times[name]:.2f}" for name in names)
        lines.append(f"| {what} | {cells} | {ratio:.2g}\N{MULTIPLICATION SIGN} |")
    lines += ["", f"| recall@10 | {' | '.join(names)} |", f"|---|{'--:|' * len(names)}"]
    for what, shares in run.recall.items():
        lines.append(f"| {what} | {' | '.join(f'{shares[name]:.3f}' for name in names)} |")
    lines += ["", f"| is it safe? | {' | '.join(names)} |", f"|---|{':-:|' * len(names)}"]
    for question in checks[OURS]:
        marks = " | ".join("yes" if checks[name][question] else "**no**" for name in names)
        lines.append(f"| {question} | {marks} |")
    passed = " | ".join(f"{sum(checks[name].values())} of {len(checks[name])}" for name in names)
    lines.append(f"| all | {passed} |")
    return "\n".join(lines)


def main() -> None:
    """The command."""
    asked = argparse.ArgumentParser(description="CommonplaceStorage beside others")
    asked.add_argument("--records", type=int, default=10_000)
    asked.add_argument("--rounds", type=int, default=30)
    asked.add_argument("--write", action="store_true", help="put the table into docs/crewai.md")
    given = asked.parse_args()
    run = Run(given.records, given.rounds)
    run.all()
    table = report(run, run.checks())
    print(table)
    if given.write:
        before, _, rest = PAGE.read_text("utf-8").partition(START)
        after = rest.partition(END)[2]
        PAGE.write_text(f"{before}{START}\n{table}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main()
