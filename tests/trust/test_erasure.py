"""What is erased is nowhere in the memory's files, also after a kill; the rest is as it was."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.pgserver import index_at, place_of
from tests.trust.marked import Marked, embedder, state, traces, words_kept

from commonplace import Memory

if TYPE_CHECKING:
    from tests.figures import Figures

PROGRAM = Path(__file__).parent / "programs" / "erase.py"
POINTS = (
    "erase.before_commit",
    "erase.after_commit",
    "erase.after_text",
    "erase.after_ledger",
    "erase.after_log",
    "erase.after_index",
    "erase.after_scan",
)
ALICE, BOB = "users/alice-zq0a9b8c7d6e5f", "users/bob"


def fill(memory: Memory, *, erased: int, kept: int) -> Marked:
    """Write the records of two users; what was written for the first of them."""
    alice = Marked(memory, ALICE, erased, seed=1)
    bob = Marked(memory, BOB, kept, seed=2)
    memory.link(bob.ids[-1], alice.ids[-1], "about", reason="bob knows of it")
    memory.flush()
    return alice


def erasure(path: Path, figures: Figures, *, index: str, erased: int, kept: int) -> None:
    aside = path.parent
    with Memory(path, embedder=embedder(), index=index) as memory:
        alice = fill(memory, erased=erased, kept=kept)
        sample = sorted(alice.patterns)[:: max(1, len(alice.patterns) // 500)]
        before = traces(path, sample)
        assert before > 0.6 * len(sample)  # the marks are such as can be found
        survivors = state(memory.scope(BOB), aside)
        started = time.monotonic()
        receipt = memory.erase(scope=ALICE)
        took = time.monotonic() - started
        # At once, before the index is built again.
        left = traces(path, alice.patterns)
        words = words_kept(path, alice.words)
        assert (left, words, receipt.complete) == (0, 0, True), receipt
        assert (receipt.scan is None) == (memory.directory is None)  # a server is not searched
        assert memory.check_receipt(receipt).ok
        memory.flush()
        assert memory.verify().ok
        after = state(memory.scope(BOB), aside)
    lost = sum(one != other for one, other in zip(survivors, after, strict=True))
    assert (lost, traces(path, alice.patterns)) == (0, 0)
    figures(
        27,
        index=index,
        records=erased + kept,
        erased=receipt.scale.records,
        former_states=receipt.scale.versions,
        patterns=len(alice.patterns),
        sampled_before=len(sample),
        found_before=before,
        found_after=left,
        full_text_words_after=words,
        surviving_rows=len(after),
        survivors_changed=lost,
        scanned_bytes=receipt.scan.size if receipt.scan else 0,
        erase_seconds=round(took, 1),
    )


@pytest.mark.parametrize("beside", ["nothing", "an index"])
def test_nothing_of_what_is_erased_is_in_any_file(
    path: Path, figures: Figures, beside: str
) -> None:
    index = index_at(path) if beside == "an index" else "exact"
    erasure(path, figures, index=index, erased=60, kept=120)


@pytest.mark.nightly
@pytest.mark.timeout(900)
@pytest.mark.parametrize("beside", ["nothing", "an index"])
def test_nothing_of_a_thousand_erased_is_in_any_file(
    path: Path, figures: Figures, beside: str
) -> None:
    index = index_at(path) if beside == "an index" else "exact"
    erasure(path, figures, index=index, erased=1_000, kept=9_000)


def killed(path: Path, point: str) -> None:
    """Begin to erase, and be killed at a point."""
    command = [sys.executable, str(PROGRAM), place_of(path), ALICE, point]
    assert subprocess.run(command, check=False, timeout=120).returncode == -9


def filled(path: Path, *, erased: int, kept: int) -> tuple[Marked, list[str], int]:
    """What was written for Alice, all that is Bob's, and how many records are Alice's."""
    # One on a server is removed by who has it open, and no handle below does.
    index = "chroma" if index_at(path) == "chroma" else "exact"
    with Memory(path, embedder=embedder(), index=index) as memory:
        alice = fill(memory, erased=erased, kept=kept)
        return alice, state(memory.scope(BOB), path.parent), memory.count(scope=ALICE)


def kills(
    tmp_path: Path, figures: Figures, *, erased: int, kept: int, points: tuple[str, ...]
) -> None:
    original = tmp_path / "original"
    on_server = place_of(original) != str(original)
    alice, survivors, whole = filled(original, erased=erased, kept=kept)
    assert (original / "index").exists() or on_server
    finished = undone = left = lost = 0
    for number, point in enumerate(points):
        path = tmp_path / f"copy{number}"
        if on_server:
            alice, survivors, whole = filled(path, erased=erased, kept=kept)
        else:
            shutil.copytree(original, path)
        killed(path, point)
        with Memory(path, embedder=embedder(), index="exact") as memory:
            held = memory.count(scope=ALICE)
            assert held in {0, whole}, point
            undone += held > 0
            if held:  # it was not committed: nothing happened, and it can be done now
                assert memory.receipts() == []
                assert memory.erase(scope=ALICE).complete
            (receipt,) = memory.receipts()
            finished += not receipt.pending
            left += traces(path, alice.patterns) + words_kept(path, alice.words)
            lost += state(memory.scope(BOB), tmp_path) != survivors
            assert memory.verify().ok
            again = memory.compact()
            assert (again.erasures, again.pending) == (0, ())
        shutil.rmtree(path, ignore_errors=on_server)
    figures(
        27,
        kills=len(points),
        points=len(set(points)),
        rolled_back=undone,
        finished=finished,
        patterns_found=left,
        survivors_changed=lost,
    )
    rounds = points.count("erase.before_commit")
    assert (finished, undone, left, lost) == (len(points), rounds, 0, 0)


def test_an_erasure_that_is_killed_is_finished_by_the_next_opening(
    tmp_path: Path, figures: Figures
) -> None:
    kills(tmp_path, figures, erased=20, kept=20, points=(*POINTS[:2], POINTS[3]))


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_erasures_that_are_killed_are_finished_by_the_next_opening(
    tmp_path: Path, figures: Figures
) -> None:
    kills(tmp_path, figures, erased=300, kept=700, points=POINTS * 5)
