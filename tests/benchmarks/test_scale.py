"""The benchmark of growth runs from end to end, on tiny sizes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MARKERS = "<!-- scale:sqlite-exact:start -->\nold\n<!-- scale:sqlite-exact:end -->"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.scale", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def test_a_memory_that_grows_is_measured_at_each_size(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{MARKERS}\nafter", "utf-8")
    ledger = str(tmp_path / "memory")
    sizes = ("--records", "100,300", "--index", "exact", "--rounds", "1")
    done = run(*sizes, "--ledger", ledger, "--write", str(page))
    assert done.returncode == 0, done.stderr
    text = page.read_text("utf-8")
    assert text.startswith(
        "before\n<!-- scale:sqlite-exact:start -->\n\n| sqlite-exact | 100 | 300 |"
    )
    assert text.endswith("<!-- scale:sqlite-exact:end -->\nafter")
    assert "old" not in text
    cells = dict(re.findall(r"^\| ([^|]+) \| (.+) \|$", text, re.MULTILINE))
    assert cells["records that were added"] == "100 | 200"
    assert cells["recall of the ten nearest of everything"].count("1.000") == 2
    assert all(cells.values())
    again = run(*sizes, "--ledger", ledger)
    assert again.returncode == 1
    assert "not empty" in again.stderr
