"""Exporting: everything in some scopes, as it is at one moment, into one file."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import IO, TYPE_CHECKING

from commonplace.jsonvalue import dump_json
from commonplace.ledger import SpaceModel
from commonplace.moving.files import written_whole
from commonplace.moving.lines import line_of
from commonplace.moving.manifest import DIGEST_BYTES, PLURAL, Manifest
from commonplace.moving.reports import ExportReport

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from commonplace.ledger import Ledger, Selection, Whole
    from commonplace.moving.reports import Progress

_CHARACTERS_AT_ONCE = 1 << 19


def write_export(
    ledger: Ledger,
    path: Path,
    selection: Selection,
    *,
    scopes: Sequence[str],
    history: bool,
    vectors: bool,
    progress: Progress | None,
) -> ExportReport:
    """Write everything in the selected scopes into a file, which is there whole or not at all.

    Args:
        ledger: what is exported.
        path: the file.
        selection: by scopes alone.
        scopes: the paths of those scopes.
        history: whether former states are wanted.
        vectors: whether vectors are.
        progress: told how many lines are written.
    """
    with ledger.extract() as extract, written_whole(path) as file:
        spaces = extract.carried(selection, history=history) if vectors else []
        manifest = Manifest(
            created_at=selection.now,
            memory=ledger.id,
            journal=extract.head(),
            scopes=tuple(scopes),
            history=history,
            vectors=vectors,
            spaces={one.name: SpaceModel(one.identity, one.dimension) for one in spaces},
            counts=extract.counts(selection, history=history),
        )
        lines = _Lines(file, manifest, progress)
        for whole in extract.wholes(selection, spaces, history=history):
            lines.add(whole)
        digest = lines.end()
    return ExportReport(
        path=path,
        **{name: lines.tally[name] for name in (*PLURAL.values(), "vectors")},
        size=path.stat().st_size,
        digest=digest,
    )


class _Lines:
    """The lines of a file, written some at a time and hashed on their way."""

    def __init__(self, file: IO[bytes], manifest: Manifest, progress: Progress | None) -> None:
        self.tally: Counter[str] = Counter()
        self._file = file
        self._progress = progress
        self._total = sum(manifest.counts.values())
        self._digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
        self._waiting: list[str] = [manifest.to_line()]
        self._size = 0

    def add(self, whole: Whole) -> None:
        line = line_of(whole)
        self._waiting.append(line)
        self._size += len(line)
        self.tally[PLURAL[whole.kind]] += 1
        for some in whole.vectors.values():
            self.tally["vectors"] += len(some)
        if self._size > _CHARACTERS_AT_ONCE:
            self._flush()

    def end(self) -> str:
        """Write the last line; the digest that it says."""
        self._flush()
        digest = self._digest.hexdigest()
        counts = {name: self.tally[name] for name in (*PLURAL.values(), "vectors")}
        self._file.write(f"{dump_json({'end': counts, 'blake2b': digest})}\n".encode())
        return digest

    def _flush(self) -> None:
        self._waiting.append("")
        chunk = "\n".join(self._waiting).encode()
        self._digest.update(chunk)
        self._file.write(chunk)
        self._waiting.clear()
        self._size = 0
        if self._progress is not None:
            done = sum(self.tally[name] for name in PLURAL.values())
            self._progress("exporting", done, self._total)
