"""`maintain`: what a policy chooses, and what a run does with it."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from commonplace import InvalidInputError, Memory, NotFoundError, OutsideViewError, Policy
from commonplace.maintenance.planning import plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonplace import MaintenanceReport

DAY = 86_400.0


def steps(report: MaintenanceReport) -> list[tuple[str, str]]:
    return sorted((step.action, step.record_id) for step in report.steps)


def everything(memory: Memory) -> list[Any]:
    found = memory.list(order_by="id", include_closed=True, include_archived=True)
    return [(one, memory.history(one.id), memory.links(one.id)) for one in found]


def run(memory: Memory, policy: Policy) -> MaintenanceReport:
    """A run that does what the dry run said, after which a second one has nothing to do."""
    before, head = everything(memory), memory._store.head()  # pyright: ignore[reportPrivateUsage] - the end of the journal
    told = memory.maintain(policy, dry_run=True)
    assert told.dry_run
    assert (everything(memory), memory._store.head()) == (before, head)  # pyright: ignore[reportPrivateUsage] - as above
    done = memory.maintain(policy)
    assert not done.dry_run
    assert (done.steps, done.states, done.skipped) == (told.steps, told.states, 0)
    again = memory.maintain(policy)
    assert (again.steps, again.states) == ((), 0)
    return done


def ids(memory: Memory, **which: Any) -> list[str]:
    return [one.id for one in memory.list(order_by="id", **which)]


def lived(memory: Memory, clock: Any) -> None:
    """Records of three ages: `old` never touched again, `used` written lately, `new`."""
    memory.add("old tea", id="old", scope="a", importance=0.2)
    memory.add("used tea", id="used", scope="a", importance=0.8)
    clock.wait(10 * DAY)
    memory.update("used", tags=["x"])
    memory.add("new tea", id="new", scope="b", kind="message", importance=0.2)
    clock.wait(DAY)


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
@pytest.mark.parametrize("action", ["archive", "delete"])
def test_what_is_chosen_is_put_aside_or_removed(
    timed: Memory, clock: Any, policy: Policy, found: list[str], action: Any
) -> None:
    lived(timed, clock)
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
        "twin": ("merge", 1, "a", "it repeats used", "used"),
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


@pytest.mark.parametrize(
    "wrong",
    [
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
    ],
)
def test_policies_that_make_no_sense_are_refused(timed: Memory, wrong: dict[str, Any]) -> None:
    timed.add("tea", id="1", importance=0.0)
    for dry_run in (True, False):
        with pytest.raises(InvalidInputError):
            timed.maintain(Policy(**{"less_important_than": 0.5, **wrong}), dry_run=dry_run)
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
