"""A memory opened before a fork is its opener's alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "programs" / "fork.py"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize("way", ["close", "exit", "collect"])
def test_a_forked_child_is_refused_at_once_and_its_end_harms_nobody(path: Path, way: str) -> None:
    """Regression: a child that exits runs its finalizers, and closed its parent's index process."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(path), way],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(told["answers"].values()) == {"ForkedStoreError"}, told["answers"]
    assert told["seconds"] < 0.1 * len(told["answers"])
    assert told["status"] == 0
    assert told["found"] == ["after", "before"]
    assert told["ok"]
    assert told["same index process"]
