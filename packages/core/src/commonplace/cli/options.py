"""The options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_MEMORY = "commonplace-memory"

MemoryPath = Annotated[
    str,
    typer.Option(
        "--memory",
        "-m",
        envvar="COMMONPLACE_MEMORY",
        metavar="PATH",
        help="The directory the memory lives in.",
    ),
]
ScopePath = Annotated[
    str | None,
    typer.Option(
        "--scope",
        "-s",
        metavar="SCOPE",
        help="Work only at this scope and below it, such as users/alice.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
FilterJson = Annotated[
    str | None,
    typer.Option(
        "--filter",
        metavar="JSON",
        help='A filter, such as {"topic": "food", "@created_at": {"$gte": "2025-01-01T00:00Z"}}.',
    ),
]
Kinds = Annotated[
    list[str] | None,
    typer.Option("--kind", metavar="KIND", help="Only this kind; may be repeated."),
]
Tags = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="TAG", help="Only with this tag, or one of several."),
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=0, help="At most so many.")]
Offset = Annotated[int, typer.Option("--offset", min=0, help="After so many.")]
RecordsFile = Annotated[
    Path | None,
    typer.Option(
        "--file",
        "-f",
        exists=True,
        dir_okay=False,
        readable=True,
        metavar="X.JSONL",
        help="Remember every line: a JSON object of content and other fields, or a text.",
    ),
]


LinkTypes = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="TYPE", help="Only links of this type; may be repeated."),
]


class Direction(StrEnum):
    """Which links of a record: those from it, those to it, or both."""

    BOTH = "both"
    OUT = "out"
    IN = "in"


class SearchMode(StrEnum):
    """How a search ranks: by both lanes, by meaning, by words."""

    HYBRID = "hybrid"
    DENSE = "dense"
    LEXICAL = "lexical"


class IfExists(StrEnum):
    """What to do when a record of that id, or of that key in that scope, is there."""

    REPLACE = "replace"
    KEEP = "keep"
    ERROR = "error"
