"""Every verb, in any order, against a model in plain Python."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.clocks import StepClock

from commonplace import ConflictError, HashingEmbedder, Memory, NotFoundError, Record, Scope

SCOPES = st.sampled_from(["", "a", "a/b", "a/b/c", "ab", "a-b", "A", "%", "a_b", "ü", "ü"])
WORDS = st.sampled_from(["tea", "coffee", "green tea", "a train to Porto", "", "été", "x\0y"])
KEYS = st.sampled_from([None, None, "k", "K", "k/1", ""])
TTLS = st.sampled_from([None, None, None, 5.0, 50.0])
METADATA = st.dictionaries(st.sampled_from(["n", "m"]), st.integers(0, 3), max_size=2)


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = StepClock()
        self.directory = Path(tempfile.mkdtemp())
        self.model: dict[str, Record] = {}
        self.where: str | Path = ":memory:"
        self.embedder = HashingEmbedder(16)

    @initialize(on_disk=st.booleans())
    def open(self, *, on_disk: bool) -> None:
        self.where = self.directory / "memory" if on_disk else ":memory:"
        self.memory = self._opened()

    def _opened(self) -> Memory:
        return Memory(self.where, embedder=self.embedder, clock=self.clock)

    def teardown(self) -> None:
        if hasattr(self, "memory"):
            self.memory.close()
        shutil.rmtree(self.directory)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self.clock.micros)

    def _live(self) -> dict[str, Record]:
        now = self._now()
        return {
            name: record
            for name, record in self.model.items()
            if record.expires_at is None or record.expires_at > now
        }

    def _within(self, scope: str) -> list[Record]:
        root = Scope.of(scope)
        return [record for record in self._live().values() if root.contains(record.scope)]

    @rule(scope=SCOPES, content=WORDS, key=KEYS, ttl=TTLS, metadata=METADATA)
    def add(
        self, scope: str, content: str, key: str | None, ttl: float | None, metadata: dict[str, Any]
    ) -> None:
        before = self._keyed(scope, key)
        written = self.memory.add(content, scope=scope, key=key, ttl=ttl, metadata=metadata)
        assert (written.content, written.metadata, written.key) == (content, metadata, key)
        assert (written.id, written.version) == (
            (before.id, before.version + 1) if before else (written.id, 1)
        )
        if before is None:
            self._forget_expired_key(scope, key)
        self.model[written.id] = written

    def _keyed(self, scope: str, key: str | None) -> Record | None:
        if key is None:
            return None
        place = Scope.of(scope)
        found = (r for r in self._live().values() if (r.scope, r.key) == (place, key))
        return next(found, None)

    def _forget_expired_key(self, scope: str, key: str | None) -> None:
        place = Scope.of(scope)
        for name, record in list(self.model.items()):
            if key is not None and (record.scope, record.key) == (place, key):
                del self.model[name]

    @rule(items=st.lists(st.tuples(SCOPES, WORDS), max_size=4), dedupe=st.booleans())
    def add_many(self, items: list[tuple[str, str]], *, dedupe: bool) -> None:
        given = [{"content": content, "scope": scope} for scope, content in items]
        written = self.memory.add_many(given, dedupe=dedupe)
        assert [(r.scope.path, r.content) for r in written] == items
        if dedupe:
            assert len({r.id for r in written}) == len(set(items))
        self.model.update({record.id: record for record in written})

    @precondition(lambda self: self.model)
    @rule(data=st.data(), content=WORDS, scope=SCOPES, expected=st.sampled_from([None, 0, -1]))
    def update(self, data: Any, content: str, scope: str, expected: int | None) -> None:
        old = self.model[data.draw(st.sampled_from(sorted(self.model)))]
        version = None if expected is None else old.version + expected
        clash = old.key is not None and any(
            (r.scope, r.key) == (Scope.of(scope), old.key) and r.id != old.id
            for r in self.model.values()
        )
        try:
            new = self.memory.update(old.id, content=content, scope=scope, expected_version=version)
        except NotFoundError:
            assert old.id not in self._live()
        except ConflictError:
            assert clash or expected == -1
        else:
            assert not clash
            assert expected in {None, 0}
            changed = replace(
                old,
                content=content,
                scope=Scope.of(scope),
                version=old.version + 1,
                updated_at=new.updated_at,
            )
            assert new == changed
            self.model[new.id] = new

    @rule(data=st.data(), extra=st.booleans())
    def delete(self, data: Any, *, extra: bool) -> None:
        names = sorted(self.model)
        chosen: list[str] = (
            data.draw(st.lists(st.sampled_from(names), unique=True, max_size=2)) if names else []
        )
        live = self._live()
        assert self.memory.delete([*chosen, *(["nobody"] if extra else [])]) == sum(
            name in live for name in chosen
        )
        for name in chosen:
            if name in live:
                del self.model[name]

    @rule(scope=SCOPES, number=st.integers(0, 3))
    def delete_by_filter(self, scope: str, number: int) -> None:
        gone = [r for r in self._within(scope) if r.metadata.get("n") == number]
        assert self.memory.delete(scope=scope, filter={"n": number}) == len(gone)
        for record in gone:
            del self.model[record.id]

    @rule(seconds=st.sampled_from([1, 10, 100]))
    def wait(self, seconds: int) -> None:
        self.clock.micros += seconds * 1_000_000

    @rule()
    def sweep(self) -> None:
        live = self._live()
        assert self.memory.sweep() == len(self.model) - len(live)
        self.model = live

    @precondition(lambda self: self.where != ":memory:")
    @rule()
    def reopen(self) -> None:
        self.memory.close()
        self.memory = self._opened()

    @rule(dimension=st.sampled_from([8, 16, 24]), batch=st.integers(1, 3))
    def reindex(self, dimension: int, batch: int) -> None:
        self.embedder = HashingEmbedder(dimension)
        report = self.memory.reindex(self.embedder, batch=batch)
        assert (report.switched, report.given, report.other_texts) == (True, 0, 0)

    @rule(scope=SCOPES, order=st.sampled_from(["-created_at", "id", "content", "-updated_at"]))
    def list(self, scope: str, order: str) -> None:
        if order == "content":
            return
        name = order.removeprefix("-")
        expected = sorted(self._within(scope), key=lambda r: r.id)
        expected.sort(key=lambda r: getattr(r, name), reverse=order.startswith("-"))
        found = self.memory.scope(scope).list(order_by=order, limit=100)
        assert found == expected
        paged = [
            r
            for n in range(0, len(expected) + 2, 2)
            for r in self.memory.list(scope=scope, order_by=order, limit=2, offset=n)
        ]
        assert paged == expected

    @rule(scope=SCOPES, query=st.sampled_from(["tea", "train porto", "ÉTÉ"]))
    def search_words(self, scope: str, query: str) -> None:
        wanted = {word.lower().replace("É", "é") for word in query.lower().split()}
        expected = {r.id for r in self._within(scope) if wanted & set(r.content.lower().split())}
        hits = self.memory.search(query, scope=scope, mode="lexical", limit=100)
        assert {hit.id for hit in hits} == expected

    @rule(scope=SCOPES, query=WORDS.filter(bool), limit=st.integers(1, 5))
    def search_meaning(self, scope: str, query: str, limit: int) -> None:
        with_vector = {r.id for r in self._within(scope) if r.content.strip()}
        everything = self.memory.scope(scope).search(query, mode="dense", limit=100)
        assert {hit.id for hit in everything} == with_vector
        scores = [hit.score for hit in everything]
        assert scores == sorted(scores, reverse=True)
        paged = [
            hit.id
            for start in range(0, len(everything), limit)
            for hit in self.memory.search(
                query, scope=scope, mode="dense", limit=limit, offset=start
            )
        ]
        assert paged == [hit.id for hit in everything]

    @invariant()
    def everything_is_as_the_model_says(self) -> None:
        if not hasattr(self, "memory"):
            return
        live = self._live()
        names = list(self.model)
        assert self.memory.get_many(names) == [live.get(name) for name in names]
        assert self.memory.count() == len(live)
        counts: dict[str, int] = {}
        for record in live.values():
            counts[record.scope.path] = counts.get(record.scope.path, 0) + 1
        assert {info.scope.path: info.records for info in self.memory.scopes()} == counts

    @rule()
    def verify(self) -> None:
        assert self.memory.verify().problems == ()


class TestQuick(Machine.TestCase):
    settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@pytest.mark.nightly
class TestAtLength(Machine.TestCase):
    settings = settings(max_examples=2000, stateful_step_count=50, deadline=None)
