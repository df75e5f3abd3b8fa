"""Memories whose every part is marked, and a plain search for the marks in all of their bytes."""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tests.pgserver import place_of, rows_at

from commonplace import Memory, PrecomputedEmbedder

if TYPE_CHECKING:
    from collections.abc import Iterable

DIMENSION = 16


def embedder() -> PrecomputedEmbedder:
    return PrecomputedEmbedder("t", DIMENSION)


def mark() -> str:
    """A word that is nowhere else; no English ending that a stemmer would take off."""
    return "zq" + secrets.token_hex(8) + "q"


class Marked:
    """What was written in one scope, and must be found nowhere once that is erased."""

    def __init__(self, memory: Memory, scope: str, count: int, seed: int) -> None:
        self.scope = scope
        self.words = [mark() for _ in range(count)]
        self.patterns: set[bytes] = {scope.encode()}
        self.random = np.random.default_rng(seed)
        self.ids = self._write(memory)

    def _write(self, memory: Memory) -> list[str]:
        made = memory.add_many([self._record(word) for word in self.words], scope=self.scope)
        ids = [record.id for record in made]
        for number, name in enumerate(ids[: len(ids) // 5]):  # a past for some of them
            memory.update(name, content=self._said("now " + mark()), vector=self._vector())
            if number % 3 == 0:
                memory.delete(name)
        for here, there in itertools.pairwise(ids[-15:]):
            memory.link(here, there, reason=self._said(mark()), metadata={"m": self._said(mark())})
        thread = memory.thread(self._said(mark()), scope=self.scope, embed=False)
        thread.add([{"role": "user", "content": self._said(mark()), "name": self._said(mark())}])
        thread.update(metadata={"about": self._said(mark())})
        self.patterns |= {name.encode() for name in ids}
        return ids

    def _record(self, word: str) -> dict[str, Any]:
        return {
            "content": self._said(f"told {word} in confidence"),
            "key": self._said(mark()),
            "value": {"deep": [self._said(mark())]},
            "metadata": {"note": self._said(mark())},
            "tags": [self._said(mark())],
            "source": {"agent": self._said(mark())},
            "vector": self._vector(),
        }

    def _said(self, text: str) -> str:
        self.patterns.add(text.encode())
        return text

    def _vector(self) -> list[float]:
        vector = self.random.standard_normal(DIMENSION).astype("<f4")
        unit = (vector / np.linalg.norm(vector)).astype("<f4")
        self.patterns |= {vector.tobytes(), unit.tobytes(), vector.astype("<f2").tobytes()}
        return vector.tolist()


def traces(directory: Path, patterns: Iterable[bytes]) -> int:
    """How many of the patterns stand anywhere in the files of a directory, names included.

    Of a memory on a server, how many stand in its tables.
    """
    if (place := place_of(directory)) != str(directory):
        held = b"\n".join(rows_at(place).values())
        return sum(one in held or one.hex().encode() in held for one in patterns)
    files = contents(directory)
    held = b"\n".join([*files.values(), *(str(file).encode() for file in files)])
    return sum(pattern in held for pattern in patterns)


def contents(directory: Path) -> dict[Path, bytes]:
    """What is in the files of a directory, but for those that an index process just removes."""
    found: dict[Path, bytes] = {}
    for place, _, names in os.walk(directory):
        for file in (Path(place, name) for name in names):
            with contextlib.suppress(FileNotFoundError):
                found[file] = file.read_bytes()
    return found


def words_kept(directory: Path, words: Iterable[str]) -> int:
    """How many of the words the full-text indexes know, whose pages do not hold them whole."""
    if (place := place_of(directory)) != str(directory):
        rows = rows_at(place)
        return sum(word.encode() in rows["full_text"] + rows["version_text"] for word in words)
    known: set[str] = set()
    with closing(sqlite3.connect(directory / "ledger.sqlite")) as connection:
        for table in ("full_text", "version_text"):
            connection.execute(
                f"CREATE VIRTUAL TABLE temp.v_{table} USING fts5vocab(main, {table}, row)"
            )
            known |= {term for (term,) in connection.execute(f"SELECT term FROM temp.v_{table}")}  # noqa: S608 - our own names
    return sum(word in known for word in words)


def state(memory: Memory, directory: Path) -> list[str]:
    """All that a memory holds, a line each: records with vectors, former states, links, threads."""
    file = directory / "state.jsonl"
    memory.export(file)
    _, *lines, _ = file.read_text().splitlines()  # the header and the end are of the file
    file.unlink()
    return lines
