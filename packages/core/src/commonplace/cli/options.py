"""The options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_MEMORY: None = None
"""The memory that the settings name."""

MemoryPath = Annotated[
    str | None,
    typer.Option(
        "--memory",
        "-m",
        metavar="PATH",
        help="The directory the memory lives in, or its postgresql:// URL; COMMONPLACE_MEMORY or "
        "the file of settings may name it, else it is ./commonplace-memory. A password is better "
        "in either of these: who lists processes sees the command line.",
    ),
]
IndexPlace = Annotated[
    str | None,
    typer.Option(
        "--index",
        metavar="WHERE",
        help="Where the index is: auto, pgvector, or the URL of a Chroma server; COMMONPLACE_INDEX "
        "or the file of settings may name it.",
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
RecordId = Annotated[str, typer.Argument(metavar="ID", help="The record's id.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of", metavar="TIME", help="What was known then, such as 2025-01-31T18:00:00Z."
    ),
]
ValidAt = Annotated[
    str | None,
    typer.Option("--valid-at", metavar="TIME", help="Only what was true then."),
]
Now = Annotated[
    str | None,
    typer.Option(
        "--now",
        metavar="TIME",
        help="What 'last week' in the question is reckoned from; the present if not.",
    ),
]
MinRelevance = Annotated[
    float,
    typer.Option(
        "--min-relevance",
        min=0,
        max=1,
        help="Nothing at all if it is less likely than this that what is found answers.",
    ),
]
IncludeClosed = Annotated[
    bool, typer.Option("--include-closed", help="Also facts that no longer hold.")
]
IncludeArchived = Annotated[bool, typer.Option("--include-archived", help="Also archived records.")]
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


class RecallFormat(StrEnum):
    """How a recall is written."""

    MARKDOWN = "markdown"
    JSON = "json"


class IfExists(StrEnum):
    """What to do when a record of that id, or of that key in that scope, is there."""

    REPLACE = "replace"
    KEEP = "keep"
    ERROR = "error"


class OnDuplicate(StrEnum):
    """What to do when a record of that scope and kind says the same."""

    KEEP = "keep"
    SKIP = "skip"
    MERGE = "merge"
    SUPERSEDE = "supersede"


class Forgetting(StrEnum):
    """How records are forgotten: put aside, or removed."""

    ARCHIVE = "archive"
    DELETE = "delete"


class Likeness(StrEnum):
    """What makes a record of one memory the same as one of another."""

    ID = "id"
    CONTENT = "content"


class Strategy(StrEnum):
    """Whose state stays where both memories have a record."""

    NEWEST = "newest"
    SOURCE = "source"
    TARGET = "target"
    BOTH = "both"


class OnConflict(StrEnum):
    """What to do when something different has the id or the key of a record that is imported."""

    ERROR = "error"
    SKIP = "skip"
    REPLACE = "replace"


class OnError(StrEnum):
    """What to do when a line of a plain file is refused."""

    REPORT = "report"
    STOP = "stop"


class Bucket(StrEnum):
    """How long the parts of a timeline are."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class ThreadFormat(StrEnum):
    """The files that conversations can be written to."""

    JSONL = "jsonl"
    OPENAI = "openai"


class ThreadSource(StrEnum):
    """The files that conversations can be read from."""

    AUTO = "auto"
    JSONL = "jsonl"
    OPENAI = "openai"
    LONGMEMEVAL = "longmemeval"


class OtherMemory(StrEnum):
    """The memories of others that can be imported."""

    LANCEDB = "lancedb"
    CHROMA = "chroma"


class PlainFormat(StrEnum):
    """The plain files that can be imported."""

    JSONL = "jsonl"
    CSV = "csv"
