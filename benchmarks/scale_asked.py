"""What `benchmarks.scale` asks of a memory, and what the memory takes."""

from __future__ import annotations

import contextlib
import random
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.scale_data import (
    CASES,
    EACH_THREAD,
    EACH_USER,
    PROJECTS,
    QUERIES,
    id_of,
    scope_of,
    team_of,
)
from benchmarks.timing import alternated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from benchmarks.report import Measured
    from benchmarks.scale_data import Truth
    from commonplace import Hits, Memory

    Call = Callable[[int], Any]

NEWEST = 20
EACH = 2
RECALL_SECONDS = 60.0
IN_USE = 20
"""So many users are asked for again and again: what is kept of their scopes in memory counts."""


class Asked:
    """A memory of so many records under measurement.

    Args:
        memory: the memory.
        records: how many it holds, messages apart.
        threads: how many users have a thread.
        truth: the queries, and what they should find.
    """

    def __init__(self, memory: Memory, records: int, threads: int, truth: Truth) -> None:
        self._memory = memory
        self._records = records
        self._users = records // EACH_USER
        self._threads = threads
        self._truth = truth
        self._chance = random.Random(7)
        self._routes: dict[str, Counter[str]] = {}

    def times(self, rounds: int) -> dict[str, str]:
        """The figures of every call, by its name."""
        calls = {**self._by_name(), **self._searches(), **self._lists()}
        found = alternated(calls, rounds=rounds, each=EACH)
        return {name: _figure(figure) + self._route(name) for name, figure in found.items()}

    def recall(self) -> str:
        """How many of the true ten nearest of everything are found."""
        until = time.monotonic() + RECALL_SECONDS
        answers = [
            [hit.record.id for hit in self._memory.search(vector=vector)]
            for vector in self._truth.vectors
            if time.monotonic() < until
        ]
        return f"{self._truth.recall(answers):.3f} of {len(answers)} searches"

    def _by_name(self) -> Mapping[str, Call]:
        memory = self._memory
        return {
            "get": lambda _: memory.get(id_of(self._chance.randrange(self._records))),
            f"latest {NEWEST} of a thread": lambda _: self._latest(),
        }

    def _searches(self) -> Mapping[str, Call]:
        places: dict[str, Callable[[], dict[str, Any]]] = {
            f"a user ({EACH_USER})": lambda: {"scope": scope_of(self._user())},
            "a team (2,000)": lambda: {"scope": team_of(self._user())},
            "everything": dict,
        }
        calls: dict[str, Call] = {}
        for place, where in places.items():
            for mode in ("dense", "lexical", "hybrid"):
                name = f"search {place}, {mode}"
                calls[name] = self._search(name, where, mode)
        name = f"search one of {IN_USE} users in use, hybrid"
        calls[name] = self._search(
            name,
            lambda: {"scope": scope_of(self._chance.randrange(IN_USE) % self._users)},
            "hybrid",
        )
        filters: dict[str, Callable[[], dict[str, Any]]] = {
            "1 %": lambda: {"filter": {"project": f"project{self._chance.randrange(PROJECTS)}"}},
            "0.1 %": lambda: {"filter": {"case": self._chance.randrange(CASES)}},
        }
        for share, where in filters.items():
            name = f"search everything, a filter that {share} pass"
            calls[name] = self._search(name, where, "dense")
        return calls

    def _lists(self) -> Mapping[str, Call]:
        memory = self._memory
        return {
            f"newest {NEWEST} of a user": lambda _: memory.list(
                scope=scope_of(self._user()), limit=NEWEST
            ),
            f"newest {NEWEST} of a team": lambda _: memory.list(
                scope=team_of(self._user()), limit=NEWEST
            ),
            f"newest {NEWEST} of everything": lambda _: memory.list(limit=NEWEST),
            "count a user": lambda _: memory.count(scope=scope_of(self._user())),
            "count a team": lambda _: memory.count(scope=team_of(self._user())),
            "count everything": lambda _: memory.count(),
            "count a filter that 1 % pass": lambda _: memory.count(
                filter={"project": f"project{self._chance.randrange(PROJECTS)}"}
            ),
        }

    def _search(self, name: str, where: Callable[[], dict[str, Any]], mode: Any) -> Call:
        routes = self._routes.setdefault(name, Counter())
        truth = self._truth

        def search(number: int) -> None:
            words = None if mode == "dense" else truth.texts[number % QUERIES]
            vector = None if mode == "lexical" else truth.vectors[number % QUERIES]
            hits: Hits = self._memory.search(
                words, vector=vector, mode=mode, explain=True, **where()
            )
            routes[hits.plan.route if hits.plan else "none"] += 1

        return search

    def _latest(self) -> Any:
        scope = scope_of(self._chance.randrange(self._threads) * EACH_THREAD)
        return self._memory.thread("chat", scope=scope, embed=False).messages(limit=NEWEST)

    def _user(self) -> int:
        return self._chance.randrange(self._users)

    def _route(self, name: str) -> str:
        """How the searches of this name were answered, if by the index at all."""
        routes = self._routes.get(name, Counter())
        share = (routes["index"] + routes["index-where"]) / max(routes.total(), 1)
        return f", {share:.0%} by the index" if share else ""


def taken(memory: Memory, records: int) -> dict[str, str]:
    """The disk and the memory that it all takes by now, in MB."""
    stats = memory.stats()
    others = [one for one in psutil.Process().children(recursive=True) if _is_index(one)]
    return {
        "disk: ledger": _per_record(stats.ledger_bytes, records),
        "disk: index": _per_record(stats.index_bytes, records),
        "memory of the process, now and at most": resident(),
        "memory of the index process, now and at most": _resident(others),
    }


def resident() -> str:
    """The memory of this process in MB, now and the most it ever was."""
    return _resident([psutil.Process()])


def _is_index(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return "commonplace.index.worker" in process.cmdline()
    return False


def _resident(processes: Iterable[psutil.Process]) -> str:
    figures = [(one.memory_info().rss, _most_resident(one)) for one in processes]
    now, most = (
        (sum(column) / 2**20 for column in zip(*figures, strict=True)) if figures else (0, 0)
    )
    return f"{now:,.0f} MB, {most:,.0f} MB" if now else "none"


def _most_resident(process: psutil.Process) -> int:
    """The most it ever took, where the system tells: Linux."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process.pid}/status").read_text("ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return process.memory_info().rss


def _per_record(size: int, records: int) -> str:
    return f"{size / 2**20:,.0f} MB, {size / records:,.0f} bytes a record" if size else "none"


def _figure(measured: Measured) -> str:
    return f"{_number(measured.p50)} ({_number(measured.p95 or 0)}) ms"


def _number(number: float) -> str:
    return (
        f"{number:,.0f}" if number >= 100 else f"{number:.1f}" if number >= 10 else f"{number:.2f}"
    )
