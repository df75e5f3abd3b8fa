"""Every example in the documentation runs as it stands, page by page, in order."""

from __future__ import annotations

import os
import re
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
        timeout=280,
    )
    assert done.returncode == 0, done.stderr


# One process runs the commands of a page: to start one for each takes longer than what they do.
# That a command is a program of its own is tested in tests/cli.
COMMANDS = """
import shlex, subprocess, sys
from commonplace.cli import main

for line in sys.stdin.read().splitlines():
    sys.argv = shlex.split(line)
    if not sys.argv or sys.argv[0] == "./run":
        continue  # CI runs these itself
    if sys.argv[0] != "commonplace":
        subprocess.run(sys.argv, check=True)
        continue
    try:
        main()
    except SystemExit as end:
        if end.code:
            sys.exit(f"{line}: {end.code}")
"""


@pytest.mark.parametrize("page", having("console"))
def test_the_commands_of_a_page_run(page: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS],
        input="\n".join(blocks(page, "console")),
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr


def test_there_is_something_to_run() -> None:
    assert len(having("python")) >= 5
