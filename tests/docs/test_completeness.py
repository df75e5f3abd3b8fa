"""The documents leave nothing out: every command and every public name has its place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import typer.main

import commonplace
from commonplace.cli.app import app
from commonplace.record import OPERATIONS

DOCS = Path(__file__).parents[2] / "docs"


def test_every_command_is_in_the_table_of_commands() -> None:
    group: Any = typer.main.get_command(app)
    rows = re.findall(r"^\| `([\w-]+)` \|", (DOCS / "cli.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(group.commands)


def test_every_operation_is_in_the_guide_to_events() -> None:
    (row,) = re.findall(
        r"^\| `operation` \| (.*) \|$", (DOCS / "events.md").read_text("utf-8"), re.MULTILINE
    )
    assert sorted(re.findall(r"`(\w+)`", row)) == sorted(OPERATIONS)


def test_every_public_name_is_in_the_reference() -> None:
    named = re.findall(r"^::: ([\w.]+)$", (DOCS / "api.md").read_text("utf-8"), re.MULTILINE)
    whole = {name for name in named if name in {"commonplace.record", "commonplace.errors"}}
    known = {name.rpartition(".")[2] for name in named}
    for name in commonplace.__all__:
        home = getattr(getattr(commonplace, name), "__module__", "")
        assert name in known or home in whole, name
