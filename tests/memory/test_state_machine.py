"""Every verb, in any order, against a memory in plain Python; all results are compared."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from datetime import datetime, timedelta
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import hypothesis.strategies as st
import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from commonplace import CommonplaceError, HashingEmbedder, Memory
from commonplace.testing import FakeClock, ReferenceMemory

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.figures import Figures

    from commonplace import Hits

SCOPES = st.sampled_from(["", "a", "a/b", "a/b/c", "ab", "a-b", "A", "%", "a_b", "ü", "ü"])
WORDS = st.sampled_from(["tea", "coffee", "green tea", "a train to Porto", "", "été", "x\0y"])
QUERIES = st.sampled_from(["tea", "train porto", "ÉTÉ", '"green tea" now', "nothing"])
KEYS = st.sampled_from([None, None, "k", "K", "k/1", ""])
TTLS = st.sampled_from([None, None, None, 5.0, 50.0])
NAMES = st.sampled_from([*"123456", None, None])
KNOWN = st.sampled_from([*"123456", "nobody"])
FIELDS = st.fixed_dictionaries(
    {"scope": SCOPES, "key": KEYS, "ttl": TTLS, "id": NAMES},
    optional={
        "metadata": st.dictionaries(st.sampled_from("nm"), st.integers(0, 3), max_size=2),
        "kind": st.sampled_from(["fact", "note"]),
        "tags": st.lists(st.sampled_from("xy"), unique=True),
        "value": st.sampled_from([None, 2**70, {"deep": [1.5, None, True]}, "text", ""]),
        "importance": st.sampled_from([0, 0.5, 1]),
        "embed": st.sampled_from([True, False, ["other words"]]),
        "valid_to": st.sampled_from([10, 1_000]),
    },
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "content": WORDS,
        "scope": SCOPES,
        "key": KEYS,
        "metadata": st.dictionaries(st.just("n"), st.integers(0, 3), max_size=1),
        "kind": st.sampled_from(["fact", "note"]),
        "embed": st.booleans(),
    },
)
SELECTED = st.fixed_dictionaries(
    {},
    optional={
        "scope": SCOPES,
        "recursive": st.booleans(),
        "filter": st.sampled_from(
            [{"n": 1}, {"n": {"$gt": 0}}, {"$not": {"m": 2}}, {"@kind": "note"}]
        ),
        "kinds": st.just("note"),
        "tags": st.sampled_from(["x", ["x", "y"]]),
        "include_closed": st.booleans(),
        "include_archived": st.booleans(),
    },
)
ORDERS = st.sampled_from(
    ["-created_at", "id", "-updated_at", "key", "-key", ["scope", "-version"], "expires_at", "-id"]
)
STEPS: Counter[str] = Counter()


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock(step=0)
        self.directory = Path(tempfile.mkdtemp())
        self.where: str | Path = ":memory:"
        self.embedder = HashingEmbedder(16)

    @initialize(on_disk=st.sampled_from([False, False, True]))
    def open(self, *, on_disk: bool) -> None:
        self.where = self.directory / "memory" if on_disk else ":memory:"
        self.memory = self._opened()
        self.reference = ReferenceMemory(self.embedder, clock=self.clock)

    def _opened(self) -> Memory:
        return Memory(self.where, embedder=self.embedder, clock=self.clock, index="exact")

    def teardown(self) -> None:
        if hasattr(self, "memory"):
            self.memory.close()
        shutil.rmtree(self.directory)

    def _both(self, verb: str, *args: Any, **options: Any) -> Any:
        """Do it with both; what it gave. Results, or the types of errors, must be equal."""
        STEPS[verb] += 1
        self.clock.wait(1e-6)
        found = outcome(lambda: getattr(self.memory, verb)(*args, **options))
        fresh = chain(ids_of(found), map("unused {}".format, count()))  # none are left if it failed
        self.reference.ids = lambda: next(fresh)
        expected = outcome(lambda: getattr(self.reference, verb)(*args, **options))
        assert found == expected, verb
        return found

    def _dated(self, fields: dict[str, Any]) -> dict[str, Any]:
        if "valid_to" not in fields:
            return fields
        return {**fields, "valid_to": self.clock.moment() + timedelta(seconds=fields["valid_to"])}

    @rule(content=WORDS, fields=FIELDS, dedupe=st.booleans())
    def put(self, content: str, fields: dict[str, Any], *, dedupe: bool) -> None:
        self._both("add", content, dedupe=dedupe, **self._dated(fields))

    @rule(content=WORDS, fields=FIELDS, if_exists=st.sampled_from(["error", "keep"]))
    def insert(self, content: str, fields: dict[str, Any], if_exists: str) -> None:
        self._both("add", content, if_exists=if_exists, **self._dated(fields))

    @rule(given=st.lists(st.tuples(WORDS, FIELDS), max_size=4), dedupe=st.booleans())
    def add_many(self, given: list[tuple[str, dict[str, Any]]], *, dedupe: bool) -> None:
        records = [{"content": content, **self._dated(fields)} for content, fields in given]
        self._both("add_many", records, dedupe=dedupe)

    @rule(given=st.lists(st.tuples(WORDS, FIELDS), max_size=4))
    def put_many(self, given: list[tuple[str, dict[str, Any]]]) -> None:
        self._both("put_many", [{"content": text, **self._dated(more)} for text, more in given])

    @rule(name=KNOWN, changes=CHANGES, expected=st.sampled_from([None, None, 1, 2]))
    def update(self, name: str, changes: dict[str, Any], expected: int | None) -> None:
        self._both("update", name, expected_version=expected, **changes)

    @rule(names=st.lists(KNOWN, max_size=3))
    def delete(self, names: list[str]) -> None:
        self._both("delete", names)

    @rule(scope=SCOPES, number=st.integers(0, 3))
    def delete_by_filter(self, scope: str, number: int) -> None:
        self._both("delete", scope=scope, filter={"n": number})

    @rule(names=st.lists(KNOWN, max_size=2))
    def archive(self, names: list[str]) -> None:
        self._both("archive", names)

    @rule(name=KNOWN, version=st.none() | st.integers(1, 4))
    def restore(self, name: str, version: int | None) -> None:
        self._both("restore", name, version)

    @rule(name=st.none() | KNOWN, scope=SCOPES, dry_run=st.booleans())
    def purge(self, name: str | None, scope: str, *, dry_run: bool) -> None:
        self._both("purge", name, scope=scope, dry_run=dry_run)

    @rule(seconds=st.sampled_from([1, 10, 100]))
    def expire(self, seconds: int) -> None:
        self.clock.wait(seconds)

    @rule()
    def sweep(self) -> None:
        self._both("sweep")

    @rule(name=KNOWN, scope=SCOPES, key=KEYS.filter(bool))
    def get(self, name: str, scope: str, key: str) -> None:
        self._both("get", name)
        self._both("get", key=key, scope=scope)

    @rule(selected=SELECTED, order_by=ORDERS, limit=st.integers(0, 4))
    def list(self, selected: dict[str, Any], order_by: Any, limit: int) -> None:
        everything = self._both("list", order_by=order_by, **selected)
        page = self._both("list", order_by=order_by, limit=limit, offset=1, **selected)
        assert page == everything[1 : 1 + limit]

    @rule(selected=SELECTED)
    def count(self, selected: dict[str, Any]) -> None:
        self._both("count", **selected)

    @rule(scope=SCOPES)
    def scopes(self, scope: str) -> None:
        self._both("scopes")
        self._both("scopes", scope=scope)

    @rule(name=KNOWN)
    def history(self, name: str) -> None:
        self._both("history", name)

    @rule(selected=SELECTED, query=QUERIES)
    def search_words(self, selected: dict[str, Any], query: str) -> None:
        STEPS["search"] += 1
        found = self.memory.search(query, mode="lexical", limit=100, **selected)
        expected = self.reference.search(query, mode="lexical", limit=100, **selected)
        assert records_of(found) == records_of(expected)
        check_order(found)

    @rule(selected=SELECTED, query=QUERIES, limit=st.integers(1, 5))
    def search_meaning(self, selected: dict[str, Any], query: str, limit: int) -> None:
        STEPS["search"] += 1
        found = self.memory.search(query, mode="dense", limit=100, **selected)
        expected = self.reference.search(query, mode="dense", limit=100, **selected)
        assert records_of(found) == records_of(expected)
        scores = {hit.id: hit.score for hit in expected}
        assert {hit.id: hit.score for hit in found} == pytest.approx(scores, abs=1e-6)
        check_order(found)
        page = self.memory.search(query, mode="dense", limit=limit, offset=limit, **selected)
        assert page == found[limit : 2 * limit]

    @rule(selected=SELECTED, query=QUERIES)
    def search_both(self, selected: dict[str, Any], query: str) -> None:
        STEPS["search"] += 1
        found = self.memory.search(query, limit=100, **selected)
        lanes = [
            self.reference.search(query, mode=mode, limit=100, **selected)
            for mode in ("dense", "lexical")
        ]
        assert records_of(found) == records_of(lanes[0]) | records_of(lanes[1])
        check_order(found)

    @rule(what=st.sampled_from(["reopen", "repair", "verify"]))
    def care(self, what: str) -> None:
        STEPS[what] += 1
        if what == "repair":
            assert self.memory.repair().mended == ()
        elif what == "verify":
            assert self.memory.verify().problems == ()
        elif self.where != ":memory:":
            self.memory.close()
            self.memory = self._opened()

    @rule(dimension=st.sampled_from([8, 16, 24]), batch=st.integers(1, 3))
    def reindex(self, dimension: int, batch: int) -> None:
        STEPS["reindex"] += 1
        self.embedder = HashingEmbedder(dimension)
        self.memory.reindex(self.embedder, batch=batch)
        self.reference.reindex(self.embedder)

    @invariant()
    def everything_is_as_the_reference_says(self) -> None:
        if not hasattr(self, "memory"):
            return
        whole: dict[str, Any] = {"include_closed": True, "include_archived": True}
        assert self.memory.list(limit=1_000, **whole) == self.reference.list(limit=1_000, **whole)
        assert self.memory.count(**whole) == self.reference.count(**whole)


def outcome(verb: Callable[[], Any]) -> Any:
    """What a verb gives, or the type of the error that it raises."""
    try:
        return verb()
    except CommonplaceError as error:
        return type(error)


def ids_of(found: Any) -> list[str]:
    """The ids that records were given, in order."""
    if isinstance(found, list):
        return [getattr(one, "id", "") for one in cast("list[Any]", found)]
    return [getattr(found, "id", "")]


def records_of(hits: Hits) -> set[tuple[str, datetime, int]]:
    return {(hit.id, hit.record.updated_at, hit.record.version) for hit in hits}


def check_order(hits: Hits) -> None:
    """Best first; equal scores newest first, then by id."""
    by_id = sorted(hits, key=lambda hit: hit.id)
    newest = sorted(by_id, key=lambda hit: hit.record.created_at, reverse=True)
    assert list(hits) == sorted(newest, key=lambda hit: hit.score, reverse=True)


def counted(runs: int, steps: int, phases: tuple[Phase, ...] = tuple(Phase)) -> Counter[str]:
    """Run the machine; how often each verb was compared."""
    STEPS.clear()
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=runs, stateful_step_count=steps, deadline=None, phases=phases
        ),
    )
    return STEPS


def test_every_verb_gives_what_the_reference_gives(figures: Figures) -> None:
    verbs = counted(25, 30)
    figures(10, runs=25, steps=verbs.total(), verbs=len(verbs), differences=0)


@pytest.mark.nightly
@pytest.mark.timeout(1_800)
def test_every_verb_gives_what_the_reference_gives_at_length(figures: Figures) -> None:
    verbs = counted(60, 200, (Phase.generate,))  # shrinking would take longer than all of it
    figures(10, runs=60, steps=verbs.total(), verbs=len(verbs), differences=0)
