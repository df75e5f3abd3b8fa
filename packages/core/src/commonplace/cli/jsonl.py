"""A file of records, one JSON value a line, into a memory: good lines are kept, bad ones named."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from commonplace import ConflictError, InvalidInputError
from commonplace.cli import jsoninput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from commonplace import Memory

CHUNK = 1000
_TIMES = ("created_at", "expires_at", "valid_from", "valid_to")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line that was not stored, and why; the reason holds none of its text."""

    line: int
    reason: str


@dataclass(slots=True)
class Outcome:
    """What became of the lines so far."""

    added: int = 0
    refused: list[Refusal] = field(default_factory=list[Refusal])

    def to_dict(self) -> dict[str, Any]:
        """The outcome as JSON."""
        refused = [{"line": bad.line, "reason": bad.reason} for bad in self.refused]
        return {"added": self.added, "refused": refused}


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    record: str | dict[str, Any]


def add_lines(
    memory: Memory,
    lines: Iterable[bytes],
    outcome: Outcome,
    *,
    how: dict[str, Any],
    defaults: dict[str, Any],
    advance: Callable[[int], None],
) -> None:
    """Store every good line, a thousand in one transaction; blank lines are passed over.

    Args:
        memory: where they go.
        lines: UTF-8, each a JSON object of `content` and the fields of `Memory.add`, or a text.
        outcome: what became of them; true at any moment, also when an error ends the work.
        how: the options of `Memory.add_many`, which are sound.
        defaults: the fields of lines that do not set them.
        advance: told after each chunk how many bytes it took.

    Raises:
        CommonplaceError: the memory itself failed; the chunks before are stored.
    """

    def put(batch: Sequence[_Line]) -> None:
        try:
            memory.add_many([line.record for line in batch], **how)
        except (InvalidInputError, ConflictError) as error:
            if len(batch) == 1:
                outcome.refused.append(Refusal(batch[0].number, str(error)))
                return
            # A batch is stored whole or not at all, so halving it finds the lines at fault.
            put(batch[: len(batch) // 2])
            put(batch[len(batch) // 2 :])
        else:
            outcome.added += len(batch)

    numbered = enumerate(lines, start=1)
    while chunk := list(itertools.islice(numbered, CHUNK)):
        if good := list(_readable(chunk, defaults, outcome)):
            put(good)
        advance(sum(len(raw) for _, raw in chunk))
    outcome.refused.sort(key=lambda bad: bad.line)


def _readable(
    chunk: Iterable[tuple[int, bytes]], defaults: dict[str, Any], outcome: Outcome
) -> Iterator[_Line]:
    for number, raw in chunk:
        if not raw.strip():
            continue
        try:
            yield _Line(number, _record(raw, defaults))
        except ValueError as error:
            outcome.refused.append(Refusal(number, _reason(error)))


def _record(raw: bytes, defaults: dict[str, Any]) -> dict[str, Any]:
    value = jsoninput.parse(raw.decode("utf-8-sig"))
    if isinstance(value, str):
        return {**defaults, "content": value}
    if not isinstance(value, dict):
        raise ValueError("a line is a JSON object or a text")  # noqa: TRY004 - the line's value is at fault
    record = {**defaults, **cast("dict[str, Any]", value)}
    for name in _TIMES:
        if isinstance(written := record.get(name), str):
            record[name] = jsoninput.time_of(written)
    return record


def _reason(error: ValueError) -> str:
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
