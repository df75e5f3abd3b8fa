"""Between CrewAI's values and ours: scope paths, times, records, filters, scores. No I/O."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from crewai.memory.types import MemoryRecord

from commonplace import Record, Scope, Source
from commonplace.filters import And, Compare, Field, Or, parse_filter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from commonplace import Filter, RecordFields

APP = "crewai"
"""What `source.app` says of records that were written here, and where their notes lie."""
_KEPT = ("kind", "key", "source", "expires_at", "valid_from", "valid_to")


# Scopes


def scope_of(path: str | None, root: Scope) -> Scope:
    r"""The scope below `root` that a path of CrewAI means.

    None, `""` and `"/"` are the root. Slashes are never doubled, and a leading or trailing one
    says nothing. A `/` within a segment, which other frameworks can write, reads `\/`.
    """
    return Scope(*root.segments, *filter(None, _split(path or "")))


def path_of(scope: Scope, root: Scope) -> str:
    """The path by which CrewAI knows a scope below `root`."""
    return "/" + "/".join(map(_escaped, scope.segments[len(root.segments) :]))


def _split(path: str) -> list[str]:
    segments = [""]
    at = 0
    while at < len(path):
        character = path[at]
        if character == "\\" and path[at + 1 : at + 2] in {"/", "\\"}:
            at += 1
            segments[-1] += path[at]
        elif character == "/":
            segments.append("")
        else:
            segments[-1] += character
        at += 1
    return segments


def _escaped(segment: str) -> str:
    """The segment as `_split` reads it back; a backslash that escapes nothing stays as it is."""
    if "/" not in segment and "\\\\" not in segment and not segment.endswith("\\"):
        return segment
    return segment.replace("\\", "\\\\").replace("/", "\\/")


# Times


def aware(moment: datetime) -> datetime:
    """A time of CrewAI, which is UTC where it names no zone."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def naive(moment: datetime) -> datetime:
    """A time as CrewAI computes with it: UTC without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)


# Records


def notes_of(record: Record) -> dict[str, Any]:
    """What CrewAI knows of a record and ours does not: its source, private, last accessed."""
    value = record.value if isinstance(record.value, dict) else {}
    notes = value.get(APP) if record.source.app == APP else None
    return cast("dict[str, Any]", notes) if isinstance(notes, dict) else {}


def memory_record(
    record: Record, root: Scope, *, embedding: list[float] | None = None
) -> MemoryRecord:
    """The record as CrewAI shows it, whoever wrote it."""
    notes = notes_of(record)
    accessed = notes.get("last_accessed")
    changed = record.created_at if record.source.app == APP else record.updated_at
    return MemoryRecord(
        id=record.id,
        content=content_of(record),
        scope=path_of(record.scope, root),
        categories=notes.get("categories", list(record.tags)),
        metadata=record.metadata,
        importance=record.importance,
        created_at=naive(record.created_at),
        last_accessed=naive(datetime.fromisoformat(accessed) if accessed else changed),
        embedding=embedding,
        source=notes.get("source") if record.source.app == APP else _writer(record.source),
        private=notes.get("private", False),
    )


def rendered_record(record: MemoryRecord) -> Record:
    """As much of a memory as its match tells, for rendering."""
    told = {name: part for name, part in record.metadata.items() if part is not None}
    return Record(
        id=record.id,
        scope=Scope(),
        content="\n".join([record.content, *(f"{name}: {part}" for name, part in told.items())]),
        tags=tuple(record.categories),
        source=Source(agent=record.source or None),
        created_at=aware(record.created_at),
        updated_at=aware(record.created_at),
    )


def content_of(record: Record) -> str:
    """The text of a record: what is searched, or what another framework stored, as JSON."""
    if record.content or record.value is None or record.source.app == APP:
        return record.content
    return json.dumps(record.value, ensure_ascii=False, sort_keys=True)


def _writer(source: Source) -> str | None:
    return source.user or source.agent or source.app


def fields(record: MemoryRecord, root: Scope, standing: Record | None) -> RecordFields:
    """What to write of a record of CrewAI, new or in place of one that it wrote before.

    CrewAI's consolidation builds a record anew and forgets `source` and `private`; what was
    private stays so. `Memory.update` names the source, and so can make it public.
    """
    notes = _notes(record)
    kept: dict[str, Any] = {"source": Source(app=APP)}
    value: dict[str, Any] = {}
    if standing is not None:
        kept = {name: getattr(standing, name) for name in _KEPT}
        if record.content != content_of(standing):
            kept["source"] = standing.source.changed_by(Source(app=APP))
        value = dict(standing.value) if isinstance(standing.value, dict) else {}
        former = notes_of(standing)
        if former.get("private") and record.source is None and not record.private:
            notes |= {name: former[name] for name in ("private", "source") if name in former}
    value = {**value, APP: notes}
    return cast(
        "RecordFields",
        {
            **kept,
            **_shared(record, root),
            "id": record.id,
            "content": record.content,
            "created_at": aware(record.created_at),
            "value": value if notes or len(value) > 1 else None,
        },
    )


def changes(record: MemoryRecord, root: Scope, standing: Record) -> dict[str, Any]:
    """What CrewAI changes in a record that another framework wrote, whose value stays as it is."""
    changed = _shared(record, root)
    if record.content != content_of(standing):
        changed["content"] = record.content
        changed["source"] = standing.source.changed_by(Source(app=APP))
    return changed


def _shared(record: MemoryRecord, root: Scope) -> dict[str, Any]:
    return {
        "scope": scope_of(record.scope, root),
        "tags": list(record.categories),
        "metadata": record.metadata,
        "importance": record.importance,
    }


def _notes(record: MemoryRecord) -> dict[str, Any]:
    """Only what differs from what is read without a note."""
    notes: dict[str, Any] = {}
    accessed = aware(record.last_accessed)
    if accessed != aware(record.created_at):
        notes["last_accessed"] = accessed.isoformat()
    if list(dict.fromkeys(record.categories)) != record.categories:
        notes["categories"] = list(record.categories)
    if record.source is not None:
        notes["source"] = record.source
    if record.private:
        notes["private"] = True
    return notes


# Filters


def where(
    metadata: Mapping[str, Any] | None = None,
    *,
    older_than: datetime | None = None,
    written_here: bool = False,
    besides: Filter | None = None,
) -> Filter | None:
    """The filter for conditions that must all hold; None if there is none.

    Args:
        metadata: values of keys at the top of the metadata, compared as Python does: `1`, `1.0`
            and `True` are equal, `"1"` is another value, None is that of a key that is not there.
            Lists and dicts are compared whole, and within them `True` is not `1`.
        older_than: only what was created before.
        written_here: only what CrewAI wrote.
        besides: one more condition.
    """
    parts = [_equal(key, wanted) for key, wanted in (metadata or {}).items()]
    if older_than is not None:
        parts.append(parse_filter({"@created_at": {"$lt": aware(older_than)}}))
    if written_here:
        parts.append(Compare(Field("source", "app"), "$eq", APP))
    if besides is not None:
        parts.append(besides)
    return And(tuple(parts)) if parts else None


def _equal(key: object, wanted: object) -> Filter:
    if not isinstance(key, str):
        return Or(())  # no metadata has such a key
    checked = parse_filter({"@metadata.x": {"$eq": wanted}})
    field = Field("metadata", "", (key,))
    operand = checked.operand if isinstance(checked, Compare) else wanted
    if isinstance(operand, bool | int | float) and operand in (0, 1):
        numbers = (Compare(field, "$eq", int(operand)), Compare(field, "$eq", bool(operand)))
        return Or(numbers)
    return Compare(field, "$eq", operand)


# Vectors and scores


def usable(vector: Sequence[float] | None) -> bool:
    """Whether a vector has a direction: only then can its record be found by it."""
    return vector is not None and any(vector)


def cosine_score(cosine: float) -> float:
    """The cosine, 0 to 1: what CrewAI's documents call the similarity."""
    return min(max(cosine, 0.0), 1.0)


def lancedb_score(cosine: float) -> float:
    """What CrewAI's LanceDB store gives for unit vectors: 1 / (1 + squared distance)."""
    return 1.0 / (3.0 - 2.0 * min(max(cosine, -1.0), 1.0))
