"""Erasing: remove the rows, write every file anew, look for traces, keep the receipt."""

from __future__ import annotations

import logging
import secrets
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal

from commonplace.clock import from_micros, new_id
from commonplace.errors import CommonplaceError
from commonplace.failpoints import reach
from commonplace.ledger import Marker
from commonplace.maintenance.health import Report
from commonplace.maintenance.present import files_below
from commonplace.maintenance.receipt import STEPS, Receipt, digest_of
from commonplace.maintenance.scanning import Patterns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from commonplace.index import Index
    from commonplace.ledger import Ledger, Target

_LOG = logging.getLogger("commonplace")
WAIT = 10.0
"""For how many seconds other processes are waited for."""


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one memory.

    Args:
        ledger: its ledger.
        index: its index.
    """

    ledger: Ledger
    index: Index

    @property
    def directory(self) -> Path | None:
        """Where they lie; None for a memory in memory."""
        return None if self.ledger.path is None else self.ledger.path.parent

    def size(self) -> int:
        """How many bytes they have, or the tables of a server."""
        return self.ledger.size() if self.ledger.on_server else sum(self.sizes().values())

    def sizes(self) -> dict[str, int]:
        """The size of every file in bytes; `index` for all of the index's."""
        found: dict[str, int] = {}
        if self.directory is not None:
            for file, size in files_below(self.directory):
                name = file.relative_to(self.directory).parts[0]
                found[name] = found.get(name, 0) + size
        return found

    def rewrite(self, steps: Sequence[str], *, wait: float) -> list[str]:
        """Do the steps of an erasure; those that could not be done.

        Args:
            steps: which.
            wait: for how many seconds other processes are waited for.
        """
        epoch = self.ledger.epoch()
        left: list[str] = []
        for step in (step for step in STEPS if step in steps):
            done = self._did(step, epoch, wait)
            if done:
                with self.ledger.write() as transaction:
                    transaction.erasures.done(step, epoch)
            else:
                left.append(step)
            reach(f"erase.after_{step}")
        return left

    def _did(self, step: str, epoch: int, wait: float) -> bool:
        try:
            if step == "index":
                return self.index.forget(epoch, wait=wait)
            if step == "log":
                return self._empty_log(wait)
            with self.ledger.files() as files:
                (files.merge_texts if step == "text" else files.vacuum)()
        except CommonplaceError as error:
            _LOG.warning("an erasure is not finished: %s", type(error).__name__)
            return False
        return True

    def _empty_log(self, wait: float) -> bool:
        with self.ledger.files() as files:
            return files.truncate_log(wait=wait > 0)


def erase(
    files: Files,
    target: Target,
    kind: Literal["ids", "scope", "everything"],
    *,
    scan: bool,
    now: int,
) -> Receipt:
    """Remove a target from the ledger, from its files and from the index.

    Args:
        files: of the memory.
        target: what.
        kind: what to call it in the receipt.
        scan: whether to look for traces.
        now: the present moment.
    """
    before = files.sizes()
    server = files.ledger.on_server
    patterns = Patterns(enabled=scan and not server)
    with files.ledger.erase() as transaction:
        ids, scale, place = transaction.erase(target, see=patterns.see, now=now)
        salt = secrets.token_hex(16)
        receipt = Receipt(
            id=new_id(),
            at=from_micros(now),
            target=kind,
            scale=scale,
            digest=digest_of(salt, ids),
            salt=salt,
            pending=STEPS,
            server=server,
            index_server=files.index.server,
        )
        detail = {"digest": receipt.digest, **asdict(scale)}
        marker = Marker(0, receipt.id, STEPS, receipt.to_dict())
        transaction.note(marker, place, detail, now)
        reach("erase.before_commit")
    reach("erase.after_commit")
    left = files.rewrite(STEPS, wait=WAIT)
    with files.ledger.read() as snapshot:
        found = patterns.scan(files.directory, snapshot.erasures.survivors())
    reach("erase.after_scan")
    receipt = replace(
        receipt, files=_changes(before, files.sizes()), scan=found, pending=tuple(left)
    )
    _keep(files.ledger, receipt)
    return receipt


def receipts(ledger: Ledger) -> list[Receipt]:
    """The receipts of a ledger, oldest first, with what is still to be done for each."""
    with ledger.read() as snapshot:
        return [
            replace(Receipt.from_dict(marker.receipt), pending=marker.pending)
            for marker in snapshot.erasures.all()
        ]


def finish(files: Files, *, wait: float | None = None) -> int:
    """Do what is left to do for erasures that were cut short; how many are finished by it.

    Args:
        files: of the memory.
        wait: for how many seconds other processes are waited for; None for ten.
    """
    with files.ledger.read() as snapshot:
        markers = snapshot.erasures.unfinished()
    if not markers:
        return 0
    steps = {step for marker in markers for step in marker.pending}
    seconds = WAIT if wait is None else wait
    left = files.rewrite([step for step in STEPS if step in steps], wait=seconds)
    return sum(not set(marker.pending) & set(left) for marker in markers)


def check(ledger: Ledger, receipt: Receipt) -> Report:
    """What speaks against a receipt, by the ledger's own account of it."""
    known = {one.id: one for one in receipts(ledger)}.get(receipt.id)
    if known is None:
        return Report(problems=("this memory has no such receipt",))
    problems: list[str] = []
    if not known.agrees(receipt):
        problems.append("this memory's receipt of that id says something else")
    with ledger.read() as snapshot:
        told = snapshot.journal.erasure(receipt.id)
    if told is None or told.get("digest") != receipt.digest:
        problems.append("the journal does not tell of this erasure")
    if known.pending:
        problems.append(f"the erasure is not finished: {', '.join(known.pending)}")
    return Report(problems=tuple(problems))


def _keep(ledger: Ledger, receipt: Receipt) -> None:
    with ledger.write() as transaction:
        for marker in transaction.erasures.all():
            if marker.id == receipt.id:
                transaction.erasures.say(marker.number, receipt.to_dict())


def _changes(before: dict[str, int], after: dict[str, int]) -> dict[str, tuple[int, int]]:
    names = sorted({*before, *after})
    return {name: (before.get(name, 0), after.get(name, 0)) for name in names}
