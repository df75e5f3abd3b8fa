"""The example of four frameworks runs as it stands: each recalls what the others wrote."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / "examples" / "four_frameworks.py"
APPS = {"langgraph", "langchain", "crewai", "autogen"}


def test_all_four_recall_what_all_four_wrote(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", PROGRAM],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    wrote = re.findall(r"^  (\w+) +([\d,]+)$", done.stdout, re.MULTILINE)
    assert {app for app, _ in wrote} == APPS
    assert sum(int(count.replace(",", "")) for _, count in wrote) == 3004
    recalled = re.findall(
        r"^  (\w+) +recalls 5 of their own, written by (.+)$", done.stdout, re.MULTILINE
    )
    assert len(recalled) == 6 * len(APPS)
    for reader in ("LangGraph", "LangChain", "CrewAI", "AutoGen"):
        writers = {one for name, some in recalled if name == reader for one in some.split(", ")}
        assert writers <= APPS
        assert len(writers) >= 3
    assert list(tmp_path.iterdir()) == []
