"""Audit files: the journal as JSON Lines with a hash chain, written, continued and checked."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, cast

from commonplace.errors import DataDamagedError, FileDamagedError
from commonplace.ledger import Head, chain_start, chained, leaf_of
from commonplace.moving.files import opened, written_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from commonplace.ledger import AuditEntry, Ledger

_FORMAT = 1
_AT_ONCE = 10_000
_SAID = ("seq", "at", "operation", "record", "scope", "version", "detail")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """An audit file, written or checked.

    Attributes:
        ledger: the id of the memory whose journal it holds.
        entries: how many entries of the journal it holds.
        erased: how many of them were erased: what they said cannot be checked any more, only that
            they stood there.
        first: the first entry; 0 if there is none.
        last: the last entry, or the one before the first.
        head: the hash up to the last entry, in hexadecimal. Who keeps it elsewhere has a proof of
            all entries before it.
        problems: what is wrong with it.
    """

    ledger: str = ""
    entries: int = 0
    erased: int = 0
    first: int = 0
    last: int = 0
    head: str = ""
    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        names = ("ledger", "entries", "erased", "first", "last", "head")
        return {
            "ok": self.ok,
            **{name: getattr(self, name) for name in names},
            "problems": list(self.problems),
        }


def write_audit(ledger: Ledger, path: Path, after: Path | None) -> AuditReport:
    """Write the journal into a file, or what came after an earlier one.

    Args:
        ledger: whose.
        path: the file.
        after: the earlier file.

    Raises:
        FileDamagedError: the earlier file does not check.
        DataDamagedError: the journal is no longer what the earlier file says it was.
    """
    with ledger.audit() as audit:
        chain_id = audit.chain_id
    begin = Head(0, chain_start(chain_id))
    if after is not None:
        earlier = check_audit_file(after)
        if not earlier.ok:
            raise FileDamagedError(f"{after}: {earlier.problems[0]}; continue another file")
        earlier = check_audit_file(after, ledger)
        if not earlier.ok:
            raise DataDamagedError(f"{after} and the journal disagree: {earlier.problems[0]}")
        begin = Head(earlier.last, earlier.head)
    while _committed(ledger) == _AT_ONCE:
        pass
    with ledger.audit() as audit, written_whole(path) as file:
        report = _write(file, chain_id, begin, audit.entries(audit.last()))
    with ledger.audit(writes=True) as audit:
        audit.keep_head(Head(report.last, report.head))
    return report


def _committed(ledger: Ledger) -> int:
    with ledger.audit(writes=True) as audit:
        return audit.commit(_AT_ONCE)


def check_audit_file(path: Path, ledger: Ledger | None = None) -> AuditReport:
    """What an audit file holds, and what is wrong with it, or between it and a journal.

    Args:
        path: the file.
        ledger: whose journal it is to agree with; None to check the file alone.

    Raises:
        NotFoundError: there is no such file.
    """
    checked = _Checked()
    with opened(path) as source:
        number = 0
        try:
            for number, line in enumerate(source.lines(), 1):
                checked.take(_parsed(line, number))
            checked.end()
        except _WrongError as wrong:
            return checked.report(str(wrong))
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            return checked.report(f"line {number} is not as an audit file has it")
    return checked.report(None if ledger is None else _disagreement(checked, ledger))


class _WrongError(Exception):
    """What is wrong with a file, in words that hold nothing of it."""


@dataclass
class _Checked:
    """An audit file, line by line."""

    header: dict[str, Any] | None = None
    summary: dict[str, Any] | None = None
    leaves: dict[int, bytes] = field(default_factory=dict[int, bytes])
    erased: int = 0
    accounted: int = 0
    first: int = 0
    last: int = 0
    head: str = ""

    def take(self, line: dict[str, Any]) -> None:
        """The next line."""
        if self.header is None:
            self._begin(line)
        elif self.summary is not None:
            raise _WrongError("there are lines after the summary")
        elif "entries" in line:
            self.summary = line
        else:
            self._entry(line)

    def end(self) -> None:
        """The end of the file."""
        told = {
            "entries": len(self.leaves),
            "erased": self.erased,
            "last": self.last,
            "head": self.head,
        }
        if self.summary is None:
            raise _WrongError("the summary is missing: the file was cut off")
        if self.summary != told:
            raise _WrongError("the summary does not fit the entries")
        if self.erased > self.accounted:
            raise _WrongError("more entries are erased than its erasures account for")

    def report(self, problem: str | None) -> AuditReport:
        """What was found."""
        return AuditReport(
            ledger=str((self.header or {}).get("ledger", "")),
            entries=len(self.leaves),
            erased=self.erased,
            first=self.first,
            last=self.last,
            head=self.head,
            problems=() if problem is None else (problem,),
        )

    def _begin(self, line: dict[str, Any]) -> None:
        if line.get("commonplace") != "audit":
            raise _WrongError("it is no audit file")
        if line.get("format") != _FORMAT:
            raise _WrongError("its format is unknown; a newer version of commonplace wrote it")
        self.header, self.last, self.head = line, int(line["after"]), str(line["previous"])
        if not self.last and self.head != chain_start(str(line["ledger"])):
            raise _WrongError("its chain does not begin as that of its memory")

    def _entry(self, line: dict[str, Any]) -> None:
        said = {name: line[name] for name in _SAID}
        seq = said["seq"]
        if seq != self.last + 1:
            raise _WrongError(f"entry {self.last + 1} is missing")
        if "leaf" in line:
            leaf = bytes.fromhex(line["leaf"])
            self.erased += 1
        else:
            leaf = leaf_of(bytes.fromhex(line["nonce"]), said)
        if said["operation"] == "erase":
            self.accounted += int(said["detail"].get("journal", 0))
        self.head = chained(self.head, leaf)
        if self.head != line["hash"]:
            raise _WrongError(f"entry {seq} is not what was written, or one before it is not")
        self.first, self.last = self.first or seq, seq
        self.leaves[seq] = leaf


def _disagreement(checked: _Checked, ledger: Ledger) -> str | None:
    """Where a journal differs from a file that checks by itself."""
    header = checked.header or {}
    with ledger.audit() as audit:
        if header["ledger"] != audit.chain_id:
            return "it is of another memory"
        chain, last = chain_start(audit.chain_id), 0
        for entry in audit.entries(checked.last):
            if entry.seq != last + 1:
                break
            if last == header["after"] and chain != header["previous"]:
                return f"an entry up to {last} is not what it was"
            if checked.leaves.get(entry.seq, entry.leaf) != entry.leaf:
                return f"entry {entry.seq} of the journal is not what it was"
            chain, last = chained(chain, entry.leaf), entry.seq
    if last < checked.last:
        return f"entry {last + 1} of the journal is missing"
    return None if chain == checked.head else f"an entry up to {last} is not what it was"


def _write(
    file: IO[bytes], chain_id: str, begin: Head, entries: Iterator[AuditEntry]
) -> AuditReport:
    header = {
        "commonplace": "audit",
        "format": _FORMAT,
        "ledger": chain_id,
        "after": begin.seq,
        "previous": begin.hash,
        "at": datetime.now(UTC).isoformat(),
    }
    file.write(_line(header))
    chain, first, last, count, erased = begin.hash, 0, begin.seq, 0, 0
    for entry in entries:
        if entry.seq <= begin.seq:
            continue
        chain, last = chained(chain, entry.leaf), entry.seq
        first, count = first or last, count + 1
        erased += entry.nonce is None
        proof = {"leaf": entry.leaf.hex()} if entry.nonce is None else {"nonce": entry.nonce.hex()}
        file.write(_line({**entry.said, **proof, "hash": chain}))
    file.write(_line({"entries": count, "erased": erased, "last": last, "head": chain}))
    return AuditReport(
        ledger=chain_id, entries=count, erased=erased, first=first, last=last, head=chain
    )


def _line(said: Mapping[str, Any]) -> bytes:
    return json.dumps(said, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def _parsed(line: bytes, number: int) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise _WrongError(f"line {number} is no JSON") from error
    if not isinstance(found, dict):
        raise _WrongError(f"line {number} is no JSON object")
    return cast("dict[str, Any]", found)
