"""The past: `as_of` against a model in plain Python that remembers every state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from commonplace import ConflictError, HashingEmbedder, Hit, Memory, Record, Scope
from commonplace.testing import FakeClock

NAMES = st.integers(0, 5).map(str)
KEYS = st.sampled_from(["k", "l"])
SCOPES = st.sampled_from(["a", "a/b", "c"])
TEXTS = st.sampled_from(["green tea", "black tea", "a train", "tea kettle"])
TTLS = st.sampled_from([None, None, None, 5.0])
ENDS = st.sampled_from([None, None, -1, 5, 50])
QUERY = "green tea"


@dataclass
class Remembered:
    """One moment: every record as it was, expired ones included, and what a search found."""

    at: datetime
    states: dict[str, Record]
    hits: list[Hit]


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.memory = Memory(":memory:", embedder=HashingEmbedder(8), clock=self.clock)
        self.states: dict[str, Record] = {}
        self.past: list[Remembered] = []

    def teardown(self) -> None:
        self.memory.close()

    def expired(self, name: str) -> bool:
        record = self.states[name]
        return record.expires_at is not None and record.expires_at <= self.clock.moment()

    def forget(self, names: list[str]) -> None:
        """What expired and was removed is in no past, either."""
        for name in names:
            del self.states[name]
            for remembered in self.past:
                remembered.states.pop(name, None)

    def end(self, seconds: int | None) -> datetime | None:
        return None if seconds is None else self.clock.moment() + timedelta(seconds=seconds)

    @rule(name=NAMES, scope=SCOPES, text=TEXTS, ttl=TTLS, ends=ENDS)
    def add(self, name: str, scope: str, text: str, ttl: float | None, ends: int | None) -> None:
        if (known := self.states.get(name)) is not None:
            scope = known.scope.path
            if self.expired(name):
                self.forget([name])
        self.states[name] = self.memory.add(
            text, id=name, scope=scope, ttl=ttl, valid_to=self.end(ends)
        )

    @rule(key=KEYS, scope=SCOPES, text=TEXTS, ttl=TTLS)
    def add_by_key(self, key: str, scope: str, text: str, ttl: float | None) -> None:
        self.forget([n for n in list(self.states) if self.keyed(n, key, scope) and self.expired(n)])
        written = self.memory.add(text, key=key, scope=scope, ttl=ttl)
        self.states[written.id] = written

    def keyed(self, name: str, key: str, scope: str) -> bool:
        record = self.states[name]
        return (record.key, record.scope) == (key, Scope.of(scope))

    @precondition(lambda self: self.states)
    @rule(data=st.data(), text=TEXTS, scope=SCOPES, ends=ENDS)
    def update(self, data: Any, text: str, scope: str, ends: int | None) -> None:
        name = data.draw(st.sampled_from(sorted(self.states)))
        if self.expired(name):
            return
        try:
            self.states[name] = self.memory.update(
                name, content=text, scope=scope, valid_to=self.end(ends), tags=text.split()[:1]
            )
        except ConflictError:
            key = self.states[name].key
            assert key is not None
            assert any(self.keyed(other, key, scope) for other in self.states if other != name)

    @precondition(lambda self: self.states)
    @rule(data=st.data())
    def delete(self, data: Any) -> None:
        names = data.draw(st.lists(st.sampled_from(sorted(self.states)), unique=True, max_size=2))
        gone = [name for name in names if not self.expired(name)]
        assert self.memory.delete(names) == len(gone)
        for name in gone:
            del self.states[name]

    @rule(seconds=st.sampled_from([1, 10]))
    def wait(self, seconds: int) -> None:
        self.clock.micros += seconds * 1_000_000

    @rule()
    def sweep(self) -> None:
        gone = [name for name in self.states if self.expired(name)]
        assert self.memory.sweep() == len(gone)
        self.forget(gone)

    @invariant()
    def remember(self) -> None:
        hits = self.memory.search(QUERY, mode="dense", limit=100)
        self.past.append(Remembered(self.clock.moment(), dict(self.states), list(hits)))
        self.clock.micros += 1_000

    @rule(
        data=st.data(),
        scope=st.sampled_from([None, "a", "a/b", "c", "nowhere"]),
        tag=st.sampled_from([None, "green"]),
        closed=st.booleans(),
        limit=st.integers(1, 3),
    )
    def look_back(
        self, data: Any, scope: str | None, tag: str | None, limit: int, *, closed: bool
    ) -> None:
        then = data.draw(st.sampled_from(self.past))
        valid_at = data.draw(st.none() | st.sampled_from(self.past).map(lambda past: past.at))
        options: dict[str, Any] = {"as_of": then.at, "include_closed": closed, "scope": scope}
        options |= {"valid_at": valid_at, "tags": [] if tag is None else [tag]}
        expected = [
            record
            for _, record in sorted(then.states.items())
            if seen(record, then.at, closed=closed, valid_at=valid_at)
            and Scope.of(scope or "").contains(record.scope)
            and (tag is None or tag in record.tags)
        ]
        assert self.memory.list(order_by="id", **options) == expected
        pages = [
            record
            for offset in range(0, len(expected) + 1, limit)
            for record in self.memory.list(order_by="id", limit=limit, offset=offset, **options)
        ]
        assert pages == expected
        assert self.memory.count(**options) == len(expected)
        self.search_back(expected, options)

    def search_back(self, expected: list[Record], options: dict[str, Any]) -> None:
        def found(query: str | None, **more: Any) -> dict[str, Record]:
            hits = self.memory.search(query, limit=100, **options, **more)
            assert len({hit.id for hit in hits}) == len(hits)
            return {hit.id: hit.record for hit in hits}

        states = {record.id: record for record in expected}
        words = {
            name: r for name, r in states.items() if set(QUERY.split()) & set(r.content.split())
        }
        assert found(QUERY, mode="dense") == states
        assert found(QUERY, mode="hybrid") == states
        assert found(QUERY, mode="lexical") == words
        assert found(None) == states

    @rule(data=st.data())
    def search_again(self, data: Any) -> None:
        """The same search finds what it found then, in the same order, with the same scores."""
        then = data.draw(st.sampled_from(self.past))
        hits = self.memory.search(QUERY, mode="dense", limit=100, as_of=then.at)
        assert hits == [hit for hit in then.hits if hit.id in then.states]

    @rule(data=st.data())
    def get_back(self, data: Any) -> None:
        then = data.draw(st.sampled_from(self.past))
        names = sorted({name for remembered in self.past for name in remembered.states})
        visible = {
            name: record
            for name, record in then.states.items()
            if seen(record, then.at, closed=True, valid_at=None)
        }
        found = self.memory.get_many(names, as_of=then.at)
        assert found == [visible.get(name) for name in names]
        keyed = {(r.key, r.scope.path): r for r in visible.values() if r.key is not None}
        for place in [(key, scope) for key in "kl" for scope in ("a", "a/b", "c")]:
            key, scope = place
            assert self.memory.get(key=key, scope=scope, as_of=then.at) == keyed.get(place)

    @rule()
    def verify(self) -> None:
        assert self.memory.verify().problems == ()


def seen(record: Record, now: datetime, *, closed: bool, valid_at: datetime | None) -> bool:
    """Whether a record that stood at that moment was to be seen then."""
    if record.expires_at is not None and record.expires_at <= now:
        return False
    end = record.valid_to
    if valid_at is not None:
        return end is None or end > valid_at
    return closed or end is None or end > now


class TestQuick(Machine.TestCase):
    settings = settings(max_examples=15, stateful_step_count=25, deadline=None)


@pytest.mark.nightly
class TestAtLength(Machine.TestCase):
    settings = settings(max_examples=1_000, stateful_step_count=50, deadline=None)


def test_a_state_stands_from_its_write_to_the_next() -> None:
    tick = timedelta(microseconds=1)
    clock = FakeClock()
    with Memory(":memory:", embedder=HashingEmbedder(8), clock=clock) as memory:
        first = memory.add("green tea", id="1", scope="a")
        clock.micros += 1_000
        second = memory.update("1", content="black tea", scope="c")
        clock.micros += 1_000
        memory.delete("1")
        gone = clock.moment()
        states = [
            (first.updated_at - tick, None),
            (first.updated_at, first),
            (second.updated_at - tick, first),
            (second.updated_at, second),
            (gone - 500 * tick, second),
            (gone, None),
        ]
        for moment, state in states:
            assert memory.get("1", as_of=moment) == state
            expected = [] if state is None else [state]
            assert memory.list(as_of=moment) == expected
            assert memory.count(as_of=moment) == len(expected)
            for mode in ("dense", "lexical", "hybrid"):
                hits = memory.search("tea", mode=mode, as_of=moment)
                assert [hit.record for hit in hits] == expected
        assert memory.scope("a").get("1", as_of=second.updated_at) is None
        assert memory.scope("c").get("1", as_of=first.updated_at) is None
        assert memory.get("1") is None


def test_the_past_of_an_empty_memory_is_empty(memory: Memory) -> None:
    for moment in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)):
        assert memory.get("1", as_of=moment) is None
        assert memory.get(key="k", scope="a", as_of=moment) is None
        assert memory.list(as_of=moment) == []
        assert memory.count(as_of=moment) == 0
        assert memory.search("tea", as_of=moment) == memory.search(as_of=moment) == []


def test_the_past_has_what_the_caller_dated_by_when_it_was_written(memory: Memory) -> None:
    """`created_at` may be any time; what the memory knew depends on when it was told."""
    old = datetime(2001, 1, 1, tzinfo=UTC)
    record = memory.add("green tea", created_at=old)
    assert memory.get(record.id, as_of=record.updated_at) == record
    assert memory.get(record.id, as_of=old + timedelta(days=1)) is None


def test_pages_of_the_past_are_its_whole_in_pieces(memory: Memory) -> None:
    memory.add_many({"content": "green tea", "id": f"{n:02}"} for n in range(30))
    then = memory.list(limit=1)[0].updated_at
    whole = {
        mode: memory.search("tea", mode=mode, limit=100) for mode in ("dense", "lexical", "hybrid")
    }
    for number in range(0, 30, 2):
        memory.update(f"{number:02}", content="black coffee")
    memory.delete([f"{number:02}" for number in range(0, 30, 3)])
    memory.add_many(["green tea"] * 5)
    for mode, hits in whole.items():
        options: dict[str, Any] = {"mode": mode, "as_of": then}
        again = memory.search("tea", limit=100, **options)
        assert [hit.record for hit in again] == [hit.record for hit in hits]
        paged = [
            hit
            for offset in range(0, 40, 7)
            for hit in memory.search("tea", limit=7, offset=offset, **options)
        ]
        assert paged == again
