"""CrewAI's memory in LanceDB: its table, row by row."""

from __future__ import annotations

import importlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from commonplace.errors import InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TABLE = "memories"
_APP = "crewai"


def lancedb_records(directory: Path) -> Iterator[dict[str, Any]]:
    """The records of CrewAI's table as `add` takes them, vectors included, the oldest first.

    LanceDB can hold several rows of one id; the last one counts.

    Raises:
        NotFoundError: the directory holds no table of CrewAI's.
        InvalidInputError: LanceDB is not installed.
    """
    try:
        lancedb: Any = importlib.import_module("lancedb")
    except ImportError as error:
        raise InvalidInputError("reading LanceDB needs it: pip install lancedb") from error
    if not (directory / f"{_TABLE}.lance").is_dir():
        raise NotFoundError(f"{str(directory)!r} holds no table {_TABLE!r} of CrewAI's memory")
    table = lancedb.connect(str(directory)).open_table(_TABLE).to_arrow()
    last = {row["id"]: row for batch in table.to_batches() for row in batch.to_pylist()}
    for row in sorted(last.values(), key=lambda row: str(row["created_at"])):
        yield _record(row)


def _record(row: dict[str, Any]) -> dict[str, Any]:
    vector = row.get("vector")
    given = json.loads(row["categories_str"])
    record: dict[str, Any] = {
        "id": row["id"],
        "content": row["content"],
        "scope": "/".join(filter(None, row["scope"].replace("\\", "\\\\").split("/"))),
        "tags": given,
        "metadata": json.loads(row["metadata_str"]),
        "importance": min(max(float(row["importance"]), 0.0), 1.0),
        "created_at": _moment(row["created_at"]),
        "source": {"app": _APP},
        "value": {_APP: _notes(row, given)},
    }
    if vector is not None and any(vector):
        record["vectors"] = {f"{_APP}-{len(vector)}": [float(number) for number in vector]}
    return record


def _notes(row: dict[str, Any], given: list[str]) -> dict[str, Any]:
    """What CrewAI's face notes of a record: only what differs from the default."""
    notes: dict[str, Any] = {"last_accessed": _moment(row["last_accessed"])}
    if list(dict.fromkeys(given)) != given:
        notes["categories"] = given
    if row.get("source"):
        notes["source"] = row["source"]
    if row.get("private"):
        notes["private"] = True
    return notes


def _moment(text: object) -> str:
    """A time of CrewAI, which is UTC where it names no zone."""
    found = datetime.fromisoformat(str(text))
    return (found.replace(tzinfo=UTC) if found.tzinfo is None else found).isoformat()
