"""`maintain(Policy(duplicates=...))`: which records say the same, and what stays of them."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.curating.checked import ids

from commonplace import HashingEmbedder, Memory, Policy
from commonplace.maintenance.planning import plan

if TYPE_CHECKING:
    from commonplace import MaintenanceReport


def merged(report: MaintenanceReport) -> list[tuple[str, str | None]]:
    assert {step.action for step in report.steps} <= {"merge"}
    return sorted((step.record_id, step.into) for step in report.steps)


def vector(cosine: float, dimension: int = 32) -> list[float]:
    """A vector at this cosine to the first axis."""
    return [cosine, float(np.sqrt(1 - cosine**2)), *([0.0] * (dimension - 2))]


def run(memory: Memory, policy: Policy) -> MaintenanceReport:
    """A run that does what the dry run said, after which a second one has nothing to do."""
    told = memory.maintain(policy, dry_run=True)
    done = memory.maintain(policy)
    assert (done.steps, done.skipped) == (told.steps, 0)
    assert memory.maintain(policy).steps == ()
    return done


def test_what_stays_gets_what_the_others_had(timed: Memory) -> None:
    timed.add("Green  Tea", id="1", importance=0.9, tags=["x"], metadata={"a": 1, "b": 1})
    timed.add("green tea", id="2", importance=0.1, tags=["y", "x"], metadata={"b": 2, "c": 2})
    timed.add("gREEN\n\ttea ", id="3", tags=["z"], key="k", value=3)
    timed.add("about tea", id="4")
    timed.link("4", "2", "about", reason="why")
    timed.link("3", "4", "causes")
    timed.link("1", "2")
    assert merged(run(timed, Policy(duplicates=1))) == [("2", "1"), ("3", "1")]
    stays = timed.get("1")
    assert stays is not None
    assert (stays.content, stays.importance) == ("Green  Tea", 0.9)
    assert set(stays.tags) == {"x", "y", "z"}
    assert stays.metadata == {"a": 1, "b": 1, "c": 2}
    found = {(link.source_id, link.target_id, link.type) for link in timed.links("1")}
    assert found == {("4", "1", "about"), ("1", "4", "causes")}
    assert [hit.id for hit in timed.search("green tea", mode="lexical", limit=1)] == ["1"]
    assert timed.history("2")[-1].replaced_by == "merge"
    assert timed.restore("3").value == 3


@pytest.mark.parametrize("change", [{"scope": "b"}, {"content": "milk", "kind": "note"}])
def test_nothing_is_merged_into_what_was_changed_since_it_was_planned(
    path: Any, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    module = sys.modules["commonplace.maintenance.maintain"]
    with (
        Memory(path, embedder=HashingEmbedder(32)) as memory,
        Memory(path, embedder=HashingEmbedder(32)) as other,
    ):
        memory.add("tea", id="1", scope="a", importance=0.9)
        memory.add_many([{"content": "tea", "id": n, "scope": "a", "tags": [n]} for n in "23"])

        def planned(*given: Any) -> Any:
            steps = plan(*given)
            other.update("1", **change)
            return steps

        monkeypatch.setattr(module, "plan", planned)
        report = memory.scope("a").maintain(Policy(duplicates=1))
        assert (report.steps, report.skipped) == ((), 2)
        monkeypatch.undo()
        assert [memory.count(tags=n) for n in "23"] == [1, 1]
        assert [record.tags for record in memory.list(filter={"@id": "1"})] == [()]
        assert merged(run(memory.scope("a"), Policy(duplicates=1))) == [("3", "2")]


def test_the_most_important_stays_and_of_several_the_newest(timed: Memory) -> None:
    for name, importance in [("old", 0.5), ("new", 0.5), ("low", 0.4)]:
        timed.add("tea", id=name, importance=importance)
    assert merged(run(timed, Policy(duplicates=1))) == [("low", "new"), ("old", "new")]


def test_scopes_and_kinds_are_not_mixed(timed: Memory) -> None:
    for number, (scope, kind) in enumerate(
        [("a", "fact"), ("a", "note"), ("b", "fact"), ("a/b", "fact"), ("", "fact")]
    ):
        timed.add("green tea", id=f"{number}", scope=scope, kind=kind)
    assert merged(run(timed, Policy(duplicates=0.5))) == []
    timed.add("green tea", id="5", scope="a", kind="note", importance=0.1)
    timed.add("green tea", id="6", scope="a", importance=0.1)
    assert merged(timed.maintain(Policy(duplicates=0.5, kinds=("note",)), dry_run=True)) == [
        ("5", "1")
    ]
    assert merged(run(timed, Policy(duplicates=0.5))) == [("5", "1"), ("6", "0")]


@pytest.mark.parametrize(("least", "found"), [(0.9, ["2", "3"]), (0.91, ["2"]), (0.96, [])])
def test_vectors_at_or_above_the_threshold_say_the_same(
    timed: Memory, least: float, found: list[str]
) -> None:
    first, second, third = vector(1), vector(0.95), vector(0.905)
    third[1] = -third[1]
    for name, row, importance in [("1", first, 0.9), ("2", second, 0.5), ("3", third, 0.4)]:
        timed.add(f"text {name}", id=name, importance=importance, vector=row)
    timed.add("far", id="4", vector=vector(0.3))
    assert [name for name, _ in merged(timed.maintain(Policy(duplicates=least)))] == found


def test_equal_vectors_are_as_alike_as_can_be() -> None:
    numbers = np.random.default_rng(5)
    with Memory(":memory:", embedder=HashingEmbedder(48)) as memory:
        for number in range(40):
            row = numbers.normal(size=48)
            memory.add(f"this {number}", scope=f"{number}", vector=row)
            memory.add(f"that {number}", scope=f"{number}", vector=row * numbers.uniform(0.1, 9))
        assert len(memory.maintain(Policy(duplicates=1)).steps) == 40


def test_only_what_resembles_the_one_that_stays_is_merged(timed: Memory) -> None:
    """Neighbours of neighbours are no duplicates."""
    for name, angle in [("1", 0.0), ("2", 0.4), ("3", 0.8)]:
        row = vector(float(np.cos(angle)))
        timed.add(f"text {name}", id=name, importance=1 - int(name) / 10, vector=row)
    assert merged(run(timed, Policy(duplicates=0.9))) == [("2", "1")]
    assert ids(timed) == ["1", "3"]


def test_texts_and_vectors_together(timed: Memory) -> None:
    timed.add("one", id="1", importance=0.9, vector=vector(1))
    timed.add("two", id="2", importance=0.8, vector=vector(0.99))
    timed.add("TWO", id="3", importance=0.7, vector=vector(0.1))
    assert merged(run(timed, Policy(duplicates=0.9))) == [("2", "1"), ("3", "1")]


def test_records_with_no_vector_or_several_are_compared_by_their_texts(timed: Memory) -> None:
    rows = [vector(1), vector(0.5)]
    timed.add("passages", id="1", vector=rows)
    timed.add("passages too", id="2", vector=rows)
    timed.add("Passages", id="3", vector=rows, importance=0.1)
    timed.add("unseen", id="4", embed=False)
    timed.add("Unseen", id="5", embed=False, importance=0.1)
    timed.add("unseen too", id="6", embed=False)
    assert merged(run(timed, Policy(duplicates=0.5))) == [("3", "1"), ("5", "4")]


def test_records_without_a_text_do_not_say_the_same(timed: Memory) -> None:
    timed.add_many(
        [{"id": "1", "value": 1}, {"id": "2", "value": 2}, {"id": "3", "content": " \n"}]
    )
    assert merged(run(timed, Policy(duplicates=0.5))) == []


def test_closed_facts_are_history_and_not_duplicates(timed: Memory, clock: Any) -> None:
    """Who moved away and came back lives where they lived before; both times are true."""
    timed.add("lives in Porto", id="first", importance=0.9, valid_from=clock.moment())
    then = clock.wait(10)
    timed.supersede("first", {"content": "lives in Lisbon", "id": "second"})
    clock.wait(10)
    timed.supersede("second", {"content": "lives in Porto", "id": "third"})
    assert merged(run(timed, Policy(duplicates=0.9))) == []
    assert ids(timed) == ["third"]
    assert ids(timed, valid_at=then) == ["first"]


def test_archived_records_neither_stay_nor_go(timed: Memory) -> None:
    timed.add("tea", id="1", importance=0.9)
    timed.archive("1")
    timed.add("tea", id="2")
    for action in ("archive", "delete"):
        assert merged(run(timed, Policy(duplicates=1, action=action))) == []
    assert ids(timed) == ["2"]


def test_a_record_that_stays_lives_as_long_as_what_it_took_in(timed: Memory, clock: Any) -> None:
    soon, late = (clock.moment() + timedelta(seconds=span) for span in (5, 500))
    for scope, ends in [("a", (soon, late)), ("b", (soon, None)), ("c", (late, soon))]:
        for importance, end in zip((0.9, 0.1), ends, strict=True):
            timed.add("tea", scope=scope, importance=importance, expires_at=end)
    assert len(run(timed, Policy(duplicates=1)).steps) == 3
    assert [one.expires_at for one in timed.list(order_by="scope")] == [late, None, late]


@pytest.mark.parametrize("action", ["archive", "delete"])
def test_what_is_forgotten_takes_no_duplicate_with_it(
    timed: Memory, clock: Any, action: Any
) -> None:
    """The best of a group goes for another reason: the others become one in the same run."""
    long_ago = clock.moment() - timedelta(days=9)
    timed.add("tea", id="best", importance=0.9, created_at=long_ago)
    timed.add("tea", id="2", importance=0.5, tags=["x"])
    timed.add("Tea", id="3", importance=0.4, tags=["y"])
    policy = Policy(older_than=timedelta(days=1), duplicates=1, action=action)
    report = timed.maintain(policy, dry_run=True)
    told = {step.record_id: (step.action, step.into) for step in report.steps}
    assert told == {"best": (action, None), "3": ("merge", "2")}
    run(timed, policy)
    assert [one.tags for one in timed.list()] == [("x", "y")]


def test_a_merge_that_would_be_too_large_is_left_out(timed: Memory) -> None:
    timed.add("tea", id="1", importance=0.9, tags=[f"a{n}" for n in range(200)])
    timed.add("tea", id="2", tags=[f"b{n}" for n in range(200)])
    timed.add("tea", id="3", metadata={f"{n}": n for n in range(200)}, tags=["c"])
    assert merged(run(timed, Policy(duplicates=1))) == [("3", "1")]
    assert ids(timed) == ["1", "2"]
