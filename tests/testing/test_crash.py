"""The runner kills where it says, and tells all that was said before."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.pgserver import place_of

from commonplace import HashingEmbedder, InvalidInputError, Memory
from commonplace.testing import crash

NOTES = Path(__file__).parent / "programs" / "notes.py"


def held(path: Path) -> list[str]:
    with Memory(path, embedder=HashingEmbedder(16), index="exact") as memory:
        return [record.content for record in memory.list(order_by="id", limit=100_000)]


def test_a_program_that_is_left_alone_ends_and_tells_what_it_came_by(path: Path) -> None:
    outcome = crash.run(NOTES, place_of(path), 3)
    assert (outcome.said, outcome.killed, outcome.code) == ([0, 1, 2], False, 0), outcome.errors
    assert outcome.reached.count("ledger.before_commit") == 3
    assert outcome.reached[-1] == "notes.said"


@pytest.mark.parametrize(
    ("point", "written"), [("ledger.before_commit", 1), ("ledger.after_commit", 2)]
)
def test_it_is_killed_at_the_nth_time_at_a_point(path: Path, point: str, written: int) -> None:
    outcome = crash.run(NOTES, place_of(path), 5, kill_at=point, nth=2)
    assert (outcome.said, outcome.killed) == ([0], True)
    assert outcome.reached[-1] == point
    assert held(path) == [f"note {n}" for n in range(written)]


def test_it_is_killed_at_any_point_by_number(path: Path) -> None:
    outcome = crash.run(NOTES, place_of(path), 5, kill_at=crash.ANY, nth=6)
    assert outcome.killed
    assert len(outcome.reached) == 6


def test_it_is_killed_at_a_random_moment(path: Path) -> None:
    outcome = crash.run(NOTES, place_of(path), 1_000_000, kill_at=crash.Moment(seed=3, said=10))
    assert outcome.killed
    assert set(outcome.said) <= {int(content.split()[1]) for content in held(path)}


def test_a_point_it_never_comes_by_does_not_kill_it(path: Path) -> None:
    outcome = crash.run(NOTES, place_of(path), 1, kill_at="no such point")
    assert (outcome.killed, outcome.code) == (False, 0)


def test_a_function_is_a_program() -> None:
    outcome = crash.run(time.sleep, 0)
    assert (outcome.killed, outcome.code, outcome.said) == (False, 0, [])


def test_what_goes_wrong_is_told(path: Path) -> None:
    outcome = crash.run(NOTES, place_of(path), "many")
    assert outcome.code == 1
    assert "ValueError" in outcome.errors


def test_a_program_that_never_ends_is_killed() -> None:
    with pytest.raises(TimeoutError):
        crash.run(time.sleep, 600, timeout=1.0)


def test_a_function_that_a_child_cannot_import_is_refused() -> None:
    def inside() -> None:
        pass

    with pytest.raises(InvalidInputError, match="top of a module"):
        crash.run(inside)


def test_outside_of_a_run_nothing_is_said() -> None:
    crash.say("nothing")
