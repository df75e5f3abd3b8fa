"""What `merge` and `sync` promise, of memories that went any way."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from commonplace import (
    ConflictError,
    HashingEmbedder,
    Memory,
    NotFoundError,
)
from commonplace.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Generator

NAMES = st.sampled_from(["1", "2", "3", "4"])
SCOPES = st.sampled_from(["a", "a/b", "c"])
TEXTS = st.sampled_from(["green tea", "Black tea", ""])
KEYS = st.sampled_from([None, None, "k", "l"])
TAGS = st.sampled_from([[], ["x"], ["y", "x"]])
STEPS = st.one_of(
    st.tuples(st.just("add"), NAMES, SCOPES, TEXTS, KEYS, TAGS),
    st.tuples(st.just("update"), NAMES, SCOPES, TEXTS, KEYS, TAGS),
    st.tuples(st.just("delete"), NAMES),
    st.tuples(st.just("archive"), NAMES),
    st.tuples(st.just("restore"), NAMES),
    st.tuples(st.just("supersede"), NAMES, NAMES),
    st.tuples(st.just("link"), NAMES, NAMES),
    st.tuples(st.just("unlink"), NAMES, NAMES),
)
LIVES = st.lists(STEPS, max_size=14)
STRATEGIES = st.sampled_from(["newest", "source", "target", "both"])


def live(memory: Memory, steps: list[tuple[Any, ...]]) -> None:
    for verb, name, *rest in steps:
        with suppress(ConflictError, NotFoundError, ValueError):
            if verb in {"add", "update"}:
                scope, text, key, tags = rest
                fields = {"content": text, "scope": scope, "key": key, "tags": tags}
                if verb == "add":
                    memory.add(id=name, **fields)
                else:
                    memory.update(name, **fields)
            else:
                getattr(memory, verb)(name, *rest)


@contextmanager
def two() -> Generator[tuple[Memory, Memory]]:
    clock, embedder = FakeClock(), HashingEmbedder(8)
    with (
        Memory(":memory:", embedder=embedder, clock=clock) as one,
        Memory(":memory:", embedder=embedder, clock=clock) as other,
    ):
        yield one, other
        assert one.verify().problems == other.verify().problems == ()


def links(memory: Memory) -> set[tuple[str, str, str, str | None]]:
    found = memory.links(["1", "2", "3", "4"], limit=1000)
    return {(link.source_id, link.target_id, link.type, link.reason) for link in found}


def state(memory: Memory) -> list[Any]:
    records = memory.list(order_by="id", include_closed=True, include_archived=True)
    return [*records, links(memory)]


def follow(before: list[Any], parts: list[list[Any]]) -> None:
    with two() as (copy, source):
        live(source, before)
        for part in parts:
            copy.sync(source)
            assert copy.diff(source).empty
            assert links(copy) == links(source)
            for record in copy.list(order_by="id"):
                for mode in ("dense", "lexical"):
                    ours, theirs = (
                        memory.search(record.content or "tea", mode=mode)
                        for memory in (copy, source)
                    )
                    assert {hit.id for hit in ours} == {hit.id for hit in theirs}
            told = copy.sync(source, dry_run=True)
            assert (told.written, told.deleted) == (0, 0)
            live(source, part)


def merged(ours: list[Any], theirs: list[Any], strategy: Any) -> None:
    with two() as (target, source):
        live(target, ours)
        live(source, theirs)
        before, other = state(target), state(source)
        told = target.merge(source, strategy=strategy, dry_run=True)
        assert state(target) == before
        try:
            done = target.merge(source, strategy=strategy)
        except ConflictError:
            assert state(target) == before
            return
        assert done.to_dict() | {"links": 0, "dry_run": True} == told.to_dict()
        assert state(source) == other
        after = state(target)
        again = target.merge(source, strategy=strategy)
        assert (again.added, again.updated, again.doubled, again.links) == (0, 0, 0, 0)
        assert state(target) == after
        if strategy == "target":
            assert all(record in after for record in before[:-1])


@settings(max_examples=10, deadline=None)
@given(LIVES, st.lists(LIVES, min_size=1, max_size=3))
def test_a_copy_that_is_kept_is_equal(before: list[Any], parts: list[list[Any]]) -> None:
    follow(before, parts)


@settings(max_examples=12, deadline=None)
@given(LIVES, LIVES, STRATEGIES)
def test_a_merge_does_what_was_told_and_once(
    ours: list[Any], theirs: list[Any], strategy: str
) -> None:
    merged(ours, theirs, strategy)


@settings(max_examples=10, deadline=None)
@given(LIVES, STRATEGIES)
def test_a_merge_into_an_empty_memory_makes_an_equal_one(theirs: list[Any], strategy: Any) -> None:
    with two() as (target, source):
        live(source, theirs)
        target.merge(source, strategy=strategy)
        assert target.diff(source).empty
        assert target.diff(source, by="content").empty
        assert links(target) == links(source)


@pytest.mark.nightly
@settings(max_examples=1_000, deadline=None)
@given(LIVES, st.lists(LIVES, min_size=1, max_size=5), STRATEGIES)
def test_both_at_length(ours: list[Any], parts: list[list[Any]], strategy: str) -> None:
    follow(ours, parts)
    merged(ours, parts[0], strategy)
