"""Every example in the documentation runs as it stands, page by page, in order."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    return [body for kind, body in BLOCK.findall(page.read_text()) if kind == language]


def having(language: str) -> list[object]:
    return [
        pytest.param(page, id=str(page.relative_to(ROOT)))
        for page in PAGES
        if blocks(page, language)
    ]


@pytest.mark.parametrize("page", having("python"))
def test_the_python_of_a_page_runs_as_one_program(page: Path, tmp_path: Path) -> None:
    program = "\n".join(blocks(page, "python"))
    warnings = "ignore" if "crewai" in program else "error"  # importing CrewAI warns of itself
    done = subprocess.run(
        [sys.executable, "-W", warnings, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", having("console"))
def test_the_commands_of_a_page_run(page: Path, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    for line in "\n".join(blocks(page, "console")).splitlines():
        if not line or line.startswith("./run"):
            continue  # CI runs these itself
        done = subprocess.run(
            shlex.split(line),
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, (line, done.stderr)


def test_there_is_something_to_run() -> None:
    assert len(having("python")) >= 5
