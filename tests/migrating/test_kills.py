"""A migration that is killed at any moment goes on where it was, and loses and doubles nothing."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.migrating.conftest import opened, question, said, tables

from commonplace import Memory, StoreUnavailableError, migrate
from commonplace.testing import crash

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.files

PROGRAM = Path(__file__).parent / "programs" / "copying.py"
POINTS = (
    "migrate.begun",
    "migrate.lot",
    "migrate.table",
    "migrate.copied",
    "migrate.compared",
    "ledger.before_commit",
    "ledger.after_commit",
)


def is_finished(target: Path) -> bool:
    if not (target / "ledger.sqlite").exists():
        return False
    try:
        opened(target).close()
    except StoreUnavailableError:
        return False
    return question(target, "SELECT 1 FROM settings WHERE name = 'restored'") != []


@functools.cache
def reached(source: Path, target: Path) -> list[str]:
    outcome = crash.run(PROGRAM, source, target)
    assert outcome.code == 0, outcome.errors
    return outcome.reached


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_point_it_goes_on(
    source: Path, target: Path, tmp_path: Path, point: str
) -> None:
    times = reached(source, tmp_path / "whole").count(point)
    assert times
    for nth in sorted({1, times // 2, times} - {0}):
        place = target.with_name(f"target{nth}")
        outcome = crash.run(PROGRAM, source, place, kill_at=point, nth=nth)
        assert outcome.killed, outcome.errors
        finished = point == "ledger.after_commit" and nth == times
        if finished:
            assert said(place) == said(source)
            continue
        if "ledger.after_commit" in outcome.reached:
            with pytest.raises(StoreUnavailableError, match="unfinished copy"):
                opened(place)
        else:  # it is a new memory, and nothing was copied
            with opened(place) as memory:
                assert memory.count() == 0
        report = migrate(source, place)
        assert (report.ok, report.restarted) == (True, False)
        assert (report.resumed > 0) == ("migrate.lot" in outcome.reached)
        assert tables(place) == tables(source)
        assert said(place) == said(source)


@pytest.mark.parametrize("seed", range(4))
def test_killed_again_and_again_it_comes_to_its_end(source: Path, target: Path, seed: int) -> None:
    killed, outcome = 0, None
    while not is_finished(target):
        killed += 1
        outcome = crash.run(PROGRAM, source, target, kill_at="*", nth=10 + seed + 2 * killed)
        assert outcome.killed or outcome.code == 0, outcome.errors
    assert killed > 3
    assert outcome is not None
    if not outcome.killed:
        (report,) = outcome.said
        assert report["ok"]
        assert report["resumed"]
        assert not report["restarted"]
    assert tables(target) == tables(source)
    assert said(target) == said(source)


CHANGES: dict[str, Callable[[Memory], object]] = {
    "update": lambda memory: memory.update("r8", content="changed since"),
    "delete": lambda memory: memory.delete("r8"),
    "add": lambda memory: memory.add("new since"),
    "erase": lambda memory: memory.erase("r8"),
    "purge": lambda memory: memory.purge("r3"),
    "quota": lambda memory: memory.set_quota("users/u2", 1000),
}


@pytest.mark.parametrize("changed", CHANGES)
def test_a_source_that_was_changed_since_is_copied_anew(
    source: Path, target: Path, changed: str
) -> None:
    assert crash.run(PROGRAM, source, target, kill_at="migrate.copied").killed
    with opened(source) as memory:
        CHANGES[changed](memory)
    assert migrate(source, target).ok
    assert tables(target) == tables(source)
    assert said(target) == said(source)


def test_killed_while_it_begins_anew(source: Path, target: Path) -> None:
    assert crash.run(PROGRAM, source, target, kill_at="migrate.copied").killed
    with opened(source) as memory:
        memory.update("r8", content="changed since")
    assert crash.run(PROGRAM, source, target, kill_at="migrate.cleared").killed
    report = migrate(source, target)
    assert (report.ok, report.resumed) == (True, 0)
    assert tables(target) == tables(source)
