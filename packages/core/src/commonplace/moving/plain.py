"""Plain files of other programs, JSONL and CSV: good lines are stored, bad ones named."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, cast

from commonplace.clock import from_iso
from commonplace.drafts import RecordFields, fault_of
from commonplace.errors import ConflictError, InvalidInputError
from commonplace.jsonvalue import parse_json
from commonplace.moving.reports import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from commonplace.moving.files import Source
    from commonplace.moving.reports import ImportReport

PlainFormat: TypeAlias = Literal["jsonl", "csv"]
OnError: TypeAlias = Literal["report", "stop"]
Fields: TypeAlias = dict[str, Any]
"""What a line says, by the names that `add` has for it."""

_LINES_AT_ONCE = 1_000
_CHARACTERS_AT_ONCE = 8_000_000
_SUFFIXES: dict[str, PlainFormat] = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}
_FIELDS = frozenset({"content", *RecordFields.__annotations__})
_NESTED = frozenset({"metadata", "value", "source"})
_TIMES = frozenset({"created_at", "expires_at", "valid_from", "valid_to"})
_NUMBERS = frozenset({"importance", "ttl", "source.trust"})
_JSON = frozenset({"metadata", "value", "source", "vector", "vectors"})
_FLAGS = {"true": True, "false": False}
_MISSING: Any = object()


class Line(NamedTuple):
    """One line: its number, and what it says, or why it is refused."""

    number: int
    said: Fields | Refusal


def format_of(path: Path) -> PlainFormat:
    """The format that a file's name says.

    Raises:
        InvalidInputError: it says none.
    """
    name = path.with_suffix("") if path.suffix == ".gz" else path
    if name.suffix.lower() not in _SUFFIXES:
        raise InvalidInputError(
            f"the name {path.name!r} ends in none of {sorted(_SUFFIXES)}; "
            "say its format, jsonl or csv"
        )
    return _SUFFIXES[name.suffix.lower()]


def checked_mapping(mapping: object) -> dict[str, str] | None:
    """A mapping from our fields to the names they have in a file.

    Raises:
        InvalidInputError: it is none, or names a field that records do not have.
    """
    if mapping is None:
        return None
    given = cast("dict[object, object]", mapping)
    if not isinstance(mapping, dict) or not all(
        isinstance(name, str) for pair in given.items() for name in pair
    ):
        raise InvalidInputError('mapping is a dict such as {"content": "text"}')
    for ours in cast("dict[str, str]", given):
        root, dot, below = ours.partition(".")
        if root not in _FIELDS or (dot and (root not in _NESTED or not below)):
            raise InvalidInputError(
                f"a record has no {ours!r}; it has {sorted(_FIELDS)}, and parts of metadata, "
                "value and source such as 'metadata.author'"
            )
    return cast("dict[str, str]", given)


def json_lines(source: Source, mapping: Mapping[str, str] | None) -> Iterator[Line]:
    """The lines of a JSONL file, each an object, or a text that is a record's content."""
    for number, raw in enumerate(source.lines(), 1):
        if not raw.strip():
            continue
        try:
            said = _json_object(raw)
        except InvalidInputError as error:
            yield Line(number, Refusal(line=number, field=None, reason=str(error)))
        else:
            yield Line(number, _mapped(number, said, mapping, _from_json))


def csv_lines(source: Source, mapping: Mapping[str, str] | None) -> Iterator[Line]:
    """The rows of a CSV file with a header, each by the line it begins in.

    Raises:
        InvalidInputError: the header lacks a name of the mapping, or has one that no field has.
    """
    # What is not UTF-8 becomes lone surrogates, so that only the row it is in is refused.
    decoded = (line.decode("utf-8-sig", "surrogateescape") for line in source.lines())
    reader = csv.reader(decoded, strict=True)
    header: list[str] = next(reader, list[str]())
    mapping = {name: name for name in header} if mapping is None else mapping
    checked_mapping(mapping)
    if lacking := [theirs for theirs in mapping.values() if theirs not in header]:
        raise InvalidInputError(
            f"the file's first line has no {lacking[0]!r}, which the mapping names"
        )
    while True:
        number = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield Line(number, Refusal(line=number, field=None, reason=f"not CSV: {error}"))
            continue
        if row is None:
            return
        if row:
            yield Line(number, _csv_fields(number, header, row, mapping))


def store(
    lines: Iterable[Line],
    put: Callable[[Sequence[Fields]], object],
    report: ImportReport,
    *,
    stop: bool = False,
    advance: Callable[[], object] = lambda: None,
) -> None:
    """Store every good line, about a thousand in one transaction.

    Args:
        lines: what to store.
        put: stores some lines, all or none.
        report: what became of them; true at any moment, also when an error ends the work.
        stop: whether the first refused line is an error; the lines before it are stored.
        advance: called after every batch.

    Raises:
        InvalidInputError: a line was refused, with `stop`.
        CommonplaceError: the memory itself failed; the batches before are stored.
    """
    storing = _Storing(put, report, stop=stop)
    for batch in _batches(lines):
        storing.take(batch)
        advance()
    report.refused.sort(key=lambda refusal: refusal.line)


class _Storing:
    """Stores batches, and halves those that are refused until the lines at fault are found."""

    def __init__(
        self, put: Callable[[Sequence[Fields]], object], report: ImportReport, *, stop: bool
    ) -> None:
        self._put = put
        self._report = report
        self._stop = stop

    def take(self, batch: Iterable[Line]) -> None:
        good: list[Line] = []
        for line in batch:
            if not isinstance(line.said, Refusal):
                good.append(line)
                continue
            if self._stop:
                self._store(good)
            self._refuse(line.said)
        self._store(good)

    def _store(self, batch: Sequence[Line]) -> None:
        if not batch:
            return
        try:
            self._put([cast("Fields", line.said) for line in batch])
        except (InvalidInputError, ConflictError) as error:
            if len(batch) == 1:
                field = fault_of(cast("Fields", batch[0].said))
                self._refuse(Refusal(line=batch[0].number, field=field, reason=str(error)))
                return
            self._store(batch[: len(batch) // 2])
            self._store(batch[len(batch) // 2 :])
        else:
            self._report.records.added += len(batch)

    def _refuse(self, refusal: Refusal) -> None:
        if self._stop:
            raise InvalidInputError(
                f"line {refusal.line}: {refusal.reason}; the lines before it are stored"
            )
        self._report.refused.append(refusal)


def _batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    size = 0
    for line in lines:
        batch.append(line)
        content = None if isinstance(line.said, Refusal) else line.said.get("content")
        size += len(content) if isinstance(content, str) else 0
        if len(batch) == _LINES_AT_ONCE or size > _CHARACTERS_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _json_object(raw: bytes) -> Fields:
    try:
        value = parse_json(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InvalidInputError("not UTF-8") from None
    if isinstance(value, str):
        return {"content": value}
    if not isinstance(value, dict):
        raise InvalidInputError("a line is a JSON object or a text")
    return cast("Fields", value)


def _csv_fields(
    number: int, header: Sequence[str], row: Sequence[str], mapping: Mapping[str, str]
) -> Fields | Refusal:
    if len(row) != len(header):
        reason = f"it has {len(row)} cells, and the first line {len(header)}"
        return Refusal(line=number, field=None, reason=reason)
    try:
        "".join(row).encode()
    except UnicodeEncodeError:
        return Refusal(line=number, field=None, reason="not UTF-8")
    # An empty cell is no value, but in the content it is the empty text.
    content = mapping.get("content")
    said = {name: cell for name, cell in zip(header, row, strict=True) if cell or name == content}
    return _mapped(number, said, mapping, _from_cell)


def _mapped(
    number: int,
    said: Fields,
    mapping: Mapping[str, str] | None,
    read: Callable[[str, Any], Any],
) -> Fields | Refusal:
    """The fields of a record from what a line says under its own names."""
    if mapping is None:
        pairs = said
    else:
        found = {ours: _found(said, theirs) for ours, theirs in mapping.items()}
        if found.get("content") is _MISSING:
            return Refusal(line=number, field="content", reason="it has no such field")
        pairs = {ours: part for ours, part in found.items() if part is not _MISSING}
    fields: Fields = {}
    for ours, part in pairs.items():
        try:
            value = read(ours, part)
        except InvalidInputError as error:
            return Refusal(line=number, field=ours, reason=str(error))
        if mapping is None:
            fields[ours] = value
        else:
            _place(fields, ours.split("."), value)
    return fields


def _found(said: Fields, theirs: str) -> Any:
    """What a line says under a name, or under a path of names."""
    if theirs in said:
        return said[theirs]
    place: Any = said
    for name in theirs.split("."):
        if not isinstance(place, dict) or name not in place:
            return _MISSING
        place = cast("Fields", place)[name]
    return place


def _place(fields: Fields, names: Sequence[str], value: Any) -> None:
    for name in names[:-1]:
        if not isinstance(fields.get(name), dict):
            fields[name] = {}
        fields = fields[name]
    fields[names[-1]] = value


def _from_json(ours: str, part: Any) -> Any:
    return from_iso(part) if ours in _TIMES and isinstance(part, str) else part


def _from_cell(ours: str, cell: str) -> Any:
    if ours in _TIMES:
        return from_iso(cell)
    if ours in _JSON:
        return parse_json(cell)
    if ours in _NUMBERS:
        return _number(cell, ours)
    if ours == "tags":
        return [tag.strip() for tag in cell.split(",") if tag.strip()]
    if ours == "embed":
        if cell.lower() not in _FLAGS:
            raise InvalidInputError("embed is true or false")
        return _FLAGS[cell.lower()]
    return cell


def _number(cell: str, name: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise InvalidInputError(f"{name} is a number") from None
