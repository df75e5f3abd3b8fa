"""Links, unlinks, deletions and time in any order, against a dict."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from commonplace import HashingEmbedder, Memory, NotFoundError
from commonplace.testing import FakeClock

NAMES = st.sampled_from("abcd")
PAIRS = st.sampled_from([(a, b) for a in "abcd" for b in "abcd" if a != b])
TYPES = st.sampled_from(["x", "y"])
WEIGHTS = st.sampled_from([0.1, 0.5, 1.0])
REASONS = st.sampled_from([None, "because"])
SCOPES = st.sampled_from(["left", "left/deep", "right"])
VIEWS = st.sampled_from(["", "left", "right"])
Key = tuple[str, str, str]


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.scope_of: dict[str, str] = {}
        self.ends_at: dict[str, int] = {}
        self.links: dict[Key, tuple[float, str | None]] = {}

    @initialize()
    def open(self) -> None:
        self.memory = Memory(":memory:", embedder=HashingEmbedder(8), clock=self.clock)

    def teardown(self) -> None:
        if hasattr(self, "memory"):
            self.memory.close()

    def _seen(self, view: str) -> set[str]:
        return {
            name
            for name, scope in self.scope_of.items()
            if (not view or scope.split("/")[0] == view)
            and self.ends_at.get(name, self.clock.micros + 1) > self.clock.micros
        }

    def _view(self, name: str) -> Memory:
        return self.memory.scope(name)

    def _forget(self, name: str) -> None:
        self.scope_of.pop(name, None)
        self.ends_at.pop(name, None)
        self.links = {key: link for key, link in self.links.items() if name not in (key[0], key[2])}

    @rule(name=NAMES, scope=SCOPES, ttl=st.sampled_from([None, None, 5]))
    def add(self, name: str, scope: str, ttl: int | None) -> None:
        if name in self._seen(""):
            return
        self._forget(name)
        self.memory.add(f"text {name}", id=name, scope=scope, ttl=ttl, embed=False)
        self.scope_of[name] = scope
        if ttl:
            record = self.memory.get(name)
            assert record is not None
            assert record.expires_at is not None
            self.ends_at[name] = round(record.expires_at.timestamp() * 1_000_000)

    @rule(name=NAMES, scope=SCOPES)
    def move(self, name: str, scope: str) -> None:
        if name in self._seen(""):
            self.memory.update(name, scope=scope)
            self.scope_of[name] = scope

    @rule(view=VIEWS, ends=PAIRS, kind=TYPES, weight=WEIGHTS, reason=REASONS)
    def link(
        self, view: str, ends: tuple[str, str], kind: str, weight: float, reason: str | None
    ) -> None:
        source, target = ends
        try:
            self._view(view).link(source, target, kind, weight=weight, reason=reason)
        except NotFoundError:
            assert not {source, target} <= self._seen(view)
        else:
            assert {source, target} <= self._seen(view)
            self.links[source, kind, target] = (weight, reason)

    @rule(view=VIEWS, ends=PAIRS, kind=st.sampled_from([None, "x", "y"]))
    def unlink(self, view: str, ends: tuple[str, str], kind: str | None) -> None:
        source, target = ends
        gone = [
            key
            for key in self.links
            if (key[0], key[2]) == (source, target)
            and kind in {None, key[1]}
            and {source, target} <= self._seen(view)
        ]
        assert self._view(view).unlink(source, target, kind) == len(gone)
        for key in gone:
            del self.links[key]

    @rule(view=VIEWS, name=NAMES)
    def delete(self, view: str, name: str) -> None:
        seen = name in self._seen(view)
        assert self._view(view).delete(name) == seen
        if seen:
            self._forget(name)

    @rule(seconds=st.sampled_from([1, 10]))
    def wait(self, seconds: int) -> None:
        self.clock.micros += seconds * 1_000_000

    @rule()
    def sweep(self) -> None:
        self.memory.sweep()
        for name in set(self.scope_of) - self._seen(""):
            self._forget(name)

    @rule(
        view=VIEWS,
        names=st.lists(NAMES, max_size=3),
        direction=st.sampled_from(["both", "out", "in"]),
        types=st.sampled_from([None, "x", ["x", "y"]]),
    )
    def list_links(self, view: str, names: list[str], direction: Any, types: Any) -> None:
        found = self._view(view).links(names, direction=direction, type=types)
        assert {self._key(link): (link.weight, link.reason) for link in found} == {
            key: link
            for key, link in self.links.items()
            if {key[0], key[2]} <= self._seen(view)
            and (types is None or key[1] in types)
            and (
                (key[0] in names and direction in {"both", "out"})
                or (key[2] in names and direction in {"both", "in"})
            )
        }
        assert len(found) == len({self._key(link) for link in found})
        assert [link.weight for link in found] == sorted((x.weight for x in found), reverse=True)

    @staticmethod
    def _key(link: Any) -> Key:
        return link.source_id, link.type, link.target_id

    @invariant()
    def nothing_is_loose(self) -> None:
        if hasattr(self, "memory"):
            assert self.memory.verify().problems == ()


class TestQuick(Machine.TestCase):
    settings = settings(max_examples=25, stateful_step_count=30, deadline=None)


@pytest.mark.nightly
class TestAtLength(Machine.TestCase):
    settings = settings(max_examples=1000, stateful_step_count=50, deadline=None)
