"""From what a caller gave to a whole, checked record: everything bad is refused here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypedDict, cast

from commonplace import limits
from commonplace.clock import from_micros
from commonplace.errors import InvalidInputError
from commonplace.parts import (
    CHECKS,
    FIELD_CHECKS,
    VectorLike,
    checked_embed,
    checked_moment,
    checked_name,
    checked_parts,
    checked_record_id,
    checked_ttl,
    checked_vectors,
    optional_moment,
)
from commonplace.record import Record, Source
from commonplace.scope import Scope, ScopeLike

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    import numpy as np
    from numpy.typing import NDArray

OWN_SPACE = "default"
"""The name of the space that a memory's own embedder fills."""
_RECORD_FIELDS = frozenset(Record.__dataclass_fields__)


class RecordFields(TypedDict, total=False):
    """What `add` and each item of `add_many` may say about a record besides its content."""

    id: str | None
    scope: ScopeLike | None
    key: str | None
    kind: str
    value: Any
    tags: Sequence[str]
    metadata: Mapping[str, Any] | None
    importance: float
    source: Source | Mapping[str, Any] | None
    created_at: datetime | None
    expires_at: datetime | None
    ttl: timedelta | float | None
    valid_from: datetime | None
    valid_to: datetime | None
    vector: VectorLike | Sequence[VectorLike] | None
    vectors: Mapping[str, VectorLike | Sequence[VectorLike]] | None
    embed: bool | Sequence[str]


class RecordChanges(TypedDict, total=False):
    """What `update` may change."""

    content: str
    scope: ScopeLike
    key: str | None
    kind: str
    value: Any
    tags: Sequence[str]
    metadata: Mapping[str, Any] | None
    importance: float
    source: Source | Mapping[str, Any] | None
    expires_at: datetime | None
    valid_from: datetime | None
    valid_to: datetime | None
    vector: VectorLike | Sequence[VectorLike] | None
    vectors: Mapping[str, VectorLike | Sequence[VectorLike]] | None
    embed: bool | Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A record about to be written, and how it is to be found.

    Attributes:
        record: checked and whole; the ledger still decides id, version and `created_at` when it
            replaces one.
        embed: the texts to embed; None for the content itself, empty for no vector at all.
        vectors: the vectors the caller brought, by space name; `""` is the memory's own space.
        chosen_id: whether the caller chose the id.
        copied: whether the vectors were made from the text of another record, which this is a copy
            of: they go where middleware changes the text.
    """

    record: Record
    embed: tuple[str, ...] | None = None
    vectors: dict[str, NDArray[np.float32]] = field(
        default_factory=dict[str, "NDArray[np.float32]"]
    )
    chosen_id: bool = False
    copied: bool = False


def draft(content: str, given: RecordFields, *, scope: Scope, now: int, fresh_id: str) -> Draft:
    """The checked draft of a new record.

    Args:
        content: the text to remember.
        given: the optional parts.
        scope: where it goes when `given` names no scope.
        now: the present moment in microseconds.
        fresh_id: the id it gets when `given` names none.

    Raises:
        InvalidInputError: a part is of the wrong type or out of its range.
        LimitExceededError: a part is too large.
    """
    if unknown := sorted(set(given) - set(RecordFields.__annotations__), key=str):
        raise InvalidInputError(
            f"a record has no {unknown[0]!r}; it has {sorted(RecordFields.__annotations__)}"
        )
    chosen = given.get("id")
    created = given.get("created_at")
    written = from_micros(now)
    record = Record(
        id=fresh_id if chosen is None else checked_record_id(chosen),
        scope=scope if (named := given.get("scope")) is None else Scope.of(named),
        created_at=written if created is None else checked_moment(created, "created_at"),
        updated_at=written,
        expires_at=_expiry(given, now),
        **checked_parts({**given, "content": content}),
    )
    check_validity(record)
    return Draft(
        record=record,
        embed=checked_embed(given.get("embed", True)),
        vectors=_vectors(given),
        chosen_id=chosen is not None,
    )


def fault_of(given: Mapping[str, Any]) -> str | None:
    """The first field that is refused whatever the others are; None if it is none alone."""
    for name, part in given.items():
        try:
            if name in CHECKS or (name in FIELD_CHECKS and part is not None):
                FIELD_CHECKS[name](part)
            elif name not in RecordFields.__annotations__:
                return name
        except InvalidInputError:
            return name
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """Checked changes to a record.

    Attributes:
        now: when they are made, in microseconds.
        parts: the new parts of the record, by name.
        embed: as in `Draft`.
        embeds: whether `embed` was said, so that vectors change even if the content does not.
        vectors: as in `Draft`.
    """

    now: int
    parts: dict[str, Any]
    embed: tuple[str, ...] | None
    embeds: bool
    vectors: dict[str, NDArray[np.float32]]

    @classmethod
    def of(cls, changes: RecordChanges, *, now: int) -> Revision:
        """The changes, checked and copied.

        Raises:
            InvalidInputError: a change is unknown, of the wrong type or out of its range.
        """
        if unknown := sorted(set(changes) - set(RecordChanges.__annotations__)):
            known = sorted(RecordChanges.__annotations__)
            raise InvalidInputError(f"{unknown[0]!r} cannot be changed; what can is {known}")
        parts = checked_parts(changes)
        if "scope" in changes:
            parts["scope"] = Scope.of(changes["scope"])
        if "expires_at" in changes:
            parts["expires_at"] = optional_moment(changes["expires_at"], "expires_at")
        return cls(
            now=now,
            parts=parts,
            embed=checked_embed(changes.get("embed", True)),
            embeds="embed" in changes,
            vectors=_vectors(changes),
        )

    @property
    def scope(self) -> Scope | None:
        """Where the record is to move, if it is."""
        return self.parts.get("scope")

    @property
    def content(self) -> str | None:
        """The new content, if it changes."""
        return self.parts.get("content")

    @property
    def lacks_content(self) -> bool:
        """Whether the present content must be known to embed it."""
        return self.embeds and "content" not in self.parts

    def about(self, record: Record) -> Revision:
        """The same, with the content of the record if that is lacking."""
        if not self.lacks_content:
            return self
        return replace(self, parts={**self.parts, "content": record.content})

    def applied(self, record: Record) -> Record:
        """The record with the changes; its version is one higher.

        Raises:
            InvalidInputError: the new state contradicts itself.
        """
        moment = from_micros(self.now)
        changed = replace(record, updated_at=moment, version=record.version + 1, **self.parts)
        check_validity(changed)
        return changed


def fields_of(record: Record) -> RecordFields:
    """What `draft` needs to make an equal record: for adding a record read elsewhere."""
    parts = {
        name: getattr(record, name)
        for name in RecordFields.__annotations__
        if name in _RECORD_FIELDS
    }
    return cast("RecordFields", parts)


def _expiry(given: RecordFields, now: int) -> datetime | None:
    expires, ttl = given.get("expires_at"), given.get("ttl")
    if ttl is None:
        return optional_moment(expires, "expires_at")
    if expires is not None:
        raise InvalidInputError("give expires_at or ttl, not both")
    return from_micros(now) + checked_ttl(ttl)


def _vectors(given: RecordFields | RecordChanges) -> dict[str, NDArray[np.float32]]:
    brought: Any = {} if given.get("vectors") is None else given.get("vectors")
    if not isinstance(brought, dict):
        raise InvalidInputError("vectors is a dict from space name to one or several vectors")
    named: dict[str, Any] = {
        checked_name(space, "a space name", limits.MAX_TAG_CHARACTERS): vectors
        for space, vectors in cast("dict[object, Any]", brought).items()
    }
    if OWN_SPACE in named:
        named[""] = named.pop(OWN_SPACE)
    if (own := given.get("vector")) is not None:
        if "" in named:
            raise InvalidInputError(f"give vector= or vectors={{{OWN_SPACE!r}: ...}}, not both")
        named[""] = own
    return {space: checked_vectors(vectors, "vector") for space, vectors in named.items()}


def later_expiry(one: Record, other: Record) -> datetime | None:
    """When the one that lives longer of two records expires; None if one of them never does."""
    if one.expires_at is None or other.expires_at is None:
        return None
    return max(one.expires_at, other.expires_at)


def check_validity(record: Record) -> None:
    """Refuse a record that ends before it begins to be true.

    Raises:
        InvalidInputError: it does.
    """
    if record.valid_from and record.valid_to and record.valid_to < record.valid_from:
        raise InvalidInputError("valid_to lies before valid_from; swap them")
