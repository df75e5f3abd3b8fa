"""A full disk: an error of ours, nothing acknowledged is lost, and with space it goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from commonplace.testing import faults

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.figures import Figures

pytestmark = pytest.mark.files

PROGRAM = Path(__file__).parent / "programs" / "filling.py"


def filled(home: Path, how: str, points: Sequence[int]) -> list[dict[str, Any]]:
    command = [sys.executable, str(PROGRAM), str(home), how, *map(str, points)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def held(results: list[dict[str, Any]], kinds: set[str], figures: Figures) -> None:
    reads = Counter(one["while_full"] for one in results)
    figures(
        3,
        fill_points=len(results),
        acknowledged=sum(one["acknowledged"] for one in results),
        typed_errors=sum(one["error"] in kinds for one in results),
        lost=sum(one["after"] != "right" or one["reopened"] != "right" for one in results),
        reads_right_while_full=reads["right"],
        reads_refused_while_full=reads.total() - reads["right"] - reads["wrong"],
        reads_wrong_while_full=reads["wrong"],
        works_again=sum(one["works"] and one["sound"] for one in results),
    )
    for one in results:
        assert one["error"] in kinds, one
        assert one["again"] in kinds, one
        assert one["while_full"] in {"right", *kinds}, one
        assert (one["after"], one["reopened"]) == ("right", "right"), one
        assert one["works"], one
        assert one["sound"], one


def test_files_that_cannot_grow(tmp_path: Path, figures: Figures) -> None:
    results = filled(tmp_path, "limit", [300_000, 700_000, 1_500_000])
    held(results, {"StorageFullError", "StoreUnavailableError"}, figures)


def test_a_full_disk(tmp_path: Path, figures: Figures) -> None:
    full(tmp_path, [60_000, 500_000, 1_200_000], figures)


@pytest.mark.nightly
def test_a_full_disk_at_twenty_points(tmp_path: Path, figures: Figures) -> None:
    full(tmp_path, [40_000 + 123_457 * n for n in range(20)], figures)


@pytest.mark.nightly
def test_files_that_cannot_grow_at_twenty_points(tmp_path: Path, figures: Figures) -> None:
    results = filled(tmp_path, "limit", [250_000 + 123_457 * n for n in range(20)])
    held(results, {"StorageFullError", "StoreUnavailableError"}, figures)


def full(tmp_path: Path, points: list[int], figures: Figures) -> None:
    try:
        with faults.small_disk(tmp_path, 6_000_000):
            results = filled(tmp_path, "disk", points)
    except PermissionError:
        pytest.skip("takes the right to mount")
    held(results, {"StorageFullError"}, figures)
