"""Sealing everything with the keys that are active now, batch by batch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from commonplace.errors import ConflictError
from commonplace.failpoints import reach
from commonplace.ledger import SEALED_TABLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonplace.ledger import Ledger

_MOST_WALKS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationReport:
    """What a rotation of keys sealed anew.

    Attributes:
        records: how many records.
        versions: how many former states of records.
        threads: how many threads.
        links: how many links.
        bare: how many of all of these were not encrypted before.
    """

    records: int = 0
    versions: int = 0
    threads: int = 0
    links: int = 0
    bare: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        return asdict(self)


def rotate(ledger: Ledger, *, batch: int, progress: Callable[[int], None] | None) -> RotationReport:
    """Seal everything that is not sealed with its scope's key; then nothing needs another key.

    Each batch is a transaction of its own, so a rotation that was stopped or killed goes on where
    it was: what is done is seen to be done.

    Raises:
        ConflictError: other programs go on writing with another key.
    """
    found = dict.fromkeys((*SEALED_TABLES, "bare"), 0)
    for _ in range(_MOST_WALKS):
        before = dict(found)
        for table in SEALED_TABLES:
            _walk(ledger, table, found, batch, progress)
        if found == before:
            break
    else:
        raise ConflictError(
            "other programs write with another key meanwhile; open the memory there with the new "
            "active key, then rotate again"
        )
    if found["bare"]:
        with ledger.write() as transaction:
            transaction.rotation.forget_traces()
    ledger.forget_unused_keys()
    with ledger.files() as files:
        files.truncate_log()
    return RotationReport(**found)


def _walk(
    ledger: Ledger,
    table: str,
    found: dict[str, int],
    batch: int,
    progress: Callable[[int], None] | None,
) -> None:
    after: Any = None
    while True:
        with ledger.write() as transaction:
            walked = transaction.rotation.walk(table, after, batch)
        reach("rotate.after_batch")
        found[table] += walked.sealed
        found["bare"] += walked.bare
        if progress is not None and walked.sealed:
            progress(sum(found.values()) - found["bare"])
        if (after := walked.last) is None:
            return
