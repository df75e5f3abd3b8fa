"""Collections of an embedded Chroma, of AutoGen's memory, CrewAI's old ones, or any other."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commonplace.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

_AT_ONCE = 1000


def chroma_records(directory: Path) -> Iterator[dict[str, Any]]:
    """What the collections of a Chroma directory hold, as `add` takes it, each in its own scope.

    Chroma changes files when it opens them, so a copy is opened. Vectors stay behind: the texts are
    embedded anew by the memory that takes them.

    Raises:
        NotFoundError: the directory is not Chroma's.
    """
    if not (directory / "chroma.sqlite3").is_file():
        raise NotFoundError(f"{str(directory)!r} holds no Chroma: there is no chroma.sqlite3")
    from chromadb import PersistentClient  # noqa: PLC0415 - takes more than a second to import
    from chromadb.config import Settings  # noqa: PLC0415 - as above

    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "chroma"
        shutil.copytree(directory, copy)
        client = PersistentClient(str(copy), Settings(anonymized_telemetry=False))
        try:
            for collection in client.list_collections():
                yield from _of_collection(collection)
        finally:
            client.clear_system_cache()


def _of_collection(collection: Any) -> Iterator[dict[str, Any]]:
    for start in range(0, collection.count(), _AT_ONCE):
        page = collection.get(limit=_AT_ONCE, offset=start, include=["documents", "metadatas"])
        rows = zip(page["ids"], page["documents"], page["metadatas"], strict=True)
        for name, document, metadata in rows:
            yield {
                "id": f"{collection.id}:{name}",  # ids of two collections may be the same
                "content": document or "",
                "scope": str(collection.name),
                "metadata": dict(metadata or {}),
                "source": {"uri": f"chroma:{collection.name}/{name}"},
            }
