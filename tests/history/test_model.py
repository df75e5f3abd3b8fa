"""Every moment that is remembered, against all states kept in plain Python."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from commonplace import ConflictError, HashingEmbedder, Memory, NotFoundError, Record
from commonplace.testing import FakeClock

if TYPE_CHECKING:
    from datetime import datetime

NAMES = st.sampled_from(["1", "2", "3"])
SCOPES = st.sampled_from(["a", "a/b", "c"])
TEXTS = st.sampled_from(["green tea", "black tea", "a train"])
KEYS = st.sampled_from([None, None, "k"])
STEPS = st.one_of(
    st.tuples(st.just("add"), NAMES, SCOPES, TEXTS, KEYS),
    st.tuples(st.just("update"), NAMES, SCOPES, TEXTS),
    st.tuples(st.just("delete"), NAMES),
    st.tuples(st.just("archive"), NAMES),
    st.tuples(st.just("restore"), NAMES, st.none() | st.integers(1, 6)),
    st.tuples(st.just("supersede"), NAMES, NAMES),
)


@dataclass
class State:
    """One state of a record, and when it ended."""

    record: Record
    end: datetime | None = None


class Model:
    """All states of all records, in the order in which they came to be."""

    def __init__(self) -> None:
        self.states: list[State] = []

    def present(self, name: str) -> State | None:
        return next((one for one in self.of(name) if one.end is None), None)

    def of(self, name: str) -> list[State]:
        return [one for one in self.states if one.record.id == name]

    def taken(self, record: Record) -> bool:
        """Whether another record has the key."""
        return record.key is not None and any(
            (one.record.scope, one.record.key) == (record.scope, record.key)
            and one.record.id != record.id
            and one.end is None
            for one in self.states
        )

    def ended(self, name: str, end: datetime) -> None:
        if (state := self.present(name)) is not None:
            state.end = end

    def wrote(self, record: Record) -> None:
        self.ended(record.id, record.updated_at)
        self.states.append(State(record))

    def at(self, moment: datetime) -> list[Record]:
        return sorted(
            (
                one.record
                for one in self.states
                if one.record.updated_at <= moment and (one.end is None or one.end > moment)
            ),
            key=lambda record: record.id,
        )


class Run:
    """A memory and its model, going the same steps."""

    def __init__(self, memory: Memory, clock: FakeClock) -> None:
        self.memory = memory
        self.clock = clock
        self.model = Model()

    def add(self, name: str, scope: str, text: str, key: str | None) -> None:
        try:
            self.model.wrote(self.memory.add(text, id=name, scope=scope, key=key))
        except ConflictError:
            before = self.model.present(name)
            keyed = [r for r in self.model.at(self.clock.moment()) if key and r.key == key]
            assert (before and before.record.scope.path != scope) or keyed

    def update(self, name: str, scope: str, text: str) -> None:
        before = self.model.present(name)
        try:
            written = self.memory.update(name, scope=scope, content=text)
        except NotFoundError:
            assert before is None
        except ConflictError:
            assert before is not None
            assert before.record.key is not None
        else:
            assert not self.model.taken(written)
            self.model.wrote(written)

    def delete(self, name: str) -> None:
        before = self.model.present(name)
        assert self.memory.delete(name) == (before is not None)
        self.model.ended(name, self.clock.moment())

    def archive(self, name: str) -> None:
        before = self.model.present(name)
        changed = self.memory.archive(name)
        assert changed == (before is not None and before.record.archived_at is None)
        if changed:
            assert before is not None
            now = self.memory.get(name)
            assert now is not None
            moment = now.updated_at
            version = before.record.version + 1
            assert now == replace(
                before.record, archived_at=moment, updated_at=moment, version=version
            )
            self.model.wrote(now)

    def restore(self, name: str, version: int | None) -> None:
        known = self.model.of(name)
        present = self.model.present(name)
        wanted = [one for one in known if one.end and version in {None, one.record.version}]
        try:
            restored = self.memory.restore(name, version)
        except NotFoundError:
            assert not wanted
        except ConflictError:
            there = version is None and present and present.record.archived_at is None
            assert there or self.model.taken(wanted[-1].record)
        else:
            archived = version is None and present is not None
            state = present.record if archived and present else wanted[-1].record
            assert restored == replace(
                state,
                archived_at=None,
                version=known[-1].record.version + 1,
                updated_at=restored.updated_at,
            )
            self.model.wrote(restored)

    def supersede(self, old: str, new: str) -> None:
        before, after = self.model.present(old), self.model.present(new)
        try:
            self.memory.supersede(old, new)
        except NotFoundError:
            assert before is None or after is None
        except ConflictError:
            assert before is not None
            assert before.record.valid_to is not None
        except ValueError:
            assert old == new
        else:
            now = self.memory.get(old)
            assert now is not None
            assert before is not None
            if now != before.record:
                assert now.version == before.record.version + 1
                assert before.record.valid_to is None
                self.model.wrote(now)

    def check(self, moment: datetime) -> None:
        """All reads of the memory at a moment say what the model says."""
        records = self.model.at(moment)
        seen = [one for one in records if one.archived_at is None]
        still = [one for one in seen if one.valid_to is None or one.valid_to > moment]
        memory, when = self.memory, {"as_of": moment}
        states: dict[str, Any] = {**when, "include_closed": True, "include_archived": True}
        assert memory.get_many(["1", "2", "3"], as_of=moment) == [
            next((one for one in records if one.id == name), None) for name in ("1", "2", "3")
        ]
        assert memory.list(order_by="id", **states) == records
        assert memory.list(order_by="id", as_of=moment) == still
        assert memory.count(**states) == len(records)
        assert memory.count(as_of=moment) == len(still)
        inside = [one for one in still if one.scope.segments[0] == "a"]
        assert memory.scope("a").list(order_by="id", as_of=moment) == inside
        for mode in ("dense", "hybrid", "lexical"):
            hits = memory.search("green tea", mode=mode, as_of=moment)
            found = sorted((hit.record for hit in hits), key=lambda record: record.id)
            worded = [one for one in still if mode != "lexical" or "tea" in one.content]
            assert found == worded

    def check_history(self) -> None:
        for name in ("1", "2", "3"):
            told = [(one.record, one.replaced_at) for one in self.memory.history(name)]
            assert told == [(one.record, one.end) for one in self.model.of(name)]


def live(steps: list[tuple[Any, ...]]) -> None:
    clock = FakeClock()
    moments = [clock.moment()]
    with Memory(":memory:", embedder=HashingEmbedder(8), clock=clock) as memory:
        run = Run(memory, clock)
        for verb, *arguments in steps:
            getattr(run, verb)(*arguments)
            moments.append(clock.moment())
            clock.micros += 1_000
        for moment in moments:
            run.check(moment)
        run.check_history()
        assert memory.verify().problems == ()


@settings(max_examples=12, deadline=None)
@given(st.lists(STEPS, min_size=8, max_size=25))
def test_every_remembered_moment_is_as_it_was(steps: list[tuple[Any, ...]]) -> None:
    live(steps)


@pytest.mark.nightly
@settings(max_examples=1_000, deadline=None)
@given(st.lists(STEPS, min_size=10, max_size=60))
def test_every_remembered_moment_at_length(steps: list[tuple[Any, ...]]) -> None:
    live(steps)
