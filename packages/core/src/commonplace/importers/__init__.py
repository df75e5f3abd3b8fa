"""Importers: what other memories hold, as lines that `Memory.import_records` takes."""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commonplace.errors import InvalidInputError, NotFoundError
from commonplace.importers.chroma import chroma_records
from commonplace.importers.lance import lancedb_records

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

READERS: dict[str, Callable[[Path], Iterator[dict[str, Any]]]] = {
    "lancedb": lancedb_records,
    "chroma": chroma_records,
}


@contextmanager
def as_lines(kind: str, directory: Path, *, scope: str | None = None) -> Generator[Path]:
    """A file of JSON lines, a record each, that holds what another store holds; gone at the end.

    The other store is only read.

    Args:
        kind: `lancedb` (of CrewAI's memory) or `chroma` (any collections).
        directory: where the other store lives.
        scope: what its scopes are to lie below.

    Raises:
        NotFoundError: there is no such directory, or nothing of that kind in it.
        InvalidInputError: what reads that kind is not installed.
    """
    if kind not in READERS:
        raise InvalidInputError(f"memories are read from {' or '.join(READERS)}")
    if not directory.is_dir():
        raise NotFoundError(f"there is no directory {str(directory)!r}")
    with tempfile.TemporaryDirectory() as scratch:
        lines = Path(scratch) / "records.jsonl"
        with lines.open("w", encoding="utf-8") as file:
            for record in READERS[kind](directory):
                record["scope"] = "/".join(filter(None, (scope, record["scope"])))
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
        yield lines
