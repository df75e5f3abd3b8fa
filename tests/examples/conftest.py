"""Runs an example as a reader would: as it stands, in an empty folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SaidBy = Callable[..., str]
LinesOf = Callable[[str], list[str]]

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def said_by(tmp_path: Path) -> SaidBy:
    """What an example prints; it must end well, complain of nothing and leave nothing behind."""

    def run(example: str, *, warnings: str = "error") -> str:
        done = subprocess.run(
            [sys.executable, "-W", warnings, EXAMPLES / example],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )
        assert done.returncode == 0, done.stderr
        assert warnings == "ignore" or done.stderr == ""
        assert list(tmp_path.iterdir()) == []
        return done.stdout

    return run


@pytest.fixture
def lines_of(said_by: SaidBy) -> LinesOf:
    """The lines that an example prints, without their indent."""
    return lambda example: [line.strip() for line in said_by(example).splitlines()]
