"""The parts of a record, each checked by itself: its type, its form and its limits."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from commonplace import limits
from commonplace.clock import from_micros, to_micros
from commonplace.errors import InvalidInputError, LimitExceededError
from commonplace.jsonvalue import checked_json, checked_text, dump_json
from commonplace.record import Source
from commonplace.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

_WORD = re.compile(r"[a-z][a-z0-9_-]{0,63}")

VectorLike: TypeAlias = "Sequence[float] | NDArray[np.floating[Any]]"
"""One vector: numbers in a list, a tuple or a one-dimensional array."""


def checked_record_id(chosen: object) -> str:
    """The id of a record, as a caller chose it.

    Raises:
        InvalidInputError: it is not text, empty, too long, or holds a NUL character.
    """
    return checked_name(chosen, "id", limits.MAX_ID_CHARACTERS)


def checked_parts(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The given parts of a record, each checked and copied; other names are left out."""
    return {name: CHECKS[name](part) for name, part in parts.items() if name in CHECKS}


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
    return None if reason is None else checked_name(reason, "reason", limits.MAX_REASON_CHARACTERS)


def checked_tags(tags: object) -> tuple[str, ...]:
    """Tags in the order given, without repeats.

    Raises:
        InvalidInputError: they are not texts.
        LimitExceededError: too many, or one too long.
    """
    unique = tuple(dict.fromkeys(_texts(tags, "tags")))
    if len(unique) > limits.MAX_TAGS:
        raise LimitExceededError(f"a record has at most {limits.MAX_TAGS} tags, got {len(unique)}")
    return tuple(checked_name(tag, "a tag", limits.MAX_TAG_CHARACTERS) for tag in unique)


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


def checked_name(text: object, name: str, longest: int) -> str:
    """A text of at most so many characters that names something; ids and keys hold no NUL."""
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
    return None if key is None else checked_name(key, "key", limits.MAX_KEY_CHARACTERS)


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
            checked_name(part, f"source.{name}", limits.MAX_KEY_CHARACTERS)
    return source


def checked_moment(moment: object, name: str) -> datetime:
    """An aware moment, in UTC."""
    return from_micros(to_micros(cast("datetime", moment), name))


def optional_moment(moment: object, name: str) -> datetime | None:
    """The same, or None."""
    return None if moment is None else checked_moment(moment, name)


def _valid_from(moment: object) -> datetime | None:
    return optional_moment(moment, "valid_from")


def _valid_to(moment: object) -> datetime | None:
    return optional_moment(moment, "valid_to")


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


CHECKS = {
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
"""The parts that make a record, by name, and how each is checked."""
FIELD_CHECKS: dict[str, Callable[[Any], object]] = {
    **CHECKS,
    "id": checked_record_id,
    "scope": Scope.of,
    "created_at": lambda moment: checked_moment(moment, "created_at"),
    "expires_at": lambda moment: checked_moment(moment, "expires_at"),
    "ttl": checked_ttl,
    "vector": lambda vectors: checked_vectors(vectors, "vector"),
    "embed": checked_embed,
}
"""Those, and what else a caller may say of a record."""
