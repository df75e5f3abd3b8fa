from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Cli

COMMANDS = [
    "add",
    "archive",
    "audit",
    "compact",
    "delete",
    "demo",
    "diff",
    "erase",
    "history",
    "list",
    "maintain",
    "merge",
    "purge",
    "receipts",
    "reindex",
    "repair",
    "restore",
    "scopes",
    "search",
    "show",
    "stats",
    "supersede",
    "sync",
    "verify",
]


def test_help_names_every_command_and_the_exit_codes(cli: Cli) -> None:
    shown = cli("--help").stdout
    assert all(command in shown for command in COMMANDS)
    assert "Exit codes" in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(cli: Cli, command: str) -> None:
    assert "--json" in cli(command, "--help").stdout


def test_version(cli: Cli) -> None:
    assert cli("--version").stdout.startswith("commonplace ")


def test_help_imports_neither_the_ledger_nor_the_index() -> None:
    program = """
import sys
from commonplace.cli import main
sys.argv = ["commonplace", "--help"]
try:
    main()
except SystemExit:
    pass
heavy = {"chromadb", "sqlalchemy", "alembic", "numpy"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_unknown_command_is_wrong_usage(cli: Cli) -> None:
    cli("serach", code=2)


def test_the_entry_point_runs_as_a_process(cli: Cli) -> None:
    done = cli.process("search", "anything")
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: there is no memory at")
    assert done.stderr.count(b"\n") == 1
    assert done.stdout == b""
