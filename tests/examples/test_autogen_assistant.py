"""The example of an AutoGen assistant runs as it stands, and says what its story says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / "examples" / "autogen_assistant.py"


def test_the_assistant_remembers_and_the_team_shares(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", PROGRAM],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.strip() for line in done.stdout.splitlines()]
    for line in (
        "Alice is allergic to peanuts.",
        '{"dishes": ["soup", "peanut curry"], "restaurant": "Zum Kater"}',
        "The question stood last: Which dish should I leave out: soup or peanut curry?",
        "Alice's memory says: Alice is allergic to peanuts.",
        "Bob's memory says:",
        "planner recalled: The night train to Vienna has sleeping cars.",
        "guide recalled: The museum in Vienna is closed on Mondays.",
    ):
        assert line in lines
    assert list(tmp_path.iterdir()) == []
