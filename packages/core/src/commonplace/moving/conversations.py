"""`Conversation`: a thread as a file tells it, whatever the file's format."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, cast

from commonplace import limits
from commonplace.arguments import checked_size
from commonplace.clock import from_iso, to_micros
from commonplace.errors import FormatError, InvalidInputError
from commonplace.jsonvalue import dump_json
from commonplace.moving.manifest import says_export
from commonplace.parts import checked_name, checked_parts, checked_record_id, checked_ttl
from commonplace.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from commonplace.moving.files import Source
    from commonplace.moving.reports import Refusal

ThreadFormat: TypeAlias = Literal["jsonl", "openai", "longmemeval"]
FORMATS: tuple[ThreadFormat, ...] = ("jsonl", "openai", "longmemeval")

_FIRST_NAME = re.compile(rb'[\s\[]*\{\s*"([^"\\]{0,64})"')
_SNIFFED = 4096
_OURS = frozenset({"thread", "message"})
_LONGMEMEVAL = frozenset({"questions", "sessions", "question_id", "haystack_sessions"})
_DIGEST_BYTES = 16
_MICROS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a file says of a thread besides its messages, checked. Times are in microseconds.

    Attributes:
        name: its key, or else its id: what it is looked for by.
        key: its key, or None.
        id: the id that it had, or None.
        scope: where it lives; None where the import says.
        metadata: a JSON object.
        created_at: when it was made, if that is known.
        updated_at: when it last changed, if that is known.
        ended_at: when it ended, or None.
        expires_at: when it is over, or None.
        max_messages: how many messages it keeps, or None.
        message_ttl: how long its messages live, or None.
    """

    name: str
    key: str | None = None
    id: str | None = None
    scope: Scope | None = None
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])
    created_at: int | None = None
    updated_at: int | None = None
    ended_at: int | None = None
    expires_at: int | None = None
    max_messages: int | None = None
    message_ttl: int | None = None


class Said(NamedTuple):
    """One message of a conversation, as the file has it, and the line it is in."""

    line: int
    message: Any


@dataclass(frozen=True, slots=True)
class Conversation:
    """A thread in a file.

    Attributes:
        line: the line in which it begins.
        head: what is said of it besides its messages.
        messages: its messages in order, to be read before the file is read on; reading them raises
            `BrokenConversationError` where one is missing or cannot be read.
    """

    line: int
    head: Head
    messages: Iterable[Said]


class BrokenConversationError(InvalidInputError):
    """A conversation cannot be read whole."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


Read: TypeAlias = "Iterator[Conversation | Refusal]"
"""What a reader finds in a file: conversations, and what is none and why."""


def format_of(source: Source) -> ThreadFormat:
    """The format of a file of conversations, by how it begins.

    Raises:
        FormatError: it holds no conversations: it is the export of a memory.
    """
    begin = next(source.chunks(), b"")[:_SNIFFED]
    named = _FIRST_NAME.match(begin.removeprefix(b"\xef\xbb\xbf"))
    name = named[1].decode(errors="replace") if named else ""
    if name == "format" and says_export(next(source.lines(), b"")):
        raise FormatError(f"{source.path} is the export of a memory; read it with import_")
    if name in _OURS:
        return "jsonl"
    return "longmemeval" if name in _LONGMEMEVAL else "openai"


def head_of(said: object) -> Head:
    """What a file says of a thread, as `ThreadInfo.to_dict` writes it, checked.

    Raises:
        InvalidInputError: a part is malformed, or it has neither a key nor an id.
    """
    if not isinstance(said, dict):
        raise InvalidInputError("a thread is an object")
    given = {name: part for name, part in cast("dict[str, Any]", said).items() if part is not None}
    key = None if "key" not in given else _named(given["key"], "key")
    its_id = None if "id" not in given else checked_record_id(given["id"])
    name = key or its_id
    if name is None:
        raise InvalidInputError("a thread has a key or an id")
    return Head(
        name=name,
        key=key,
        id=its_id,
        scope=None if "scope" not in given else Scope.of(given["scope"]),
        metadata=checked_parts({"metadata": given.get("metadata")})["metadata"],
        **{one: moment_of(given[one], one) for one in _TIMES if one in given},
        max_messages=_size(given.get("max_messages")),
        message_ttl=_micros(given.get("message_ttl")),
    )


def moment_of(text: object, name: str) -> int:
    """A moment written as ISO 8601 text, in microseconds.

    Raises:
        InvalidInputError: it is none, or has no time zone.
    """
    if not isinstance(text, str):
        raise InvalidInputError(f"{name} is a time as ISO 8601 text")
    return to_micros(from_iso(text), name)


def digest_of(*parts: object) -> str:
    """A name for something that has none, the same whenever it is read.

    Raises:
        InvalidInputError: it is not JSON that can be kept.
    """
    try:
        written = dump_json(cast("Any", list(parts))).encode()
    except ValueError:
        raise InvalidInputError("it holds a number or a text that JSON cannot keep") from None
    return hashlib.blake2b(written, digest_size=_DIGEST_BYTES).hexdigest()


def _named(given: object, name: str) -> str:
    found = checked_name(given, name, limits.MAX_KEY_CHARACTERS)
    if not found:
        raise InvalidInputError(f"a thread's {name} may not be empty")
    return found


def _size(given: Any) -> int | None:
    return None if given is None else checked_size(given, "max_messages")


def _micros(seconds: Any) -> int | None:
    return None if seconds is None else round(checked_ttl(seconds).total_seconds() * _MICROS)


_TIMES = ("created_at", "updated_at", "ended_at", "expires_at")
