"""The values a memory is made of: records and their versions, links, sources, hits."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from commonplace.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from commonplace.jsonvalue import JsonValue
    from commonplace.message import Message
    from commonplace.scope import Scope

Direction: TypeAlias = Literal["both", "out", "in"]
"""Which links of a record count: `out` from it, `in` to it, or both."""
OPERATIONS = (
    "add",
    "update",
    "delete",
    "move",
    "expire",
    "archive",
    "restore",
    "supersede",
    "merge",
    "link",
    "unlink",
    "erase",
)
"""What the journal says can happen to a record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Who wrote a record, and through what. Every part is optional.

    Attributes:
        app: the program or framework face, such as `"langgraph"`.
        agent: the agent's name.
        user: the person it was written for.
        thread: the conversation it came from.
        uri: the page, mail or file it came from.
        trust: how far the writer is trusted, 0 (not at all) to 1 (fully), or None for unknown.
    """

    app: str | None = None
    agent: str | None = None
    user: str | None = None
    thread: str | None = None
    uri: str | None = None
    trust: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The parts that are known, as JSON."""
        parts = {part.name: getattr(self, part.name) for part in fields(self)}
        return {name: value for name, value in parts.items() if value is not None}

    def changed_by(self, writer: Source) -> Source:
        """The source of a record whose text `writer` changed.

        The app stays, as it says how the record's value reads, and so does the user if the writer
        names none. All else is the writer's, the trust too: a text is worth what its last writer
        is. Without an agent the writer's app stands there.
        """
        return replace(
            writer,
            app=self.app,
            agent=writer.agent or writer.app,
            user=self.user if writer.user is None else writer.user,
        )

    @classmethod
    def from_dict(cls, parts: Mapping[str, Any]) -> Source:
        """The source that `to_dict` described.

        Raises:
            InvalidInputError: a part has a name that `Source` does not know.
        """
        known = {part.name for part in fields(cls)}
        if unknown := sorted(set(parts) - known):
            raise InvalidInputError(f"a source has no {unknown[0]!r}; it has {sorted(known)}")
        return cls(**parts)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Record:
    """One memory, as it was when it was read. Times are aware UTC with microseconds.

    Attributes:
        id: UUIDv7 text unless the caller chose another.
        scope: where it lives.
        key: the caller's own name for it, unique within its scope.
        kind: `fact` by default; `message`, `summary`, `entity`, `document`, any lower-case word.
        content: the text that is searched.
        value: the JSON the caller stored with it, or None.
        tags: labels, in the order given, without repeats.
        metadata: a JSON object, filterable.
        importance: 0 to 1.
        source: who wrote it.
        created_at: when it was first written; overwriting keeps it.
        updated_at: when it was last written.
        expires_at: from when on it is invisible, or None.
        valid_from: from when on the fact was true, or None.
        valid_to: until when the fact was true, or None; once passed, it is closed.
        archived_at: since when it is archived and left out of searches, or None.
        version: 1, and one more with every change.
    """

    id: str
    scope: Scope
    content: str = ""
    key: str | None = None
    kind: str = "fact"
    value: JsonValue = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, JsonValue] = field(default_factory=dict[str, "JsonValue"])
    importance: float = 0.5
    source: Source = Source()
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    archived_at: datetime | None = None
    version: int = 1

    @property
    def text(self) -> str:
        """What it says: its content, or else its value as JSON with sorted keys."""
        if self.content or self.value is None:
            return self.content
        return json.dumps(self.value, ensure_ascii=False, sort_keys=True)

    def __hash__(self) -> int:
        return hash((self.id, self.version))

    def __repr__(self) -> str:
        key = f" key={self.key!r}" if self.key is not None else ""
        size = f"{len(self.content)} characters"
        return f"<Record {self.id} {self.kind} in {self.scope.path!r}{key} v{self.version}, {size}>"

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON: the scope as a path, times as ISO 8601 text."""
        return {
            "id": self.id,
            "scope": self.scope.path,
            "key": self.key,
            "kind": self.kind,
            "content": self.content,
            "value": self.value,
            "tags": list(self.tags),
            "metadata": self.metadata,
            "importance": self.importance,
            "source": self.source.to_dict(),
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
            "expires_at": _iso(self.expires_at),
            "valid_from": _iso(self.valid_from),
            "valid_to": _iso(self.valid_to),
            "archived_at": _iso(self.archived_at),
            "version": self.version,
        }


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Version:
    """One state in the history of a record.

    Attributes:
        record: the record in this state; it was written at `record.updated_at`.
        replaced_at: when the state ended; None for the present one.
        replaced_by: the operation that ended it, such as `update` or `delete`; None for the
            present one.
    """

    record: Record
    replaced_at: datetime | None = None
    replaced_by: str | None = None

    def __repr__(self) -> str:
        end = f"until {self.replaced_by}" if self.replaced_by else "present"
        return f"<Version {end} of {self.record!r}>"

    def to_dict(self) -> dict[str, Any]:
        """The state as JSON."""
        return {
            "record": self.record.to_dict(),
            "replaced_at": _iso(self.replaced_at),
            "replaced_by": self.replaced_by,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A typed, weighted, directed edge between two records.

    There is at most one of each type from one record to another.

    Attributes:
        source_id: the record it leads from.
        target_id: the record it leads to.
        type: `related` by default; `causes`, `supersedes`, `about`, any lower-case word.
        weight: how strong it is, above 0 and at most 1.
        reason: why it was made, in words, or None.
        metadata: a JSON object.
        created_at: when it was first made; linking again keeps it.
    """

    source_id: str
    target_id: str
    type: str = "related"
    weight: float = 1.0
    reason: str | None = None
    metadata: dict[str, JsonValue] = field(default_factory=dict[str, "JsonValue"])
    created_at: datetime

    def __hash__(self) -> int:
        return hash((self.source_id, self.target_id, self.type))

    def __repr__(self) -> str:
        return f"<Link {self.source_id} {self.type} {self.target_id}, {self.weight:.4g}>"

    def to_dict(self) -> dict[str, Any]:
        """The link as JSON: its time as ISO 8601 text."""
        return {
            "source_id": self.source_id,
            "target_id": self.target_id,
            "type": self.type,
            "weight": self.weight,
            "reason": self.reason,
            "metadata": self.metadata,
            "created_at": self.created_at.isoformat(),
        }


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Hit:
    """A record that a search found, and why.

    Attributes:
        record: what was found.
        score: what it was ranked by, higher is better: the cosine in `dense` mode, BM25 in
            `lexical` mode, the weighted sum of both normalised lanes (0 to 1) in `hybrid` mode,
            and 0 for records listed without a query.
        similarity: the cosine of its best vector with the query's, -1 to 1; None if it has none
            in the searched space or no vector was asked for.
        lexical: its BM25 score, above 0; None if no word of the query is in it.
        parts: what a hybrid score is made of, each part adding to it: `dense` and `lexical`, and
            for messages of a thread `neighbours`, `session`, `substance`, `question`, `answer`,
            `speaker` and `time`. Parts that are 0 are left out.
        context: for a message, itself and its neighbours in order, as many as `context=` asked for.
    """

    record: Record
    score: float
    similarity: float | None = None
    lexical: float | None = None
    parts: dict[str, float] = field(default_factory=dict[str, float])
    context: tuple[Message, ...] = ()

    @property
    def id(self) -> str:
        """The record's id."""
        return self.record.id

    @property
    def content(self) -> str:
        """The record's content."""
        return self.record.content

    def __repr__(self) -> str:
        return f"<Hit {self.score:.4f} {self.record!r}>"

    def to_dict(self) -> dict[str, Any]:
        """The hit as JSON."""
        return {
            "score": self.score,
            "similarity": self.similarity,
            "lexical": self.lexical,
            "parts": self.parts,
            "record": self.record.to_dict(),
            **({"context": [one.to_dict() for one in self.context]} if self.context else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Related:
    """A record that links lead to, and how.

    Attributes:
        record: what was found.
        score: what it was ranked by: the score of where its path begins times, for every link of
            the path, the link's weight and the decay.
        path: the links from where it begins to the record; a link can be walked either way. Empty
            for a record that the search itself found.
    """

    record: Record
    score: float
    path: tuple[Link, ...] = ()

    @property
    def id(self) -> str:
        """The record's id."""
        return self.record.id

    @property
    def content(self) -> str:
        """The record's content."""
        return self.record.content

    @property
    def hops(self) -> int:
        """How many links its path has."""
        return len(self.path)

    def __repr__(self) -> str:
        return f"<Related {self.score:.4f} hops={self.hops} {self.record!r}>"

    def to_dict(self) -> dict[str, Any]:
        """The record, its score and its path as JSON."""
        return {
            "score": self.score,
            "hops": self.hops,
            "path": [link.to_dict() for link in self.path],
            "record": self.record.to_dict(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a search found its candidates.

    Attributes:
        route: `exact` (every match scored from the ledger), `index` (Chroma asked over the whole
            space, each hit checked against the ledger), `index-where` (Chroma asked with the
            scope as `where`, each hit checked), or `none` (no vector was needed).
        reason: the counts that decided it, in words.
        matches: how many live records lie in the view, before the filter.
        candidates: how many records were scored.
        tail: how many changed records the index did not know yet; they were scored exactly.
        milliseconds: how long the search took.
    """

    route: str
    reason: str
    matches: int
    candidates: int
    tail: int
    milliseconds: float


class Hits(list[Hit]):
    """The hits of one search, best first.

    Attributes:
        plan: how they were found, when `explain=True` was asked for.
        relevance: how likely it is that the best of them answer the query, 0 to 1, whatever page
            this is; None unless a hybrid search was made. It is calibrated for the built-in
            embedder and English (`docs/recall.md`).
    """

    def __init__(
        self,
        hits: Iterable[Hit] = (),
        *,
        plan: Plan | None = None,
        relevance: float | None = None,
    ) -> None:
        super().__init__(hits)
        self.plan = plan
        self.relevance = relevance


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeInfo:
    """A scope that holds records.

    Attributes:
        scope: the scope.
        records: how many live records lie at it or, where listing stopped at a depth, below it.
    """

    scope: Scope
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry of the journal: what happened to a record, and when. Never its text.

    Attributes:
        seq: its place in the journal. Later commits have larger numbers; some may be missing.
        at: when it happened, aware UTC.
        operation: `add`, `update`, `delete`, `move` (out of this scope; the change that follows
            it is in the new one), `expire` (removed after its time), `archive`, `restore`,
            `supersede`, `merge`, `link` and `unlink` (of the link's source); later versions may
            add other lower-case words.
        record_id: the record's id. It may have changed again since, or be gone.
        scope: where the record lay; for `move`, where it lay before.
        version: which version of the record was made; where the operation makes none, such as
            `delete`, the last one.
        detail: what else the operation is about, as JSON; often empty. For a link its `type` and
            its `target`; a target that lies outside the view is left out.
    """

    seq: int
    at: datetime
    operation: str
    record_id: str
    scope: Scope
    version: int
    detail: dict[str, JsonValue] = field(default_factory=dict[str, "JsonValue"])

    def __hash__(self) -> int:
        return hash(self.seq)

    def to_dict(self) -> dict[str, Any]:
        """The event as JSON: the scope as a path, the time as ISO 8601 text."""
        return {
            "seq": self.seq,
            "at": self.at.isoformat(),
            "operation": self.operation,
            "record_id": self.record_id,
            "scope": self.scope.path,
            "version": self.version,
            "detail": self.detail,
        }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
