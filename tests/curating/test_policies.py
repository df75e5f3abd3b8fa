"""`maintain`: policies that make no sense, and what others do between a plan and its run."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from tests.curating.checked import DAY, ids, lived, run, steps

from commonplace import InvalidInputError, Memory, Policy
from commonplace.maintenance.planning import plan

if TYPE_CHECKING:
    from collections.abc import Sequence


WRONG: list[dict[str, Any]] = [
    {"action": "burn"},
    {"action": None},
    {"at_most": -1},
    {"at_most": 1.5},
    {"at_most": True},
    {"less_important_than": 1.1},
    {"less_important_than": float("nan")},
    {"less_important_than": "0.5"},
    {"duplicates": 0.49},
    {"duplicates": 1.01},
    {"duplicates": True},
    {"older_than": 5},
    {"older_than": timedelta(0)},
    {"idle_for": timedelta(seconds=-1)},
    {"history_older_than": "1d"},
    {"kinds": ("Fact",)},
    {"kinds": 5},
    {"filter": {"x": {"$near": 1}}},
    {"filter": 5},
    {"expired": "no"},
    {"expired": 1},
]


def test_policies_that_make_no_sense_are_refused(timed: Memory) -> None:
    timed.add("tea", id="1", importance=0.0)
    for wrong in WRONG:
        fields: dict[str, Any] = {"less_important_than": 0.5, **wrong}
        for dry_run in (True, False):
            with pytest.raises(InvalidInputError):
                timed.maintain(Policy(**fields), dry_run=dry_run)
    assert ids(timed) == ["1"]


@pytest.mark.parametrize("policy", [None, {}, {"at_most": 1}, Policy])
def test_only_a_policy_is_a_policy(timed: Memory, policy: Any) -> None:
    with pytest.raises(InvalidInputError):
        timed.maintain(policy)
    with pytest.raises(InvalidInputError):
        timed.maintain(Policy(), dry_run=1)  # pyright: ignore[reportArgumentType] - wrong on purpose


@pytest.mark.parametrize("kinds", ["message", ["message"], ("message",)])
def test_kinds_are_given_as_everywhere(timed: Memory, clock: Any, kinds: Sequence[str]) -> None:
    lived(timed, clock)
    policy: Any = Policy(older_than=timedelta(hours=1), kinds=kinds)  # pyright: ignore[reportArgumentType] - as callers do
    assert steps(run(timed, policy)) == [("archive", "new")]


@pytest.mark.parametrize("field", ["older_than", "idle_for", "history_older_than"])
def test_a_span_longer_than_time_finds_nothing(timed: Memory, field: str) -> None:
    timed.add("tea", id="1")
    timed.update("1", content="coffee")
    span: dict[str, Any] = {field: timedelta.max}
    assert steps(run(timed, Policy(**span))) == []


def test_what_changed_since_it_was_planned_is_left_alone(
    path: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Memory(path, clock=clock) as memory, Memory(path, clock=clock) as other:
        memory.add_many(
            [{"id": f"{n}", "content": f"tea {n % 5}", "importance": 0.1} for n in range(6)]
        )

        def planned(*args: Any) -> Any:
            steps = plan(*args)
            if not other.history("1")[1:]:
                other.update("1", importance=0.9)
                other.delete(["2", "0"])
            return steps

        module = import_module("commonplace.maintenance.maintain")
        monkeypatch.setattr(module, "plan", planned)  # plans as ever; others write before it acts
        report = memory.maintain(Policy(less_important_than=0.5, filter={"@id": {"$lt": "4"}}))
        assert (steps(report), report.skipped) == ([("archive", "3")], 3)
        assert ids(memory) == ["1", "4", "5"]


def test_what_expires_between_the_plan_and_the_run_takes_nothing_in(
    path: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Memory(path, clock=clock) as memory:
        memory.add("tea", id="1", importance=0.9, ttl=DAY)
        memory.add("tea", id="2", importance=0.5, ttl=2 * DAY)

        def planned(*args: Any) -> Any:
            steps = plan(*args)
            clock.wait(DAY)
            return steps

        monkeypatch.setattr(import_module("commonplace.maintenance.maintain"), "plan", planned)
        report = memory.maintain(Policy(duplicates=1, expired=True))
        assert (report.steps, report.skipped) == ((), 1)
        assert ids(memory) == ["2"]
