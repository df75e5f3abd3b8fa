"""The first line of an export: what the file is, what it holds, and whose vectors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from commonplace.errors import FileDamagedError, FormatError, FormatTooNewError
from commonplace.jsonvalue import dump_json
from commonplace.ledger import FIELDS, SpaceModel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from commonplace.ledger import RowKind

FORMAT = "commonplace-export"
VERSION = 1
DIGEST_BYTES = 32
PLURAL: dict[RowKind, str] = {kind: f"{kind}s" for kind in FIELDS}
"""What the rows of a kind are called where they are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What the first line says.

    Attributes:
        created_at: when it was written, in microseconds since 1970-01-01 UTC.
        memory: the id of the memory it came from.
        journal: the newest change it knows.
        scopes: what it covers: these scopes and what is below them.
        history: whether former states are in it.
        vectors: whether vectors are.
        spaces: whose vectors, by the space's name.
        counts: how many lines of each kind follow.
    """

    created_at: int
    memory: str
    journal: int
    scopes: tuple[str, ...]
    history: bool
    vectors: bool
    spaces: Mapping[str, SpaceModel]
    counts: Mapping[RowKind, int]

    def to_line(self) -> str:
        """The line, without its line feed."""
        said = {
            "format": FORMAT,
            "version": VERSION,
            "created_at": self.created_at,
            "memory": self.memory,
            "journal": self.journal,
            "scopes": list(self.scopes),
            "history": self.history,
            "vectors": self.vectors,
            "spaces": {name: model._asdict() for name, model in self.spaces.items()},
            "counts": {PLURAL[kind]: self.counts.get(kind, 0) for kind in PLURAL},
        }
        return dump_json(said)

    @classmethod
    def from_line(cls, line: bytes, path: Path) -> Manifest:
        """What the first line of a file says.

        Raises:
            FormatError: it is not the first line of an export.
            FormatTooNewError: a newer version of Commonplace wrote it.
        """
        said = json_object(line)
        if said.get("format") != FORMAT:
            raise FormatError(
                f"{path} is not an export of a memory; import plain JSONL or CSV with "
                "import_records"
            )
        if said.get("version") != VERSION:
            raise FormatTooNewError(
                f"{path} has format version {said.get('version')!r}, this version of commonplace "
                f"reads {VERSION}; upgrade commonplace"
            )
        try:
            return cls._of(said)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FileDamagedError(f"{path}: its first line is damaged; export it again") from error

    @classmethod
    def _of(cls, said: dict[str, Any]) -> Manifest:
        models = {
            name: SpaceModel(str(model["identity"]), int(model["dimension"]))
            for name, model in said["spaces"].items()
        }
        return cls(
            created_at=int(said["created_at"]),
            memory=str(said["memory"]),
            journal=int(said["journal"]),
            scopes=tuple(map(str, said["scopes"])),
            history=bool(said["history"]),
            vectors=bool(said["vectors"]),
            spaces=models,
            counts={kind: int(said["counts"][name]) for kind, name in PLURAL.items()},
        )


def says_export(line: bytes) -> bool:
    """Whether this is the first line of an export, of whatever version."""
    return json_object(line).get("format") == FORMAT


def json_object(line: bytes) -> dict[str, Any]:
    """The JSON object that a line is; empty if it is none."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", said) if isinstance(said, dict) else {}
