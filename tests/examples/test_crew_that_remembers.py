"""The example of a crew runs as it stands, offline, and says what its story says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / "examples" / "crew_that_remembers.py"


def test_the_second_run_knows_what_the_first_learned(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", PROGRAM],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    for line in (
        "The first run knew: backups",
        "The second run knew: backups, database",
        "Everyone finds: The team's database is PostgreSQL 17. (through crewai)",
        "After the crew's reset: The database is backed up every night at two. (through langgraph)",
    ):
        assert line in done.stdout
    assert list(tmp_path.iterdir()) == []
