"""The same operations on both ledgers: all they give, refuse and keep must be equal."""

from __future__ import annotations

import functools
import itertools
import uuid
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from commonplace import CommonplaceError, HashingEmbedder, Memory
from commonplace.testing import FakeClock
from commonplace.testing.strategies import metadata, scopes, texts, values

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from tests.pgserver import Postgres

NAMES = st.sampled_from([*"12345"])
PLACES = st.sampled_from(["", "a", "a/b", "a-b", "ü"]) | scopes()
WORDS = st.sampled_from(["tea", "green tea", "a train to Porto", "ÉTÉ", "v1.2", "我喜欢", "x\0y"])
KEYS = st.sampled_from([None, None, "k", "K", "ü", ""])
TTLS = st.sampled_from([None, None, 5.0, 50.0])
FILTERS = st.sampled_from(
    [
        {},
        {"n": 1},
        {"n": {"$gt": 0}},
        {"s": {"$contains": "\0"}},
        {"@kind": "note"},
        {"@tags": {"$contains": "x"}},
        {"$not": {"n": {"$in": [1, None]}}},
        {"@content": {"$gt": "b"}},
        {"@key": None},
        {"@value": {"$exists": True}},
    ]
)
ORDERS = st.sampled_from(["-created_at", "key", "-key", "expires_at", "-expires_at", "scope", "id"])
FIELDS = st.fixed_dictionaries(
    {"id": NAMES, "scope": PLACES},
    optional={
        "key": KEYS,
        "ttl": TTLS,
        "metadata": metadata()
        | st.fixed_dictionaries(
            {"n": st.integers(0, 2), "s": st.sampled_from(["a\0b", "\1", "c"])}
        ),
        "value": values(),
        "kind": st.sampled_from(["fact", "note"]),
        "tags": st.lists(st.sampled_from(["x", "y", '"'])),
        "importance": st.floats(0, 1),
    },
)
CONTENTS = WORDS | texts(most=300)
MESSAGES = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant"]), "content": CONTENTS.filter(bool)}
)
OPERATIONS = st.one_of(
    st.tuples(st.just("add"), CONTENTS, FIELDS),
    st.tuples(st.just("add_many"), st.lists(st.tuples(CONTENTS, FIELDS), max_size=4)),
    st.tuples(st.just("update"), NAMES, CONTENTS),
    st.tuples(st.just("move"), NAMES, PLACES),
    st.tuples(st.just("delete"), NAMES),
    st.tuples(st.just("restore"), NAMES),
    st.tuples(st.just("archive"), NAMES),
    st.tuples(st.just("link"), NAMES, NAMES),
    st.tuples(st.just("unlink"), NAMES, NAMES),
    st.tuples(st.just("related"), NAMES),
    st.tuples(st.just("say"), PLACES, st.lists(MESSAGES, min_size=1, max_size=3)),
    st.tuples(st.just("list"), FILTERS, ORDERS),
    st.tuples(st.just("search"), CONTENTS, st.sampled_from(["lexical", "dense", "hybrid"])),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 10.0, 100.0])),
    st.tuples(st.just("sweep")),
    st.tuples(st.just("erase"), NAMES),
)


def done(operation: tuple[Any, ...], memory: Memory, clock: FakeClock) -> Any:  # noqa: C901, PLR0911, PLR0912 - one line for each verb
    """What an operation gives."""
    name, *given_ = operation
    match name, tuple(given_):
        case "add", (content, fields):
            return memory.add(content, **fields)
        case "add_many", (some,):
            return memory.add_many([{"content": content, **fields} for content, fields in some])
        case "update", (one, content):
            return memory.update(one, content=content)
        case "move", (one, scope):
            return memory.update(one, scope=scope)
        case "delete", (one,):
            return memory.delete(one)
        case "restore", (one,):
            return memory.restore(one)
        case "archive", (one,):
            return memory.archive(one)
        case "link", (one, other):
            return memory.link(one, other, "about", metadata={"why": "a\0b"})
        case "unlink", (one, other):
            return memory.unlink(one, other)
        case "related", (one,):
            return memory.related(one)
        case "say", (scope, messages):
            return memory.thread("talk", scope=scope).add(messages)
        case "list", (chosen, order):
            found = memory.list(filter=chosen, order_by=order, limit=50)
            return found, memory.count(filter=chosen)
        case "search", (query, mode):
            hits = memory.search(query, mode=mode, limit=20)
            return [(hit.record, hit.similarity) for hit in hits]
        case "wait", (seconds,):
            return clock.wait(seconds)
        case "sweep", ():
            return memory.sweep()
        case _:
            return memory.erase(ids=[*given_], scan=False).scale


def kept(directory: Path, memory: Memory, _: FakeClock) -> Any:
    """Everything that a memory holds, and its journal."""
    file = directory / "lines.jsonl"
    memory.export(file)
    lines = file.read_bytes().splitlines()[1:-1]  # the first says when, the last sums up
    assert lines or not memory.count()
    events = [
        (event.seq, event.at, event.operation, event.record_id, event.scope, event.version)
        for event in memory.events(limit=10_000)
        if event.operation != "erase"
    ]
    infos = memory.scopes(limit=10_000)
    return lines, events, infos, memory.count(), memory.tags(), memory.verify().problems


class Ids:
    """Ids that both memories are given in the same order."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self) -> uuid.UUID:
        self.number += 1
        return uuid.UUID(int=(7 << 76) | (2 << 62) | self.number)


def both(
    memories: list[tuple[Memory, FakeClock]], ids: Ids, ask: Callable[[Memory, FakeClock], Any]
) -> None:
    """Ask both memories the same, and compare the answers."""
    began = ids.number
    answers: list[Any] = []
    for memory, clock in memories:
        ids.number = began
        try:
            answers.append(ask(memory, clock))
        except CommonplaceError as error:
            answers.append((type(error), str(error)))
    assert answers[0] == answers[1]


def test_both_ledgers_do_the_same(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, number = Ids(), itertools.count()
    monkeypatch.setattr("commonplace.clock.uuid7", ids)

    @given(operations=st.lists(OPERATIONS, min_size=1, max_size=12))
    @settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def compare(operations: list[tuple[Any, ...]]) -> None:
        ids.number = 0
        clocks = FakeClock(), FakeClock()
        directory = tmp_path / str(next(number))
        with (
            postgres.emptied("congruence") as url,
            Memory(directory, embedder=HashingEmbedder(16), clock=clocks[0]) as one,
            Memory(url, embedder=HashingEmbedder(16), clock=clocks[1]) as other,
        ):
            memories = [(one, clocks[0]), (other, clocks[1])]
            for operation in operations:
                both(memories, ids, functools.partial(done, operation))
            both(memories, ids, functools.partial(kept, tmp_path))

    compare()
