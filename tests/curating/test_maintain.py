"""`maintain`: what a policy chooses, and what a run does with it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.curating.checked import DAY, ids, lived, run, steps

from commonplace import HashingEmbedder, Memory, NotFoundError, OutsideViewError, Policy


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        (Policy(), []),
        (Policy(older_than=timedelta(days=5)), ["old", "used"]),
        (Policy(older_than=timedelta(hours=23)), ["new", "old", "used"]),
        (Policy(older_than=timedelta(days=30)), []),
        (Policy(idle_for=timedelta(days=5)), ["old"]),
        (Policy(idle_for=timedelta(hours=23)), ["new", "old", "used"]),
        (Policy(less_important_than=0.5), ["new", "old"]),
        (Policy(less_important_than=0.2), []),
        (Policy(less_important_than=1), ["new", "old", "used"]),
        (Policy(older_than=timedelta(days=5), less_important_than=0.5), ["old"]),
        (Policy(older_than=timedelta(days=5), idle_for=timedelta(days=5)), ["old"]),
        (Policy(idle_for=timedelta(hours=1), less_important_than=0.5, kinds=("message",)), ["new"]),
        (Policy(older_than=timedelta(hours=1), filter={"@tags": {"$contains": "x"}}), ["used"]),
        (Policy(at_most=1), ["old"]),
        (Policy(at_most=2), []),
        (Policy(at_most=0), ["new", "old", "used"]),
        (Policy(at_most=0, kinds=("message",)), ["new"]),
        (Policy(at_most=0, filter={"@importance": {"$gt": 0.5}}), ["used"]),
    ],
)
def test_what_is_chosen_is_put_aside_or_removed(
    clock: Any, policy: Policy, found: list[str]
) -> None:
    for action in ("archive", "delete") if len(found) == 1 else ("archive",):
        with Memory(":memory:", embedder=HashingEmbedder(16), clock=clock) as memory:
            lived(memory, clock)
            check_choice(memory, policy, found, action)
            assert memory.verify().problems == ()


def check_choice(timed: Memory, policy: Policy, found: list[str], action: Any) -> None:
    before = {name: timed.get(name) for name in found}
    chosen = Policy(
        **{name: getattr(policy, name) for name in Policy.__slots__} | {"action": action}
    )
    assert steps(run(timed, chosen)) == [(action, name) for name in found]
    kept = sorted({"old", "used", "new"} - set(found))
    assert ids(timed) == kept
    assert ids(timed, include_archived=True) == sorted(
        kept + found if action == "archive" else kept
    )
    for name in found:
        restored, was = timed.restore(name), before[name]
        assert was is not None
        assert (restored.content, restored.tags, restored.scope) == (
            was.content,
            was.tags,
            was.scope,
        )
    assert ids(timed) == ["new", "old", "used"]


def test_a_step_says_what_and_why_without_memory_text(timed: Memory, clock: Any) -> None:
    lived(timed, clock)
    timed.add("Used TEA", id="twin", scope="a", importance=0.7)
    timed.add("gone tea", id="gone", scope="c", ttl=1)
    clock.wait(DAY)
    policy = Policy(expired=True, idle_for=timedelta(days=5), duplicates=0.99, at_most=0)
    report = timed.maintain(policy, dry_run=True)
    told = {
        step.record_id: (step.action, step.version, step.scope, step.reason, step.into)
        for step in report.steps
    }
    assert told == {
        "gone": ("expire", 1, "c", "its expiry has passed", None),
        "old": ("archive", 1, "a", "older, idler or less important than the policy keeps", None),
        "twin": ("merge", 1, "a", "its text repeats that of used", "used"),
        "new": ("archive", 1, "b", "its scope holds more than 0", None),
    }
    assert report.counts == {"expire": 1, "archive": 2, "merge": 1}
    assert "tea" not in str(report.to_dict()).lower()


@pytest.mark.parametrize("action", ["archive", "delete"])
def test_the_least_important_go_first_and_of_those_the_least_recent(
    timed: Memory, action: Any
) -> None:
    for number, importance in enumerate([0.5, 0.1, 0.5, 0.9, 0.5]):
        timed.add(f"{number}", id=f"{number}", scope="a", importance=importance)
        timed.add(f"{number}", id=f"below {number}", scope=f"a/{number}")
    timed.update("0", tags=["x"])
    run(timed, Policy(at_most=3, action=action))
    assert ids(timed, scope="a", recursive=False) == ["0", "3", "4"]
    assert timed.count(scope="a") == 8


def test_archived_records_do_not_count_unless_they_are_to_be_deleted(timed: Memory) -> None:
    timed.add_many([{"id": "1", "importance": 0.9}, {"id": "2"}, {"id": "3"}])
    timed.archive("1")
    assert steps(timed.maintain(Policy(at_most=2), dry_run=True)) == []
    assert steps(run(timed, Policy(at_most=2, action="delete"))) == [("delete", "2")]
    assert steps(run(timed, Policy(less_important_than=1))) == [("archive", "3")]
    assert ids(timed, include_archived=True) == ["1", "3"]


def test_what_one_rule_takes_does_not_count_for_the_cap(timed: Memory) -> None:
    for number, importance in enumerate([0.1, 0.2, 0.6, 0.7]):
        timed.add(f"text {number}", id=f"{number}", importance=importance)
    assert steps(run(timed, Policy(at_most=2, less_important_than=0.3))) == [
        ("archive", "0"),
        ("archive", "1"),
    ]


def test_expired_records_go_with_their_history_and_nothing_else_does(
    timed: Memory, clock: Any
) -> None:
    timed.add("tea", id="1", scope="a", ttl=5)
    timed.update("1", content="coffee")
    timed.add("tea", id="2", ttl=5_000)
    timed.add("tea", id="3")
    clock.wait(10)
    assert steps(timed.maintain(Policy(at_most=9), dry_run=True)) == []
    assert steps(run(timed, Policy(expired=True, kinds=("message",)))) == [("expire", "1")]
    assert timed.history("1") == []
    with pytest.raises(NotFoundError):
        timed.restore("1")
    assert ids(timed) == ["2", "3"]


def test_old_history_is_forgotten_and_the_present_stays(timed: Memory, clock: Any) -> None:
    for number in range(4):
        timed.add(f"{number}", id="1", scope="a")
        clock.wait(DAY)
    timed.add("tea", id="gone", scope="a")
    timed.delete("gone")
    clock.wait(DAY)
    assert run(timed, Policy(history_older_than=timedelta(days=2.5))).states == 2
    assert [state.record.content for state in timed.history("1")] == ["2", "3"]
    assert run(timed.scope("b"), Policy(history_older_than=timedelta(hours=1))).states == 0
    assert run(timed, Policy(history_older_than=timedelta(hours=1))).states == 2
    assert [state.record.content for state in timed.history("1")] == ["3"]
    assert timed.history("gone") == []


def test_the_history_of_what_expires_is_not_counted_twice(timed: Memory, clock: Any) -> None:
    timed.add("tea", id="1", ttl=5 * DAY)
    timed.update("1", content="coffee")
    clock.wait(9 * DAY)
    report = run(timed, Policy(expired=True, history_older_than=timedelta(days=1)))
    assert (steps(report), report.states) == ([("expire", "1")], 1)


def test_views_limit_a_run(timed: Memory, clock: Any) -> None:
    lived(timed, clock)
    timed.add("tea", id="ab", scope="ab")
    policy = Policy(at_most=0, action="delete")
    assert steps(run(timed.scope("nowhere"), policy)) == []
    assert steps(run(timed.view(read=["a", "b"], write="b"), policy)) == [("delete", "new")]
    assert steps(run(timed.scope("a"), policy)) == [("delete", "old"), ("delete", "used")]
    with pytest.raises(OutsideViewError):
        timed.view(read=["ab"]).maintain(policy)
    assert ids(timed) == ["ab"]


def test_nothing_runs_by_itself(path: Any, clock: Any) -> None:
    for _ in range(2):
        with Memory(path, clock=clock) as memory:
            memory.add("tea", id="1", ttl=DAY, importance=0.0)
            memory.add("tea", id="2", importance=0.0)
            clock.wait(9_999 * DAY)
            assert memory.search("tea")[0].id == "2"
            memory.flush()
            assert memory.stats().records == 1
            assert [len(memory.history(name)) for name in ("1", "2")][1] >= 1
