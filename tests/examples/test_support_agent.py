"""The support agent recalls what its customer said in another conversation, and no one else's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / "examples" / "support_agent.py"


def test_the_customer_is_remembered_and_the_stranger_is_not(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", PROGRAM],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    _, friday, stranger = done.stdout.split("Friday, ")
    assert "tool: Her router is a Fritz model 7590; She prefers" in friday
    assert "tool: nothing is known" in stranger
    assert "2 memories in [('customers', 'alice@example%2Ecom')]" in stranger
