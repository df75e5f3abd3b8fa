"""What came of an export or an import."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pathlib import Path


class Progress(Protocol):
    """Called now and then, to say how far an export, an import or a backup has come."""

    def __call__(self, step: str, done: int, total: int, /) -> object:
        """Take note.

        Args:
            step: what is being done: `"exporting"`, `"checking"`, `"importing"`, `"copying"`,
                `"verifying"` or `"restoring"`.
            done: how much of it is done.
            total: how much it is in all: lines of an export, threads of an export of threads,
                bytes of a file to import or of a backup, pages of a memory to back up, rows of one
                to migrate.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What a file now holds.

    Attributes:
        path: the file.
        records: how many records.
        versions: how many former states.
        links: how many links.
        threads: how many threads.
        messages: how many messages.
        vectors: how many vectors, those of former states included.
        size: the size of the file in bytes.
        digest: BLAKE2b of all but the last line, before compression, as that line says it.
    """

    path: Path
    records: int
    versions: int
    links: int
    threads: int
    messages: int
    vectors: int
    size: int
    digest: str

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        return {**asdict(self), "path": str(self.path)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadExportReport:
    """What a file of conversations now holds.

    Attributes:
        path: the file.
        format: how it tells them: `jsonl` or `openai`.
        threads: how many conversations.
        messages: how many messages; of other frameworks' one may make several of OpenAI's.
        size: the size of the file in bytes.
    """

    path: Path
    format: str
    threads: int
    messages: int
    size: int

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        return {**asdict(self), "path": str(self.path)}


@dataclass(slots=True, kw_only=True)
class Tally:
    """What became of the rows of one kind.

    Attributes:
        added: they were not there before.
        unchanged: they were there already, and equal.
        replaced: something else was there, and gave way.
        skipped: something else was there, and stayed; or what they hang on is not there.
    """

    added: int = 0
    unchanged: int = 0
    replaced: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A line that was not stored, and why.

    Attributes:
        line: its number in the file, from 1.
        field: the part of the record that is at fault, if it is one.
        reason: what is wrong; it holds none of the line's text.
    """

    line: int
    field: str | None
    reason: str


@dataclass(slots=True, kw_only=True)
class ImportReport:
    """What came of an import.

    Attributes:
        records: what became of the records.
        versions: what became of the former states.
        links: what became of the links.
        threads: what became of the threads.
        messages: what became of the messages.
        embedded: how many records and former states were embedded by this memory's embedder.
        refused: the lines of a plain file that were not stored, in their order.
        dry_run: whether this only says what would happen.
    """

    records: Tally = field(default_factory=Tally)
    versions: Tally = field(default_factory=Tally)
    links: Tally = field(default_factory=Tally)
    threads: Tally = field(default_factory=Tally)
    messages: Tally = field(default_factory=Tally)
    embedded: int = 0
    refused: list[Refusal] = field(default_factory=list[Refusal])
    dry_run: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        return asdict(self)


@dataclass(slots=True, kw_only=True)
class ThreadImportReport:
    """What came of an import of conversations.

    Attributes:
        format: how the file told them: `jsonl`, `openai` or `longmemeval`.
        added: threads that were not there before.
        extended: threads that were there, and got messages that they lacked.
        unchanged: threads that were there with all their messages.
        skipped: threads whose time is over.
        messages: what became of the messages. Skipped are those whose time is over, and those in
            whose place something else is, which stays.
        refused: the conversations of which nothing was stored, each by the line at fault.
        dry_run: whether this only says what would happen.
    """

    format: str
    added: int = 0
    extended: int = 0
    unchanged: int = 0
    skipped: int = 0
    messages: Tally = field(default_factory=Tally)
    refused: list[Refusal] = field(default_factory=list[Refusal])
    dry_run: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        return asdict(self)
