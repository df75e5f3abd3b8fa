"""From what a caller gave to a whole, checked record: everything bad is refused here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, cast

import numpy as np

from commonplace import limits
from commonplace.clock import from_micros, to_micros
from commonplace.errors import InvalidInputError, LimitExceededError
from commonplace.jsonvalue import checked_json, checked_text, dump_json
from commonplace.record import Record, Source
from commonplace.scope import Scope, ScopeLike

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

_WORD = re.compile(r"[a-z][a-z0-9_-]{0,63}")
OWN_SPACE = "default"
"""The name of the space that a memory's own embedder fills."""
_RECORD_FIELDS = frozenset(Record.__dataclass_fields__)

VectorLike: TypeAlias = "Sequence[float] | NDArray[np.floating[Any]]"
"""One vector: numbers in a list, a tuple or a one-dimensional array."""


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
    """

    record: Record
    embed: tuple[str, ...] | None = None
    vectors: dict[str, NDArray[np.float32]] = field(
        default_factory=dict[str, "NDArray[np.float32]"]
    )
    chosen_id: bool = False


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
    if unknown := sorted(set(given) - set(RecordFields.__annotations__)):
        raise InvalidInputError(
            f"a record has no {unknown[0]!r}; it has {sorted(RecordFields.__annotations__)}"
        )
    chosen = given.get("id")
    created = given.get("created_at")
    written = from_micros(now)
    record = Record(
        id=fresh_id if chosen is None else checked_record_id(chosen),
        scope=scope if (named := given.get("scope")) is None else Scope.of(named),
        created_at=written if created is None else _moment(created, "created_at"),
        updated_at=written,
        expires_at=_expiry(given, now),
        **checked_parts({"content": content, **_parts(given)}),
    )
    check_validity(record)
    return Draft(
        record=record,
        embed=checked_embed(given.get("embed", True)),
        vectors=_vectors(given),
        chosen_id=chosen is not None,
    )


def checked_record_id(chosen: object) -> str:
    """The id of a record, as a caller chose it.

    Raises:
        InvalidInputError: it is not text, empty, too long, or holds a NUL character.
    """
    return _name(chosen, "id", limits.MAX_ID_CHARACTERS)


def checked_parts(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The given parts of a record, each checked and copied; other names are left out."""
    return {name: _CHECKS[name](part) for name, part in parts.items() if name in _CHECKS}


def fault_of(given: Mapping[str, Any]) -> str | None:
    """The first field that is refused whatever the others are; None if it is none alone."""
    for name, part in given.items():
        try:
            if name in _CHECKS or (name in _FIELD_CHECKS and part is not None):
                _FIELD_CHECKS[name](part)
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
        vectors: as in `Draft`.
    """

    now: int
    parts: dict[str, Any]
    embed: tuple[str, ...] | None
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
            parts["expires_at"] = _optional_moment(changes["expires_at"], "expires_at")
        embed = checked_embed(changes.get("embed", True))
        return cls(now=now, parts=parts, embed=embed, vectors=_vectors(changes))

    @property
    def scope(self) -> Scope | None:
        """Where the record is to move, if it is."""
        return self.parts.get("scope")

    @property
    def content(self) -> str | None:
        """The new content, if it changes."""
        return self.parts.get("content")

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


def checked_embed(embed: object) -> tuple[str, ...] | None:
    """The texts to embed: None for the content, empty for none.

    Raises:
        InvalidInputError: `embed` is neither a bool nor a sequence of texts.
    """
    if isinstance(embed, bool):
        return None if embed else ()
    if isinstance(embed, str) or not isinstance(embed, list | tuple):
        raise InvalidInputError("embed is True, False, or a list of the texts to embed")
    texts = tuple(_content(text) for text in cast("Sequence[object]", embed))
    if len(texts) > limits.MAX_VECTORS_PER_RECORD:
        raise LimitExceededError(f"embed has at most {limits.MAX_VECTORS_PER_RECORD} texts")
    return tuple(text for text in texts if text.strip())


def checked_vectors(vectors: object, name: str) -> NDArray[np.float32]:
    """One vector or several as an array of shape (n, dimension), float32 and finite.

    Raises:
        InvalidInputError: not numbers, empty, ragged, or not finite.
        LimitExceededError: too many, or too long.
    """
    try:
        with np.errstate(over="ignore"):  # what overflows is found to be infinite below
            array = np.asarray(vectors, dtype=np.float32)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInputError(f"{name} is a list of numbers, all of one length") from error
    array = array.reshape(1, -1) if array.ndim == 1 else array
    if array.ndim != 2 or not array.size:  # noqa: PLR2004 - a matrix has two axes
        raise InvalidInputError(f"{name} is one vector or a list of vectors, and not empty")
    if not np.isfinite(array).all():
        raise InvalidInputError(f"{name} holds NaN, infinity or a number too large for float32")
    if len(array) > limits.MAX_VECTORS_PER_RECORD or array.shape[1] > limits.MAX_DIMENSION:
        raise LimitExceededError(
            f"{name} has at most {limits.MAX_VECTORS_PER_RECORD} vectors "
            f"of {limits.MAX_DIMENSION} numbers"
        )
    return array.copy()


def checked_query_vector(vector: object) -> NDArray[np.float32] | None:
    """The one vector of a query, or None if there is none.

    Raises:
        InvalidInputError: it is malformed, or there are several.
    """
    if vector is None:
        return None
    matrix = checked_vectors(vector, "vector")
    if len(matrix) > 1:
        raise InvalidInputError("a search takes one vector; search once for each")
    return matrix[0]


def checked_kinds(kinds: object) -> tuple[str, ...]:
    """A kind or several, each a lower-case word.

    Raises:
        InvalidInputError: one is not.
    """
    return tuple(_kind(kind) for kind in _texts(kinds, "kinds"))


def checked_types(types: object) -> tuple[str, ...]:
    """A type of links or several, each a lower-case word.

    Raises:
        InvalidInputError: one is not.
    """
    return tuple(checked_type(one) for one in _texts(types, "types"))


def checked_type(type_: object) -> str:
    """The type of a link, a lower-case word.

    Raises:
        InvalidInputError: it is none.
    """
    return _word(type_, "a link's type", "causes")


def checked_reason(reason: object) -> str | None:
    """Why a link is made, or None.

    Raises:
        InvalidInputError: it is not text.
        LimitExceededError: it is longer than 4,000 characters.
    """
    return None if reason is None else _name(reason, "reason", limits.MAX_REASON_CHARACTERS)


def checked_tags(tags: object) -> tuple[str, ...]:
    """Tags in the order given, without repeats.

    Raises:
        InvalidInputError: they are not texts.
        LimitExceededError: too many, or one too long.
    """
    unique = tuple(dict.fromkeys(_texts(tags, "tags")))
    if len(unique) > limits.MAX_TAGS:
        raise LimitExceededError(f"a record has at most {limits.MAX_TAGS} tags, got {len(unique)}")
    return tuple(_name(tag, "a tag", limits.MAX_TAG_CHARACTERS) for tag in unique)


def _parts(given: RecordFields) -> dict[str, Any]:
    return {name: part for name, part in given.items() if name in _CHECKS}


def _texts(texts: object, name: str) -> Sequence[str]:
    if isinstance(texts, str):
        return (texts,)
    if not isinstance(texts, list | tuple | set | frozenset):
        raise InvalidInputError(f"{name} is a list of texts, not {type(texts).__name__}")
    items = list(cast("Sequence[object]", texts))
    if not all(isinstance(item, str) for item in items):
        raise InvalidInputError(f"{name} is a list of texts; one of them is not text")
    return cast("list[str]", items)


def _content(content: object) -> str:
    if not isinstance(content, str):
        raise InvalidInputError(f"content is text, not {type(content).__name__}")
    if len(content) > limits.MAX_CONTENT_CHARACTERS:
        raise LimitExceededError(
            f"content has at most {limits.MAX_CONTENT_CHARACTERS:,} characters, "
            f"got {len(content):,}; split it into several records"
        )
    return checked_text(content, "content")


def _name(text: object, name: str, longest: int) -> str:
    if not isinstance(text, str):
        raise InvalidInputError(f"{name} is text, not {type(text).__name__}")
    if not text and name == "id":
        raise InvalidInputError("id may not be empty; leave it out to get a new one")
    if len(text) > longest:
        raise LimitExceededError(f"{name} has at most {longest:,} characters, got {len(text):,}")
    if "\0" in text and name in {"id", "key"}:  # SQLite's JSON functions end a text there
        raise InvalidInputError(f"{name} may not hold a NUL character")
    return checked_text(text, name)


def _key(key: object) -> str | None:
    return None if key is None else _name(key, "key", limits.MAX_KEY_CHARACTERS)


def _kind(kind: object) -> str:
    return _word(kind, "a kind", "fact")


def _word(word: object, name: str, example: str) -> str:
    if not isinstance(word, str) or not _WORD.fullmatch(word):
        raise InvalidInputError(
            f"{name} is a lower-case word such as {example!r} "
            "(letters, digits, '_' and '-', at most 64)"
        )
    return word


def _value(value: object) -> Any:
    copy = checked_json(value, "value")
    if len(dump_json(copy)) > limits.MAX_VALUE_CHARACTERS:
        raise LimitExceededError(f"value has at most {limits.MAX_VALUE_CHARACTERS:,} characters")
    return copy


def _metadata(metadata: object) -> dict[str, Any]:
    if metadata is None:
        return {}
    copy = checked_json(metadata, "metadata")
    if not isinstance(copy, dict):
        raise InvalidInputError(f"metadata is a dict, not {type(metadata).__name__}")
    if len(copy) > limits.MAX_METADATA_KEYS:
        raise LimitExceededError(f"metadata has at most {limits.MAX_METADATA_KEYS} keys")
    if len(dump_json(copy)) > limits.MAX_METADATA_CHARACTERS:
        raise LimitExceededError(
            f"metadata has at most {limits.MAX_METADATA_CHARACTERS:,} characters as JSON; "
            "store large data as value"
        )
    return copy


def _unit(number: object, name: str) -> float:
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= 1:
        raise InvalidInputError(f"{name} is a number from 0 to 1")
    return float(number)


def _importance(importance: object) -> float:
    return _unit(importance, "importance")


def _source(source: object) -> Source:
    if source is None:
        return Source()
    if not isinstance(source, Source):
        if not isinstance(source, dict):
            raise InvalidInputError(f"source is a Source, not {type(source).__name__}")
        source = Source.from_dict(cast("dict[str, Any]", source))
    for name, part in source.to_dict().items():
        if name == "trust":
            _unit(part, "source.trust")
        else:
            _name(part, f"source.{name}", limits.MAX_KEY_CHARACTERS)
    return source


def _moment(moment: object, name: str) -> datetime:
    return from_micros(to_micros(cast("datetime", moment), name))


def _optional_moment(moment: object, name: str) -> datetime | None:
    return None if moment is None else _moment(moment, name)


def _valid_from(moment: object) -> datetime | None:
    return _optional_moment(moment, "valid_from")


def _valid_to(moment: object) -> datetime | None:
    return _optional_moment(moment, "valid_to")


def _expiry(given: RecordFields, now: int) -> datetime | None:
    expires, ttl = given.get("expires_at"), given.get("ttl")
    if ttl is None:
        return _optional_moment(expires, "expires_at")
    if expires is not None:
        raise InvalidInputError("give expires_at or ttl, not both")
    return from_micros(now) + checked_ttl(ttl)


def checked_ttl(ttl: object) -> timedelta:
    """A time to live, given as a timedelta or in seconds.

    Raises:
        InvalidInputError: not positive, not a number, or beyond the year 9999.
    """
    try:
        span = ttl if isinstance(ttl, timedelta) else timedelta(seconds=cast("float", ttl))
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInputError("ttl is a timedelta or a number of seconds") from error
    if isinstance(ttl, bool) or not timedelta(0) < span <= timedelta(days=365_000):
        raise InvalidInputError("ttl is longer than nothing and at most 1,000 years")
    return span


def _vectors(given: RecordFields | RecordChanges) -> dict[str, NDArray[np.float32]]:
    brought: Any = {} if given.get("vectors") is None else given.get("vectors")
    if not isinstance(brought, dict):
        raise InvalidInputError("vectors is a dict from space name to one or several vectors")
    named: dict[str, Any] = {
        _name(space, "a space name", limits.MAX_TAG_CHARACTERS): vectors
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


_CHECKS = {
    "content": _content,
    "key": _key,
    "kind": _kind,
    "value": _value,
    "tags": checked_tags,
    "metadata": _metadata,
    "importance": _importance,
    "source": _source,
    "valid_from": _valid_from,
    "valid_to": _valid_to,
}
_FIELD_CHECKS: dict[str, Callable[[Any], object]] = {
    **_CHECKS,
    "id": checked_record_id,
    "scope": Scope.of,
    "created_at": lambda moment: _moment(moment, "created_at"),
    "expires_at": lambda moment: _moment(moment, "expires_at"),
    "ttl": checked_ttl,
    "vector": lambda vectors: checked_vectors(vectors, "vector"),
    "embed": checked_embed,
}
