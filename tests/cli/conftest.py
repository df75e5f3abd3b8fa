"""Runs the command line against directories of its own."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.pgserver import place_of
from typer.testing import CliRunner

from commonplace.cli import app
from commonplace.cli.demo.conversations import SHIPPED

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

_PROGRAM = "from commonplace.cli import main; main()"


@dataclass(frozen=True)
class Cli:
    """The program, with a memory directory of this test."""

    memory: Path

    @property
    def on_disk(self) -> bool:
        """Whether the memory is really in that directory."""
        return place_of(self.memory) == str(self.memory)

    def __call__(self, *args: str, stdin: str | bytes | None = None, code: int = 0) -> Result:
        """Run it in this process; an exception that is no exit fails the test."""
        # NO_COLOR and a width, so that what is printed does not depend on where tests run.
        named = place_of(self.memory) if str(self.memory) else ""
        env = {"COMMONPLACE_MEMORY": named, "NO_COLOR": "1", "COLUMNS": "100"}
        result = CliRunner().invoke(app, list(args), input=stdin, env=env, catch_exceptions=False)
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result

    def json(self, *args: str, stdin: str | None = None, code: int = 0) -> Any:
        """Run it with `--json`; what it printed, parsed."""
        return json.loads(self(*args, "--json", stdin=stdin, code=code).stdout)

    def process(
        self, *args: str | bytes, stdin: bytes = b"", **environment: str
    ) -> subprocess.CompletedProcess[bytes]:
        """Run it as a process of its own."""
        env = {**os.environ, "COMMONPLACE_MEMORY": place_of(self.memory), **environment}
        command: list[str | bytes] = [sys.executable, "-c", _PROGRAM, *args]
        return subprocess.run(command, input=stdin, env=env, capture_output=True, check=False)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path / "memory")


@pytest.fixture
def stocked(cli: Cli, tmp_path: Path) -> Cli:
    """A memory of three records of two users."""
    lines: list[dict[str, Any]] = [
        {
            "content": "Alice is allergic to peanuts",
            "scope": "users/alice",
            "key": "allergy",
            "tags": ["health"],
            "metadata": {"topic": "food", "stars": 5},
            "created_at": "2024-01-01T10:00:00Z",
        },
        {
            "content": "Alice plays the cello on Mondays",
            "scope": "users/alice",
            "kind": "message",
            "metadata": {"topic": "music", "stars": 3},
            "created_at": "2024-06-01T10:00:00+02:00",
        },
        {
            "content": "Bob drinks peanuts milk",
            "scope": "users/bob",
            "metadata": {"topic": "food", "stars": 1},
            "created_at": "2025-01-01T10:00:00Z",
        },
    ]
    cli("add", "--file", str(write_lines(tmp_path / "stock.jsonl", lines)))
    return cli


def write_lines(path: Path, lines: list[Any]) -> Path:
    """A JSONL file of these values."""
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


@pytest.fixture
def cut_down(tmp_path: Path) -> Path:
    """The demo's conversations with two users, each with what answers them and three sessions."""
    target = tmp_path / "conversations"
    target.mkdir()
    questions = (SHIPPED / "questions.jsonl").read_text().splitlines(keepends=True)[:2]
    (target / "questions.jsonl").write_text("".join(questions))
    users = [json.loads(question)["user"] for question in questions]
    kept: list[dict[str, Any]] = []
    for user in users:
        theirs = [session for session in _shipped_sessions() if session["user"] == user]
        answering = [one for one in theirs if any("has_answer" in turn for turn in one["turns"])]
        kept += answering + [one for one in theirs if one not in answering][:3]
    lines = "".join(f"{json.dumps(session)}\n" for session in kept)
    (target / "sessions.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    return target


def _shipped_sessions() -> list[dict[str, Any]]:
    data = gzip.decompress((SHIPPED / "sessions.jsonl.gz").read_bytes())
    return [json.loads(line) for line in data.split(b"\n") if line]
