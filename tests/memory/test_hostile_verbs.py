"""Test 15: every public argument of every verb, found by looking at the classes themselves.

A new verb is covered as soon as it is there; one with an argument that must be given, and that no
other verb has, wants an entry in `GIVEN`.
"""

from __future__ import annotations

import inspect
import itertools
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.memory.test_hostile import VALUES

from commonplace import CommonplaceError, HashingEmbedder, Memory, Policy, Thread, Threads
from commonplace.drafts import RecordChanges, RecordFields
from commonplace.verbs.thread import MessageChanges, ThreadChanges

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.figures import Figures

FEW = 3
"""How many values the quick form gives to an argument: others to each."""

OWNERS: dict[type, str] = {Memory: "", Thread: "thread.", Threads: "threads."}
CALLED = {"handler", "progress", "count_tokens", "reranker", "summarizer", "extractor", "embedder"}
"""Arguments that are called: what a function of the caller's raises is the caller's."""

FILES = {"path"}
NO_CALLS = {"Memory.close"}

GIVEN: dict[str, Any] = {
    "app": "app",
    "embedder": HashingEmbedder(8),
    "expiries": {"known": None},
    "handler": id,
    "id": "known",
    "ids": ["known"],
    "key": "other thread",
    "message_id": "message",
    "messages": {"role": "user", "content": "x"},
    "name": "talk",
    "new": "other",
    "old": "known",
    "operations": "*",
    "path": "file",
    "places": [("", "k")],
    "policy": Policy(),
    "query": "x",
    "read": ["a"],
    "records": ["x"],
    "scope": "a",
    "source": "known",
    "target": "other",
}
"""What an argument that must be given is, where another one is the hostile one."""

OTHERWISE: dict[str, dict[str, Any]] = {
    "set_quota": {"records": 1_000_000},
    "get_or_create": {"key": "talk"},
    "merge": {"source": "nowhere"},
    "sync": {"source": "nowhere"},
    "diff": {"other": "nowhere"},
    "path": {"source": "known"},
}
FIELDS: dict[str, Any] = {
    "Memory.add": RecordFields,
    "Memory.recall": ["scope", "filter", "kinds", "mode", "as_of", "vector"],
    "Memory.update": RecordChanges,
    "Thread.create": ThreadChanges,
    "Thread.update": ThreadChanges,
    "Thread.update_message": MessageChanges,
    "Thread.search": ["scope", "limit", "mode", "filter", "kinds", "min_score"],
    "Threads.get_or_create": ThreadChanges,
}
"""The names that verbs take as `**...`."""


class Argument(NamedTuple):
    """One argument of one verb."""

    owner: type
    verb: str
    name: str

    def __str__(self) -> str:
        return f"{OWNERS[self.owner]}{self.verb} {self.name}"


def verbs(owner: type) -> Iterator[str]:
    for name, found in inspect.getmembers(owner, inspect.isfunction):
        if not name.startswith("_") and f"{owner.__name__}.{name}" not in NO_CALLS:
            assert found
            yield name


def parameters(owner: type, verb: str) -> dict[str, inspect.Parameter]:
    found = dict(inspect.signature(getattr(owner, verb)).parameters)
    del found["self"]
    return found


def arguments() -> Iterator[Argument]:
    for owner in OWNERS:
        for verb in verbs(owner):
            for name, parameter in parameters(owner, verb).items():
                if parameter.kind is parameter.VAR_KEYWORD:
                    fields = FIELDS[f"{owner.__name__}.{verb}"]
                    names = getattr(fields, "__annotations__", fields)
                    yield from (Argument(owner, verb, field) for field in names)
                else:
                    yield Argument(owner, verb, name)


ARGUMENTS = list(arguments())


def needed(argument: Argument) -> dict[str, Any]:
    """What a call gives beside the hostile argument."""
    found: dict[str, Any] = {}
    for name, parameter in parameters(argument.owner, argument.verb).items():
        must = parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
        if name != argument.name and must:
            found[name] = OTHERWISE.get(argument.verb, {}).get(name, GIVEN.get(name))
            assert found[name] is not None, f"say in GIVEN what {name!r} may be"
    return found


def values(argument: Argument) -> list[Any]:
    if argument.name in CALLED:
        return [value for value in VALUES if not callable(value)]
    if argument.name in FILES:  # within this directory alone
        return [value for value in VALUES if not (isinstance(value, str) and value[:1] == "/")]
    return VALUES


def target(memory: Memory, owner: type) -> Any:
    if owner is Memory:
        return memory
    return memory.threads if owner is Threads else memory.thread("talk")


def refill(memory: Memory) -> None:
    for known in ("known", "other"):
        if memory.get(known) is None:
            memory.add("known", id=known)
    info = memory.thread("talk").info()
    if info is None or info.ended_at is not None:
        memory.thread("talk").create()
        memory.thread("talk").reopen()
    if memory.thread("talk").get("message") is None:
        memory.thread("talk").add({"role": "user", "content": "known", "id": "message"})


class Count:
    """What became of calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.refused = 0
        self.slowest = 0.0
        self.errors: list[str] = []

    def call(self, memory: Memory, argument: Argument, value: Any) -> None:
        refill(memory)
        verb = getattr(target(memory, argument.owner), argument.verb)
        began = time.perf_counter()
        self.calls += 1
        try:
            found = verb(**{**needed(argument), argument.name: value})
            if argument.verb == "on":
                found.close()
        except CommonplaceError:
            self.refused += 1
        except Exception as error:  # noqa: BLE001 - whatever else it is, it is wrong
            self.errors.append(f"{argument} with {type(value).__name__}: {error!r:.200}")
        self.slowest = max(self.slowest, time.perf_counter() - began)


def tried(some: Iterable[tuple[Argument, list[Any]]], count: Count) -> None:
    """Try values for the arguments of each verb, in a memory of its own, which stays whole."""
    for (_, verb), group in itertools.groupby(some, lambda one: one[0][:2]):
        with Memory(":memory:", embedder=HashingEmbedder(8)) as memory:
            for argument, chosen in group:
                for value in chosen:
                    fresh = iter([1]) if isinstance(value, type(iter([]))) else value
                    count.call(memory, argument, fresh)
            count.errors += [f"after {verb}: {problem}" for problem in memory.verify().problems]


@pytest.fixture
def _deep_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files with hostile names are made where they harm nobody."""
    inside = tmp_path / "a" / "b" / "c"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)


@pytest.mark.usefixtures("_deep_inside")
def test_some_values_for_every_argument(figures: Figures) -> None:
    count = Count()
    step = len(ARGUMENTS)
    chosen: list[tuple[Argument, list[Any]]] = []
    for number, argument in enumerate(ARGUMENTS):
        every = values(argument)
        some = [every[(number * 7 + n * step) % len(every)] for n in range(FEW)]
        chosen.append((argument, [*some, None, "\ud800", [object()]]))
    tried(chosen, count)
    figures(
        15,
        arguments=len(ARGUMENTS),
        values=len(VALUES),
        calls=count.calls,
        raw_errors=len(count.errors),
    )
    assert count.errors == []


@pytest.mark.nightly
@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("_deep_inside")
def test_every_value_for_every_argument(figures: Figures) -> None:
    count = Count()
    tried(((argument, values(argument)) for argument in ARGUMENTS), count)
    figures(
        15,
        arguments=len(ARGUMENTS),
        values=len(VALUES),
        calls=count.calls,
        refused=count.refused,
        raw_errors=len(count.errors),
        slowest_seconds=round(count.slowest, 2),
    )
    assert count.errors == []


def test_there_are_enough_values() -> None:
    assert len(VALUES) >= 150


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "content": st.text() | JSON,
        "value": JSON,
        "metadata": st.dictionaries(st.text(), JSON, max_size=4) | JSON,
        "tags": st.lists(st.text(), max_size=4) | JSON,
        "key": st.text() | JSON,
        "kind": st.text() | JSON,
        "importance": st.floats() | JSON,
        "scope": st.text() | JSON,
        "source": JSON,
        "ttl": st.floats() | JSON,
        "created_at": st.datetimes() | JSON,
    },
)


def _comes_back(memory: Memory, fields: dict[str, Any]) -> bool:
    try:
        record = memory.add(**fields)
    except CommonplaceError:
        return False
    assert memory.get(record.id) == record
    for name in ("content", "value", "key", "kind"):
        if name in fields:
            found = getattr(record, name)
            assert found == fields[name]
            assert type(found) is type(fields[name])
    if isinstance(fields.get("metadata"), dict):
        assert record.metadata == fields["metadata"]
    return True


@settings(max_examples=40, deadline=None)
@given(fields=RECORDS)
def test_generated_records_come_back_or_are_refused(fields: dict[str, Any]) -> None:
    with Memory(":memory:", embedder=HashingEmbedder(8)) as memory:
        _comes_back(memory, fields)


@pytest.mark.nightly
@pytest.mark.timeout(1200)
def test_ten_thousand_generated_records_come_back_or_are_refused(figures: Figures) -> None:
    kept: list[bool] = []
    with Memory(":memory:", embedder=HashingEmbedder(8)) as memory:

        @settings(
            max_examples=10_000,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
            database=None,
        )
        @given(fields=RECORDS)
        def check(fields: dict[str, Any]) -> None:
            kept.append(_comes_back(memory, fields))

        check()
        assert memory.verify().ok
    figures(15, generated=len(kept), kept=sum(kept), refused=len(kept) - sum(kept), raw_errors=0)
