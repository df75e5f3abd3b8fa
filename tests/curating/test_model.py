"""A dry run of `maintain` says what the run does, whatever the policy and the records are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from commonplace import HashingEmbedder, Memory, Policy, Record
from commonplace.testing import FakeClock

DAY = timedelta(days=1)
SPANS = st.none() | st.sampled_from([DAY, 3 * DAY, 6 * DAY])
RECORDS = st.fixed_dictionaries(
    {
        "content": st.sampled_from(["green tea", "Green  TEA", "a train", ""]),
        "scope": st.sampled_from(["a", "a/b", "c"]),
        "kind": st.sampled_from(["fact", "note"]),
        "importance": st.sampled_from([0.1, 0.5, 0.9]),
        "tags": st.sampled_from([[], ["x"], ["y"]]),
        "expires_at": st.none() | st.sampled_from([2.5 * DAY, 50 * DAY]),
        "valid_to": st.none() | st.sampled_from([2.5 * DAY, 50 * DAY]),
    }
)
CHANGES = st.lists(st.tuples(st.sampled_from(["archive", "update"]), st.integers(0, 9)), max_size=4)
POLICIES = st.builds(
    Policy,
    older_than=SPANS,
    idle_for=SPANS,
    less_important_than=st.none() | st.sampled_from([0.2, 0.6]),
    at_most=st.none() | st.integers(0, 3),
    duplicates=st.none() | st.sampled_from([0.8, 1.0]),
    expired=st.booleans(),
    history_older_than=SPANS,
    kinds=st.sampled_from([(), ("note",)]),
    filter=st.sampled_from([None, {"@scope": {"$ne": "c"}}]),
    action=st.sampled_from(["archive", "delete"]),
)


def everything(memory: Memory) -> dict[str, Record]:
    found = memory.list(include_closed=True, include_archived=True)
    return {record.id: record for record in found}


def states(memory: Memory, count: int) -> list[Any]:
    return [memory.history(f"{number}") for number in range(count)]


def live(given: list[dict[str, Any]], changes: list[Any], policy: Policy) -> None:
    clock = FakeClock()
    with Memory(":memory:", embedder=HashingEmbedder(8), clock=clock) as memory:
        start = clock.moment()
        for number, fields in enumerate(given):
            times = {
                name: fields[name] and start + fields[name] for name in ("expires_at", "valid_to")
            }
            memory.add(id=f"{number}", **{**fields, **times})
            clock.micros += DAY // timedelta(microseconds=1)
        for verb, number in changes:
            if memory.get(f"{number}") is not None:
                getattr(memory, verb)(f"{number}", **({"value": 1} if verb == "update" else {}))
        before, past = everything(memory), states(memory, len(given))
        told = memory.maintain(policy, dry_run=True)
        assert (everything(memory), states(memory, len(given))) == (before, past)
        done = memory.maintain(policy)
        assert (done.steps, done.states, done.skipped) == (told.steps, told.states, 0)
        check(before, everything(memory), policy, done)
        if policy.duplicates is None or (policy.at_most is None and policy.filter is None):
            again = memory.maintain(policy)
            assert (again.steps, again.states) == ((), 0)
        assert memory.verify().problems == ()


def check(before: dict[str, Record], after: dict[str, Record], policy: Policy, done: Any) -> None:
    """What the report says is what happened, and nothing else did."""
    steps = {step.record_id: step for step in done.steps}
    assert len(steps) == len(done.steps)
    stay = {step.into for step in done.steps}
    for name, record in before.items():
        step = steps.get(name)
        if step is None:
            assert name in stay or after[name] == record
        elif step.action == "archive":
            assert record.archived_at is None
            assert after[name].archived_at is not None
        else:
            assert name not in after
        if step is not None:
            assert (step.version, step.scope) == (record.version, record.scope.path)
            assert not policy.kinds or record.kind in policy.kinds
    for step in done.steps:
        if step.into is not None:
            taken, stays = before[step.record_id], after[step.into]
            assert (taken.scope, taken.kind) == (stays.scope, stays.kind)
            assert set(taken.tags) <= set(stays.tags)
            assert taken.importance <= before[step.into].importance
    assert set(after) <= set(before)


@settings(max_examples=30, deadline=None)
@given(st.lists(RECORDS, max_size=9), CHANGES, POLICIES)
def test_a_run_does_what_the_dry_run_said(
    records: list[dict[str, Any]], changes: list[Any], policy: Policy
) -> None:
    live(records, changes, policy)


@pytest.mark.nightly
@settings(max_examples=2_000, deadline=None)
@given(st.lists(RECORDS, max_size=15), CHANGES, POLICIES)
def test_runs_at_length(records: list[dict[str, Any]], changes: list[Any], policy: Policy) -> None:
    live(records, changes, policy)
