"""`Message` and `ThreadInfo`: what a conversation is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from commonplace.clock import from_iso
from commonplace.errors import InvalidInputError
from commonplace.record import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from commonplace.jsonvalue import JsonValue
    from commonplace.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Message:
    """One message of a thread, as it was when it was read. Times are aware UTC.

    Attributes:
        role: who speaks: `user`, `assistant`, `system`, `tool`, or a person's name.
        content: its text, or content blocks in any JSON.
        id: the caller's id for it, unique within its thread; its record's id if none was chosen.
        role_type: `user`, `assistant`, `system` or `tool`, where `role` is a person's name.
        name: the speaker's name, or None.
        metadata: a JSON object.
        created_at: when it was written.
        token_count: how many tokens it takes in a prompt.
        position: its place in the thread; later ones are larger, removed ones leave gaps.
        record_id: the record that holds it, for `get`, `link` and `history`.
        expires_at: from when on it is invisible, or None.
        source: who wrote it through what.
        original: the message in the form it was given, where that says more than the parts above.
    """

    role: str
    content: JsonValue
    id: str
    role_type: str | None = None
    name: str | None = None
    metadata: dict[str, JsonValue] = field(default_factory=dict[str, "JsonValue"])
    created_at: datetime
    token_count: int
    position: int
    record_id: str
    expires_at: datetime | None = None
    source: Source
    original: dict[str, JsonValue] | None = None

    def __hash__(self) -> int:
        return hash((self.record_id, self.position))

    def __repr__(self) -> str:
        return f"<Message {self.position} {self.id} by {self.role!r}, {len(self.text)} characters>"

    @property
    def text(self) -> str:
        """Its words: the content, or the texts of its blocks, one to a line."""
        return text_of(self.content)

    @property
    def kind(self) -> str:
        """`user`, `assistant`, `system`, `tool`, or the role itself where that is another word."""
        return self.role_type or _KINDS.get(self.role, self.role)

    @property
    def given(self) -> dict[str, JsonValue]:
        """The message as it was given: an OpenAI, LangChain or AutoGen dict, or role and content.

        It can go into the prompt of the framework that it came from.
        """
        if self.original is not None:
            return self.original
        named: dict[str, JsonValue] = {} if self.name is None else {"name": self.name}
        return {"role": self.role, "content": self.content, **named}

    def to_dict(self) -> dict[str, Any]:
        """The message as JSON; `Thread.add` takes it back."""
        return {
            "id": self.id,
            "role": self.role,
            "role_type": self.role_type,
            "name": self.name,
            "content": self.content,
            "metadata": self.metadata,
            "created_at": self.created_at.isoformat(),
            "expires_at": self.expires_at.isoformat() if self.expires_at else None,
            "token_count": self.token_count,
            "position": self.position,
            "record_id": self.record_id,
            "source": self.source.to_dict(),
            "original": self.original,
        }

    @classmethod
    def from_dict(cls, parts: Mapping[str, Any]) -> Message:
        """The message that `to_dict` described.

        Raises:
            InvalidInputError: a part is missing, has an unknown name, or is no time where one is
                expected.
        """
        if parts.keys() != cls.__dataclass_fields__.keys():
            odd = sorted(parts.keys() ^ cls.__dataclass_fields__.keys())
            raise InvalidInputError(f"{odd[0]!r} is missing or unknown; give what to_dict gave")
        expires = parts["expires_at"]
        read: dict[str, Any] = {
            "created_at": from_iso(parts["created_at"]),
            "expires_at": None if expires is None else from_iso(expires),
            "source": Source.from_dict(parts["source"]),
        }
        return cls(**{**parts, **read})


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ThreadInfo:
    """What is known of a thread without reading its messages. Times are aware UTC.

    Attributes:
        id: UUIDv7 text, of this thread alone.
        key: the caller's name for it, unique within its scope, or None.
        scope: where it and its messages live.
        metadata: a JSON object.
        created_at: when it was made.
        updated_at: when a message or the thread itself last changed.
        ended_at: since when it takes no more messages, or None.
        expires_at: from when on it and its messages are invisible, or None.
        max_messages: how many messages it keeps, the oldest go; None for all.
        message_ttl: seconds until a message is forgotten; None for never.
        messages: how many messages it has, expired ones included until they are swept.
        tokens: how many tokens they take.
    """

    id: str
    key: str | None
    scope: Scope
    metadata: dict[str, JsonValue] = field(default_factory=dict[str, "JsonValue"])
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None = None
    expires_at: datetime | None = None
    max_messages: int | None = None
    message_ttl: float | None = None
    messages: int = 0
    tokens: int = 0

    def __hash__(self) -> int:
        return hash((self.id, self.updated_at))

    def __repr__(self) -> str:
        name = f" key={self.key!r}" if self.key is not None else ""
        return f"<Thread {self.id}{name} in {self.scope.path!r}, {self.messages} messages>"

    def to_dict(self) -> dict[str, Any]:
        """The thread as JSON: the scope as a path, times as ISO 8601 text."""
        times = {
            name: None if moment is None else moment.isoformat()
            for name in ("created_at", "updated_at", "ended_at", "expires_at")
            for moment in [getattr(self, name)]
        }
        return {
            "id": self.id,
            "key": self.key,
            "scope": self.scope.path,
            "metadata": self.metadata,
            **times,
            "max_messages": self.max_messages,
            "message_ttl": self.message_ttl,
            "messages": self.messages,
            "tokens": self.tokens,
        }


def text_of(content: object) -> str:
    """The words in a content: itself, or the texts in its blocks, one to a line."""
    return content if isinstance(content, str) else "\n".join(_texts(content))


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for block in cast("list[object]", content):
            yield from _texts(block)
    elif isinstance(content, dict):
        block = cast("dict[str, object]", content)
        for name in ("text", "content", "output", "refusal", "summary"):
            found = block.get(name)
            if isinstance(found, str | list | dict):
                yield from _texts(cast("object", found))


def summary_key(thread_id: str) -> str:
    """The key of the record that sums up a thread."""
    return f"summary:{thread_id}"


_KINDS = {
    "human": "user",
    "ai": "assistant",
    "model": "assistant",
    "developer": "system",
    "function": "tool",
}
