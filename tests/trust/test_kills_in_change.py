"""Killed in the middle of any change, at any named point: it is done or undone on reopening.

A change in one transaction is wholly in or wholly out. One of several steps leaves every record as
it was or as it is to be. Doing it again ends it, and doing it once more changes nothing.
"""

from __future__ import annotations

import importlib
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.pgserver import place_of, tell_ledger
from tests.trust.programs.change import CHANGES, LOTS, opened, prepare

from commonplace.testing import crash

if TYPE_CHECKING:
    from tests.figures import Figures

    from commonplace import Memory

PROGRAM = Path(__file__).parent / "programs" / "change.py"
# Changes of several steps; and those of them that give a record its links or vectors later.
IN_STEPS = {"sweep", "maintain", "reindex", "import_", "merge", "sync", "extract", "summarize"}
IN_PARTS = IN_STEPS - {"sweep", "maintain"}
SEED = 2
State = dict[str, Any]
OF_THE_WHOLE = {"the thread", "the counts", "the spaces", "the past"}


@pytest.fixture(autouse=True)
def small_lots(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the program: what is done again is done in the same lots."""
    for name, size in LOTS.items():
        module, _, constant = name.rpartition(".")
        monkeypatch.setattr(importlib.import_module(f"commonplace.{module}"), constant, size)


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    return Homes(tmp_path_factory.mktemp("prepared"))


class Homes:
    """A prepared directory, copied for every kill; on a server it is prepared again."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._number = 0
        self._prepared = root / "prepared"
        self._states: dict[tuple[str, int], tuple[State, State]] = {}

    def fresh(self, change: str) -> Path:
        self._number += 1
        home = self._root / str(self._number)
        if place_of(home) != str(home):
            home.mkdir()
            prepare(home)
        else:
            shutil.copytree(self._once_prepared(), home)
        if change == "repair":
            damage(home / "memory")
        return home

    def _once_prepared(self) -> Path:
        if not self._prepared.exists():
            self._prepared.mkdir()
            prepare(self._prepared)
        return self._prepared

    def states(self, change: str, seed: int) -> tuple[State, State]:
        """The states before a change and after it."""
        if (change, seed) not in self._states:
            home = self.fresh(change)
            self._states[change, seed] = state_of(home, change), done(home, change, seed)
        return self._states[change, seed]


def damage(path: Path) -> None:
    """Make what is derived in a ledger wrong."""
    tell_ledger(path, "UPDATE scopes SET records = records + 3, total = total + 1")
    tell_ledger(path, "UPDATE spaces SET vectors = 1")
    tell_ledger(path, "UPDATE threads SET messages = 77")


def program(home: Path, change: str, seed: int, **kill: Any) -> crash.Outcome:
    places = place_of(home / "memory"), place_of(home / "source")
    return crash.run(PROGRAM, home, *places, change, seed, **kill)


def state(memory: Memory) -> State:
    """Everything that can be seen, but for numbers and times of writing."""
    whole: dict[str, Any] = {"include_closed": True, "include_archived": True, "limit": 10_000}
    found: State = {}
    for record in memory.list(order_by="id", **whole):
        links = memory.links(record.id, direction="out")
        # Messages and summaries have ids of their own in every run: their texts tell them apart.
        name = record.id if len(record.id) < 8 else f"{record.kind} {record.content}"
        vectors = {space: rows.tobytes() for space, rows in memory.vectors(record.id).items()}
        found[name] = (
            *(
                record.content,
                record.scope,
                record.kind,
                record.metadata,
                record.archived_at is None,
            ),
            *(record.valid_to is None, vectors, sorted(link.type for link in links)),
        )
    thread = memory.thread("talk", scope="t").messages()
    found["the thread"] = [message.text for message in thread]
    found["the counts"] = {info.scope.path: info.records for info in memory.scopes()}
    found["the spaces"] = sorted(space.name for space in memory.stats().spaces)
    found["the past"] = sorted(
        (name, len(memory.history(name))) for name in found if name[0] == "r"
    )
    return found


def state_of(home: Path, change: str) -> State:
    with opened(home / "memory", change) as memory:
        return state(memory)


def done(home: Path, change: str, seed: int) -> State:
    """The state once the change was done, or done again."""
    with opened(home / "memory", change) as memory:
        CHANGES[change](memory, home, seed)
        assert memory.verify().problems == ()
        return state(memory)


def records(of: State) -> State:
    """What does not depend on how often a record was written."""
    return {name: part for name, part in of.items() if name != "the past"}


def points(homes: Homes, change: str, seed: int) -> list[str]:
    """What the change comes by when it is left alone."""
    home = homes.fresh(change)
    outcome = program(home, change, seed)
    assert outcome.code == 0, outcome.errors
    return outcome.reached


def check(homes: Homes, change: str, seed: int, point: str, nth: int) -> None:
    before, after = homes.states(change, seed)
    home = homes.fresh(change)
    outcome = program(home, change, seed, kill_at=point, nth=nth)
    assert outcome.killed, outcome.errors
    told = (change, seed, point, nth)
    with opened(home / "memory", change) as memory:
        found = state(memory)
        if change != "repair":
            assert memory.verify().problems == (), told
            assert memory.repair().mended == (), told
    if change not in IN_STEPS:
        assert found in (before, after), told
    assert set(found) <= set(before) | set(after), told  # nothing that was never, or is gone
    assert set(before) & set(after) <= set(found), told  # and nothing is lost
    for name in set(found) - OF_THE_WHOLE if change not in IN_PARTS else ():
        assert found[name] in (before.get(name), after.get(name)), (*told, name)
    again = done(home, change, seed)
    assert records(again) == records(after), told
    assert records(done(home, change, seed)) == records(again), told
    shutil.rmtree(home)


def test_a_kill_at_any_point_leaves_it_done_or_undone(homes: Homes, figures: Figures) -> None:
    """Every point once, in the first change that comes by it."""
    chosen: dict[str, str] = {}
    for change in ("put", "delete", "purge", "repair", "reindex", "import_", "sync", "append"):
        for point in points(homes, change, 1):
            chosen.setdefault(point, change)
    for point, change in chosen.items():
        check(homes, change, 1, point, 1)
    assert len(chosen) >= 12
    figures(2, kills=len(chosen), points=len(chosen), resurrected=0, lost=0)


def test_a_summary_comes_with_its_links(homes: Homes) -> None:
    """Regression: killed between the two, it was never linked to the messages that it covers."""
    check(homes, "summarize", 0, "ledger.after_commit", 1)


@pytest.mark.nightly
@pytest.mark.timeout(3_600)
def test_a_kill_at_every_point_of_every_change(homes: Homes, figures: Figures) -> None:
    kills = 0
    names: set[str] = set()
    for change in CHANGES:
        times = Counter(points(homes, change, SEED))
        names |= set(times)
        for point, most in times.items():
            for nth in sorted({1, (most + 2) // 2, most}):
                check(homes, change, SEED, point, nth)
                kills += 1
    figures(2, kills=kills, points=len(names), changes=len(CHANGES), resurrected=0, lost=0)
    assert len(names) >= 12
    assert kills >= 120
